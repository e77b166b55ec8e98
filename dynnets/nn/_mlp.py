"""Multilayer perceptrons on features-first arrays, with closed-form gradients of scalar ones.

`(d,)` and `(d, N)` are the same expression: one product per layer, the long axis last.
"""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import assemble, check_choice, check_finite, check_size

_ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    # name -> (s(z), s'(z) from the pair (z, s(z)): cheaper than s'(z) alone)
    "tanh": (jnp.tanh, lambda z, y: 1 - y * y),
    "sigmoid": (jax.nn.sigmoid, lambda z, y: y * (1 - y)),
    "softplus": (jax.nn.softplus, lambda z, y: jax.nn.sigmoid(z)),
    "sin": (jnp.sin, lambda z, y: jnp.cos(z)),
    "swish": (jax.nn.swish, lambda z, y: y + jax.nn.sigmoid(z) * (1 - y)),
}
ACTIVATIONS = tuple(sorted(_ACTIVATIONS))
"""Names of the smooth activations: a field is a derivative of the net, so relu is not one."""

Layers = tuple[tuple[Array, Array | None], ...]


_FEW_COLUMNS, _FEW_ROWS = 256, 4


def _product(weight, x):
    """`weight @ x`; written out for a handful of inputs, so that it joins the activation."""
    if x.ndim == 2 and x.shape[0] <= _FEW_ROWS and x.shape[1] <= _FEW_COLUMNS:
        columns = [weight[:, i : i + 1] * x[i : i + 1] for i in range(x.shape[0])]
        return sum(columns[1:], columns[0])
    return weight @ x


def affine(weight: Float[Array, "out in"], bias: Float[Array, " out"] | None, x) -> Array:
    """`W x + b`, `x: (in,)` or features-first `(in, N)`; no `b` where it is `None`."""
    y = _product(weight, x)
    return y if bias is None else y + bias.reshape(bias.shape + (1,) * (x.ndim - 1))


def activate(activation: str, x) -> Array:
    """`s(x)`, elementwise, for one of `ACTIVATIONS`."""
    return _ACTIVATIONS[activation][0](x)


def _transpose(weight, batch):
    """`weight^T`, laid out anew where it meets a small batch, of the shape `batch`.

    XLA folds a transpose into the product, and its CPU kernel for a left factor that is
    contracted over its first axis is 1.3 times slower (64 x 64 x 64). Behind the barrier the
    copy stays a copy, and the compiler moves it out of a scan: it is made once per rollout.
    With many columns the folded kernel is the faster one (200 x 200 x 750: by a tenth a step).
    """
    small = len(batch) == 1 and batch[0] <= _FEW_COLUMNS
    return jax.lax.optimization_barrier(weight.T) if small else weight.T


def mlp(layers: Layers, activation: str, x: Float[Array, "in *batch"]) -> Array:
    """`W_L s(... s(W_1 x + b_1) ...) + b_L`.

    **Arguments:** `layers`: pairs `(weight (out, in), bias (out,) or None)`; `activation`: one
    of `ACTIVATIONS`; `x`: `(in,)` or features-first `(in, N)`.
    """
    value, _ = _ACTIVATIONS[activation]
    for weight, bias in layers[:-1]:
        x = value(affine(weight, bias, x))
    return affine(*layers[-1], x)


def mlp_gradient(layers: Layers, activation: str, x: Float[Array, "in *batch"]) -> Array:
    """Gradient of a scalar net in closed form: `W_1^T D_1 W_2^T D_2 ... w_L`, of the shape of `x`.

    Its own derivative is then plain reverse mode instead of reverse over reverse. Cost: two
    products per hidden layer.
    """
    value, slope = _ACTIVATIONS[activation]
    slopes = []
    for weight, bias in layers[:-1]:
        z = affine(weight, bias, x)
        x = value(z)
        slopes.append(slope(z, x))
    row = layers[-1][0][0]
    gradient = row.reshape(row.shape + (1,) * (x.ndim - 1)) * jnp.ones_like(x[:1])
    for (weight, _), d in zip(layers[-2::-1], slopes[::-1], strict=True):
        gradient = _transpose(weight, x.shape[1:]) @ (d * gradient)
    return gradient


class MLP(eqx.Module):
    """A multilayer perceptron `x -> W_L s(... s(W_1 x + b_1) ...) + b_L`.

    **Arguments:**

    - `in_size`, `out_size`: sizes of input and output.
    - `width`, `depth`: size and number of the hidden layers (`depth=0` is one affine map).
    - `activation`: one of `ACTIVATIONS`.
    - `final_bias`: whether the last layer has a bias. An energy needs none: it is a constant.
    - `key`: draws the weights, orthogonal (Saxe et al. 2014); biases start at zero.
      `MLP.from_weights` takes given ones in place of sizes and key.

    Raises `ValueError` for sizes below one and unknown activations.
    """

    layers: Layers
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        final_bias: bool = True,
        key: PRNGKeyArray,
    ):
        check_size("in_size", in_size)
        check_size("out_size", out_size)
        check_size("width", width)
        check_size("depth", depth, 0)
        check_choice("activation", activation, ACTIVATIONS)
        sizes = [in_size] + [width] * depth + [out_size]
        orthogonal = jax.nn.initializers.orthogonal()
        layers = []
        for i, layer_key in enumerate(jr.split(key, depth + 1)):
            weight = orthogonal(layer_key, (sizes[i + 1], sizes[i]))
            bias = jnp.zeros(sizes[i + 1]) if i < depth or final_bias else None
            layers.append((weight, bias))
        self.layers = tuple(layers)
        self.activation = activation

    @classmethod
    def from_weights(cls, layers: Sequence[tuple], *, activation: str = "tanh") -> "MLP":
        """The net of given weights: `layers` are pairs `(weight (out, in), bias (out,) or None)`.

        Raises `ValueError` for no layer, shapes that do not follow each other, values that are not
        finite and an unknown activation.
        """
        check_choice("activation", activation, ACTIVATIONS)
        if not layers:
            raise ValueError("a net needs at least one layer, got none")
        checked, size = [], None
        for i, (weight, bias) in enumerate(layers):
            weight = jnp.asarray(weight)
            bias = None if bias is None else jnp.asarray(bias)
            check_finite(f"the weight of layer {i}", weight)
            if weight.ndim != 2 or size not in (None, weight.shape[1]):
                into = "in" if size is None else size
                raise ValueError(
                    f"the weight of layer {i} must have shape (out, {into}), got {weight.shape}"
                )
            size = weight.shape[0]
            if bias is not None and bias.shape != (size,):
                raise ValueError(f"the bias of layer {i} must have shape {(size,)}: {bias.shape}")
            checked.append((weight, bias))
        return assemble(cls, layers=tuple(checked), activation=activation)

    def __call__(self, x):
        """The net at `x`: `(in,)` or features-first `(in, N)`."""
        return mlp(self.layers, self.activation, x)

    def gradient(self, x):
        """Closed-form gradient of a net with one output, of the shape of `x`."""
        if self.layers[-1][0].shape[0] != 1:
            raise ValueError(
                f"only a net with one output has a gradient, got {self.layers[-1][0].shape[0]}"
            )
        return mlp_gradient(self.layers, self.activation, x)
