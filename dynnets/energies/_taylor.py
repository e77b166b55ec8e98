"""Energies of Taylor networks: sums of powers of linear forms, of either sign."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import assemble, check_choice, check_size

from ._abstract import AbstractEnergy
from ._energies import _per_feature

FACTORIALS = ("order", "order - 1")
TAYLOR_ACTIVATIONS = ("power", "relu")


def _powers(forms, times):
    """Row `i` of `forms (M, ...)` to the power `i + 1`, times `times`: repeated multiplication."""
    order = _per_feature(jnp.arange(forms.shape[0]), forms)
    for i in range(forms.shape[0]):
        times = jnp.where(order >= i, times * forms, times)
    return times


class TaylorEnergy(AbstractEnergy):
    """`Phi(x) = b . x + sum_{i=1}^{M} 1^T [F_i(A_i x) - F_i(B_i x)]`, `F_i(s) = s^(i+1) / (i+1)!`.

    Its gradient is the Taylor network `b + sum_i [A_i^T f_i(A_i x) - B_i^T f_i(B_i x)]`,
    `f_i(s) = s^i / i!`, symmetric by construction; the minus lets every order have either sign.
    It is a polynomial of degree `M + 1`, which represents a smooth function to the error of its
    Taylor series and explodes outside the data.

    **Arguments:**

    - `dim`: size of `x`; `orders`: `M`; `width`: rows of each `A_i` and `B_i`.
    - `factorial`: `f_i` divides by that of the `"order"`, `i!`, as in the paper's text, or of
      the `"order - 1"`, as its published code does.
    - `activation`: `"power"`, or `"relu"` with `f_i(s) = max(s, 0)` for comparison.
    - `key`: draws `A`, `B` from a normal law of variance `2 / (dim width orders)`; `b = 0`.

    Raises `ValueError` for sizes below one and unknown options. Cost: two products a gradient.

    Source: Y. Tong, S. Xiong, X. He, G. Pan, B. Zhu, Symplectic neural networks in Taylor series
    form for Hamiltonian systems, J. Comput. Phys. 437, 2021, arXiv:2005.04986.
    """

    plus: Float[Array, "orders width dim"]
    minus: Float[Array, "orders width dim"]
    bias: Float[Array, " dim"]
    factorial: str = eqx.field(static=True)
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        orders: int = 8,
        width: int = 8,
        *,
        factorial: str = "order",
        activation: str = "power",
        key: PRNGKeyArray,
    ):
        for name, size in (("dim", dim), ("orders", orders), ("width", width)):
            check_size(name, size)
        check_choice("factorial", factorial, FACTORIALS)
        check_choice("activation", activation, TAYLOR_ACTIVATIONS)
        draws = jr.normal(key, (2, orders, width, dim)) * (2 / (dim * width * orders)) ** 0.5
        self.plus, self.minus = draws
        self.bias = jnp.zeros(dim, draws.dtype)
        self.factorial, self.activation = factorial, activation

    @classmethod
    def from_weights(
        cls, plus, minus, bias=None, *, factorial: str = "order", activation: str = "power"
    ) -> "TaylorEnergy":
        """The energy of given coefficients: `A`, `B` as `plus`, `minus` `(M, width, d)`, `b (d,)`.

        No `b` is zero. Raises `ValueError` for other shapes and unknown options.
        """
        check_choice("factorial", factorial, FACTORIALS)
        check_choice("activation", activation, TAYLOR_ACTIVATIONS)
        plus, minus = jnp.asarray(plus), jnp.asarray(minus)
        if plus.ndim != 3 or not plus.size or plus.shape != minus.shape:
            raise ValueError(
                "plus and minus must have one shape (orders, width, dim), got "
                f"{plus.shape} and {minus.shape}"
            )
        bias = jnp.zeros(plus.shape[2], plus.dtype) if bias is None else jnp.asarray(bias)
        if bias.shape != plus.shape[2:]:
            raise ValueError(f"bias must have shape {plus.shape[2:]}, got {bias.shape}")
        options = {"factorial": factorial, "activation": activation}
        return assemble(cls, plus=plus, minus=minus, bias=bias, **options)

    def _scales(self, like):
        """`1 / i!`, or `1 / (i - 1)!`, one an order, shaped to act on `like (M, ...)`."""
        less = self.factorial == "order - 1"
        values = [1 / math.factorial(i + 1 - less) for i in range(self.plus.shape[0])]
        return _per_feature(jnp.asarray(values, like.dtype), like)

    def _forms(self, x):
        """`A_i x` and `B_i x` for all orders, `(M, 2 width, ...)`, and the weights: one product."""
        weights = jnp.concatenate([self.plus, self.minus], axis=1)
        orders, rows, dim = weights.shape
        flat = weights.reshape(orders * rows, dim)
        return flat, (flat @ x).reshape((orders, rows) + x.shape[1:])

    def _signs(self, like):
        width = self.plus.shape[1]
        signs = jnp.asarray([1] * width + [-1] * width, like.dtype)
        return _per_feature(signs, like[0])[None]

    def __call__(self, t, x):
        """`Phi(x)`."""
        forms = self._forms(x)[1]
        if self.activation == "relu":
            values = jnp.maximum(forms, 0) ** 2 / 2
        else:
            orders = jnp.arange(2, forms.shape[0] + 2, dtype=forms.dtype)
            values = self._scales(forms) / _per_feature(orders, forms) * _powers(forms, forms)
        signed = jnp.sum(self._signs(forms) * values, axis=(0, 1))
        return jnp.sum(_per_feature(self.bias, x) * x, axis=0) + signed

    def gradient(self, t, x):
        """The Taylor network: `grad Phi(x)` in closed form."""
        flat, forms = self._forms(x)
        if self.activation == "relu":
            values = jnp.maximum(forms, 0)
        else:
            values = self._scales(forms) * _powers(forms, jnp.ones_like(forms))
        signed = self._signs(forms) * values
        return _per_feature(self.bias, x) + flat.T @ signed.reshape((-1,) + x.shape[1:])
