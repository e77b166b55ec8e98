"""Convex ridge potentials, whose smoothness constant is known."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_choice
from dynnets.linear import gram_norm_bound, norm_bound
from dynnets.nn import MONOTONE, MONOTONE_ACTIVATIONS, affine

from ._abstract import AbstractEnergy


def ridge_energy(
    x: Float[Array, " d *batch"],
    weight: Float[Array, "width d"],
    bias: Float[Array, " width"],
    activation: str,
) -> Float[Array, "*batch"]:
    """`1^T S(A x + b)` with `S' = s`: convex, with the gradient `A^T s(A x + b)`."""
    return jnp.sum(MONOTONE[activation].integral(affine(weight, bias, x)), axis=0)


def ridge_gradient(
    x: Float[Array, " d *batch"],
    weight: Float[Array, "width d"],
    bias: Float[Array, " width"],
    activation: str,
) -> Float[Array, " d *batch"]:
    """`A^T s(A x + b)`, with slopes of `s` in `[0, 1]`. Cost: two products."""
    return weight.T @ MONOTONE[activation].value(affine(weight, bias, x))


class RidgeEnergy(AbstractEnergy):
    """`V(x) = 1^T S(A x + b)`: convex, `nu`-smooth with `nu = sup s' |A|^2`, gradient closed.

    **Arguments:** `weight`: `A (width, d)`; `bias`: `b (width,)`; `activation`: one of
    `MONOTONE_ACTIVATIONS`. Raises `ValueError` for another.
    """

    weight: Float[Array, "width d"]
    bias: Float[Array, " width"]
    activation: str = eqx.field(default="tanh", static=True)

    @property
    def convex(self):
        """True: it is convex for all parameters."""
        return True

    def __check_init__(self):
        check_choice("activation", self.activation, MONOTONE_ACTIVATIONS)

    def __call__(self, t, x):
        """`1^T S(A x + b)`."""
        return ridge_energy(x, self.weight, self.bias, self.activation)

    def gradient(self, t, x):
        """`A^T s(A x + b)`."""
        return ridge_gradient(x, self.weight, self.bias, self.activation)


def ridge_constant(energy: RidgeEnergy, exact: bool = True) -> Array:
    """`nu = sup s' |A|^2`: a Lipschitz constant of `A^T s(A x + b)`, attained for linear `s`.

    Never below the true constant, rounding included, and so never zero: the least normal number
    where the square vanishes in the dtype, infinite where it overflows.

    **Arguments:** `exact`: by singular values (`norm_bound`), else by products (`gram_norm_bound`).
    """
    norm = norm_bound(energy.weight) if exact else gram_norm_bound(energy.weight)
    info = jnp.finfo(norm.dtype)
    square = MONOTONE[energy.activation].high * norm**2
    return square * (1 + 4 * float(info.eps)) + float(info.tiny)
