"""Backpropagation that stores no trajectory: the states are run backwards by the exact inverse.

Reverse-mode differentiation needs the states in reverse order, and usually stores them all. A step
with an exact inverse gives them back instead: from the state after a step it rebuilds the one
before, differentiates the step there, and goes on. So the derivative of a rollout is written by
hand here (`filter_custom_vjp`): the forward pass keeps the states that it returns anyway, and the
backward pass is a scan over the segments between them, from the last to the first. How one step is
undone and differentiated at once is in `_sweep.py`.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, PyTree

from dynnets._core import check_positive, check_size

from ._sweep import Back, Clock, sweep_of


class Reversible(eqx.Module):
    """`rollout(..., adjoint=Reversible())`: memory that does not grow with the number of steps.

    Between two saved states, gradients rebuild the trajectory backwards by the step's exact
    `inverse`; at a saved one they start afresh. Working memory is that of one step whatever
    `substeps` is, plus the saved states: `rollout(step, field, x0, (n * h, 1), substeps=n)` keeps
    the final state only. Gradients reach `x0`, the times, `args` and the parameters of field and
    step; those hidden in the closure of a plain function are not seen. Cost of a gradient: one
    evaluation and one pullback per part of a splitting, forward and back; steps of other kinds
    pay one inverse and one more evaluation. Forward-mode derivatives are refused by JAX.

    Round-off grows between saved states as it does along the trajectory, exponentially where the
    flow is chaotic: more saved states bound it.

    **Arguments:**

    - `tolerance`: raise at run time when a rebuilt state leaves the saved one by more than this
      (absolute, in the largest component), or is not finite; `None` raises nothing.
    - `monitor`: report that distance as `Rollout.drift`, for one more backward run per call.

    Raises `ValueError` for a tolerance that is not positive.
    Source: Chang, Meng, Haber, Ruthotto, Begert, Holtham, AAAI 2018, arXiv 1709.03698.
    """

    tolerance: float | None = eqx.field(default=None, static=True)
    monitor: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        if self.tolerance is not None:
            check_positive("tolerance", self.tolerance)


def reversible_states(run, step, field, x0, steps, args, substeps, adjoint: Reversible):
    """States after each interval of `steps = (starts, sizes)`, as `run(...)` gives them."""
    model, times = (step, field, args), steps
    return _states((model, x0, times), run, substeps, adjoint.tolerance)


@eqx.filter_custom_vjp
def _states(varying, run, substeps, tolerance):
    (step, field, args), x0, steps = varying
    return run(step, field, x0, steps, args, substeps)


@_states.def_fwd
def _states_forward(perturbed, varying, run, substeps, tolerance):
    xs = _states.fn(varying, run, substeps, tolerance)
    return xs, xs


@_states.def_bwd
def _states_backward(xs, xs_bar, perturbed, varying, run, substeps, tolerance):
    model, x0, steps = varying
    if xs_bar is None:
        return jtu.tree_map(lambda _: None, eqx.filter(varying, eqx.is_inexact_array))
    timed = any(jtu.tree_leaves(perturbed[2]))
    varied, fixed = eqx.partition(model, perturbed[0])
    sweep = sweep_of(model[0], varied, fixed, timed)
    back, drift, steps_bar = _sweep(sweep, varied, x0, steps, xs, xs_bar, substeps)
    x0_bar = sweep.pack(back.x_bar)
    if tolerance is not None:
        x0_bar = _guard(x0_bar, drift, tolerance)
    return back.model, x0_bar, (steps_bar if timed else (None, None))


def _guard(x_bar, drift, tolerance: float):
    message = (
        f"the trajectory was not rebuilt within the tolerance {tolerance}: save more states, use "
        "a smaller step or more digits"
    )
    return eqx.error_if(x_bar, ~(drift <= tolerance), message)


def _distance(sweep, rebuilt, x):
    return jnp.max(jnp.abs(sweep.pack(rebuilt) - x))


def _sweep(sweep, varied, x0, steps, xs, xs_bar, substeps):
    """Backwards over all saved states; cotangents, largest drift and cotangents of the times."""
    starts, sizes = steps
    zero = jnp.zeros((), x0.dtype)
    none = sweep.unpack(jnp.zeros_like(x0))
    # nothing was rebuilt yet: the last segment meets the last saved state with a drift of zero
    first = Back(sweep.unpack(xs[-1]), none, jtu.tree_map(jnp.zeros_like, varied), zero, zero)
    after = jnp.concatenate([sizes[1:], jnp.zeros_like(sizes[:1])]) / substeps

    def segment(carry, inputs):
        back, drift = carry
        start, size, h_after, x, x_bar = inputs
        clock, total = Clock(start, size / substeps), jnp.asarray(substeps, size.dtype)
        back, rebuilt, finished = sweep.meet(back, x, x_bar, clock, h_after, total)
        drift = jnp.maximum(drift, _distance(sweep, rebuilt, x))
        back = sweep.interior(back, clock, total - 1)
        return (_undo_rest(sweep, back, clock, substeps), drift), finished

    inputs = (starts, sizes, after, xs, xs_bar)
    (back, drift), later = jax.lax.scan(segment, (first, zero), inputs, reverse=True)
    # Each segment knows the cotangents of its own time and size only once the segment before it has
    # undone the part that both share: the scan yields them at the place before their own, and those
    # of the first segment are in the carry.
    back = sweep.leave(back, Clock(starts[0], sizes[0] / substeps))
    drift = jnp.maximum(drift, _distance(sweep, back.x, x0))
    bars = [
        jnp.concatenate([last[None], rest[:-1]])
        for last, rest in zip((back.start, back.h), later, strict=True)
    ]
    return back, drift, (bars[0], bars[1] / substeps)


def _undo_rest(sweep, back: Back, clock: Clock, substeps: int) -> Back:
    """Undo all steps of a segment but its last one."""
    if substeps == 1:
        return back

    def body(done, back):
        index = jnp.asarray(substeps - 2 - done, clock.h.dtype)
        return sweep.interior(sweep.between(back, clock, index + 1), clock, index)

    return jax.lax.fori_loop(0, substeps - 1, body, back)


def rebuilt_drift(step, field, x0, steps, args, xs, substeps):
    """Largest distance between the saved states and those rebuilt from the next saved one."""
    starts, sizes = steps

    def segment(_, inputs):
        start, size, x, x_next = inputs
        h = size / substeps

        def body(done, y):
            index = jnp.asarray(substeps - 1 - done, h.dtype)
            return step.inverse(field, start + index * h, y, h, args)

        return None, jnp.max(jnp.abs(jax.lax.fori_loop(0, substeps, body, x_next) - x))

    before = jnp.concatenate([x0[None], xs[:-1]])
    inputs = jax.lax.stop_gradient((starts, sizes, before, xs))
    field, step, args = jtu.tree_map(_stopped, (field, step, args))
    return jnp.max(jax.lax.scan(segment, None, inputs)[1])


def _stopped(leaf):
    return jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf


def reversible_scan(
    forward: Callable,
    inverse: Callable,
    layers: PyTree,
    x0: Array,
    *,
    backward: Callable | None = None,
    keep: int | None = None,
    tolerance: float | None = None,
) -> Array:
    """`x_L` of `x_{i+1} = forward(layer_i, x_i)`, with memory that does not grow with depth `L`.

    **Arguments:**

    - `forward(layer, x)`, `inverse(layer, x)`: pure functions, each undoing the other; every
      parameter stands in `layer`, since those hidden in a closure get no gradient.
    - `layers`: any module or tree whose arrays are stacked along a first axis of length `L`.
    - `x0`: the input, any shape.
    - `backward(layer, x', x'_bar) -> (x, layer_bar, x_bar)`: both at once where that is cheaper,
      see `undo_step`; `layer_bar` holds `None` for leaves that are not floating-point arrays.
    - `keep`: store the state after every `keep` layers, a divisor of `L`, and start afresh there,
      which bounds the round-off of rebuilding; `None` stores the output only.
    - `tolerance`: raise when a rebuilt state leaves the stored one by more than this.

    Cost of a gradient: forward and inverse once, one evaluation with its pullback; with
    `backward` less. Raises `ValueError` for a `keep` that does not divide the depth, or layers
    of unequal length. Source: Gomez, Ren, Urtasun, Grosse, NeurIPS 2017, arXiv 1707.04585.
    """
    depth = _depth(layers)
    keep = depth if keep is None else keep
    check_size("keep", keep)
    if depth % keep:
        raise ValueError(f"keep must divide the depth {depth}, got {keep}")
    if tolerance is not None:
        check_positive("tolerance", tolerance)
    kept = _layered((layers, x0), forward, inverse, backward, keep, tolerance)
    return kept[-1]


def _depth(layers) -> int:
    sizes = {a.shape[:1] for a in jtu.tree_leaves(eqx.filter(layers, eqx.is_array))}
    if len(sizes) != 1 or sizes == {()}:
        raise ValueError(f"layers are stacked along a first axis of one length, got {sizes}")
    return sizes.pop()[0]


@eqx.filter_custom_vjp
def _layered(varying, forward, inverse, backward, keep, tolerance):
    """The states after every `keep` layers, `(L / keep, *x0.shape)`."""
    layers, x0 = varying
    arrays, static = eqx.partition(layers, eqx.is_array)

    def one(x, arrays):
        return forward(eqx.combine(arrays, static), x), None

    def many(x, arrays):
        x = jax.lax.scan(one, x, arrays)[0]
        return x, x

    return jax.lax.scan(many, x0, _in_segments(arrays, keep))[1]


def _in_segments(tree, keep: int):
    return jtu.tree_map(lambda a: a.reshape(-1, keep, *a.shape[1:]), tree)


@_layered.def_fwd
def _layered_forward(perturbed, varying, *settings):
    xs = _layered.fn(varying, *settings)
    return xs, xs


@_layered.def_bwd
def _layered_backward(xs, xs_bar, perturbed, varying, forward, inverse, backward, keep, tolerance):
    layers, x0 = varying
    arrays, static = eqx.partition(layers, eqx.is_array)

    def undo(layer, x, x_bar):
        if backward is not None:
            return backward(layer, x, x_bar)
        x = inverse(layer, x)
        varied, fixed = eqx.partition(layer, perturbed[0])
        pull = jax.vjp(lambda varied, x: forward(eqx.combine(varied, fixed), x), varied, x)[1]
        return x, *pull(x_bar)

    def one(carry, arrays):
        x, x_bar = carry
        x, layer_bar, x_bar = undo(eqx.combine(arrays, static), x, x_bar)
        return (x, x_bar), eqx.filter(layer_bar, perturbed[0])

    def many(carry, inputs):
        rebuilt, x_bar, drift = carry
        arrays, x, more = inputs
        drift = jnp.maximum(drift, jnp.max(jnp.abs(rebuilt - x)))
        (x, x_bar), bars = jax.lax.scan(one, (x, x_bar + more), arrays, reverse=True)
        return (x, x_bar, drift), bars

    start = (xs[-1], jnp.zeros_like(x0), jnp.zeros((), x0.dtype))
    inputs = (_in_segments(arrays, keep), xs, xs_bar)
    (x, x_bar, drift), bars = jax.lax.scan(many, start, inputs, reverse=True)
    if tolerance is not None:
        x_bar = _guard(x_bar, jnp.maximum(drift, jnp.max(jnp.abs(x - x0))), tolerance)
    return jtu.tree_map(lambda a: a.reshape(-1, *a.shape[2:]), bars), x_bar
