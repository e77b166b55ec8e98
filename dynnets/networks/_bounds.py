"""Lipschitz and averagedness constants of flow networks at their present weights."""

from jaxtyping import Array, Float

from ._flow_network import FlowNetwork
from ._lipschitz import layers_averagedness, layers_lipschitz


def lipschitz_bound(net: FlowNetwork, *, evaluated: bool = True) -> Float[Array, ""]:
    """An upper bound of the Lipschitz constant of a network in the 2-norm, rounding included.

    The product over all parts of: the sharp factor of a step down a ridge (Euler, the implicit
    midpoint rule, implicit Euler); one for a step within its non-expansive bound; `1 + |h| L` for
    Euler's method on another field with a known `lipschitz`; infinity where nothing is known, or
    where a number of the network is not finite. Norms are bounded from above by exact singular
    values, never by power iteration. Differentiable.

    Two maps have the network's name, and each has its bound:

    - `evaluated=False`: the map of the stored weights and step sizes in exact arithmetic. Where
      `net.structure` has NON_EXPANSIVE this bound is at most one, at any depth and in any dtype,
      since sizes keep clear of their limits by more than the rounding of their computation.
    - `evaluated=True`, the default: the map as its dtype computes it. Every part adds the rounding
      of its derivative, so that a non-expansive network has `1 + c depth eps` with `c` some ten
      times the number of rows and columns of a layer's weights. The derivative `D v` that automatic
      differentiation computes obeys it; two outputs differ by at most the bound times `|x - y|` and
      the round-off of the two outputs themselves, which no factor of `|x - y|` can cover.

    Why the layers do not contract by their rounding instead: where every activation is flat, a
    layer is the identity whatever its step size. The bound is not cut to one because a tag says so.
    Half precision: sizes as the network computes them, the rest in the default precision. An
    accelerator whose default products are coarser than their dtype (TF32, passes of bfloat16)
    evaluates in that precision; `jax.default_matmul_precision("highest")` gives the stated one.
    """
    return layers_lipschitz(
        net.steps, net.fields, net.step_sizes, (net.lift, net.project), evaluated=evaluated
    )


def averagedness(net: FlowNetwork) -> Float[Array, ""]:
    """The `alpha` with which a network is known to be `alpha`-averaged, at its present weights.

    Below one: averaged, so iterations of it converge to a fixed point where there is one; said only
    where `alpha` is below one by more than its rounding, so a step at its limit `2 / nu`, which may
    turn a state around for ever, has one. One: 1-Lipschitz only. Infinite: not even that is known.
    Layers compose by `compose_averagedness`; a `ZeroPadding` before and the `Truncation` back after
    keep `alpha`. Raises `ValueError` when the network's input and output differ in dimension.
    """
    return layers_averagedness(net.steps, net.fields, net.step_sizes, (net.lift, net.project))
