"""Libraries beyond monomials: sines, cosines and exponentials, given functions, several as one."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_choice

from ._energies import _per_feature
from ._library import AbstractLibrary, latex_names

_FUNCTIONS: dict[str, tuple[Callable, Callable]] = {
    # name -> (s, s')
    "sin": (jnp.sin, jnp.cos),
    "cos": (jnp.cos, lambda z: -jnp.sin(z)),
    "exp": (jnp.exp, jnp.exp),
}
RIDGE_FUNCTIONS = tuple(sorted(_FUNCTIONS))
"""Names of the functions of a `RidgeLibrary`."""


class RidgeLibrary(AbstractLibrary):
    """Terms `s(w_k . x + b_k)` with `s` a sine, a cosine or an exponential; `w`, `b` are learned.

    A fit is convex in the coefficients but not in `w`: start it from several, or near a guess.

    **Arguments:** `function`: `"sin"`, `"cos"` or `"exp"`; `weights`: `w (K, d)`; `offsets`:
    `b (K,)`, zeros by default; `fixed`: whether `w` and `b` stay as they are (a Fourier series).
    Raises `ValueError` for other functions and shapes.
    """

    weights: Float[Array, "terms d"]
    offsets: Float[Array, " terms"]
    function: str = eqx.field(static=True)
    fixed: bool = eqx.field(static=True)

    def __init__(self, function: str, weights, offsets=None, *, fixed: bool = False):
        check_choice("function", function, RIDGE_FUNCTIONS)
        if jnp.ndim(weights) != 2:
            raise ValueError(f"weights have shape (terms, d), got {jnp.shape(weights)}")
        offsets = jnp.zeros(weights.shape[:1], weights.dtype) if offsets is None else offsets
        if offsets.shape != weights.shape[:1]:
            raise ValueError(
                f"{weights.shape[0]} terms need as many offsets, got shape {offsets.shape}"
            )
        self.weights, self.offsets = weights, offsets
        self.function, self.fixed = function, fixed

    @property
    def dim(self) -> int:
        """Size of the argument."""
        return self.weights.shape[1]

    @property
    def size(self) -> int:
        """Number of terms."""
        return self.weights.shape[0]

    def _inner(self):
        inner = self.weights, self.offsets
        return jax.lax.stop_gradient(inner) if self.fixed else inner

    def __call__(self, x):
        """`s(W x + b)`."""
        weights, offsets = self._inner()
        return _FUNCTIONS[self.function][0](weights @ x + _per_feature(offsets, x))

    def gradient(self, coefficients, x):
        """`W^T (c s'(W x + b))`."""
        weights, offsets = self._inner()
        slopes = _FUNCTIONS[self.function][1](weights @ x + _per_feature(offsets, x))
        return weights.T @ (_per_feature(coefficients, x) * slopes)

    def term_names(self, variables, latex=False):
        """Such as `sin(1.02 q0 + 1.57)`, with the present inner weights."""
        names = latex_names(variables) if latex else variables
        head = f"\\{self.function}\\left({{}}\\right)" if latex else f"{self.function}({{}})"
        rows = zip(self.weights.tolist(), self.offsets.tolist(), strict=True)
        return tuple(head.format(_inner_name(row, offset, names)) for row, offset in rows)


def _inner_name(row, offset, names) -> str:
    parts = [(w, name) for w, name in zip(row, names, strict=True) if w] + [(offset, "")]
    text = ""
    for value, name in parts:
        if not name and not value:
            continue
        sign = " - " if value < 0 else " + "
        size = "" if name and abs(value) == 1 else f"{abs(value):.4g}"
        text += (sign if text else sign.strip().replace("+", "")) + f"{size} {name}".strip()
    return text or "0"


class CustomLibrary(AbstractLibrary):
    """Given terms `f_k(x)`; their gradients by differentiation.

    **Arguments:** `functions`: pure functions of one state `(d,)` that return a scalar, or
    Equinox modules of this kind; `names`: one each, also used for LaTeX; `argument`: size of
    `x`. Raises `ValueError` for no function and another number of names.
    """

    functions: tuple[Callable, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    argument: int = eqx.field(static=True)

    def __check_init__(self):
        if not self.functions or len(self.functions) != len(self.names):
            raise ValueError(f"{len(self.functions)} functions need as many names: {self.names}")

    @property
    def dim(self) -> int:
        """Size of the argument."""
        return self.argument

    @property
    def size(self) -> int:
        """Number of terms."""
        return len(self.functions)

    def __call__(self, x):
        """The functions at `x`."""
        if x.ndim == 1:
            return jnp.stack([function(x) for function in self.functions])
        return jax.vmap(self, in_axes=-1, out_axes=-1)(x)

    def term_names(self, variables, latex=False):
        """The given names."""
        return self.names


class JoinedLibrary(AbstractLibrary):
    """Several libraries of the same state as one, their terms in order.

    Raises `ValueError` for none and for arguments of different sizes.
    """

    parts: tuple[AbstractLibrary, ...]

    def __check_init__(self):
        if len({part.dim for part in self.parts}) != 1:
            raise ValueError(f"joined libraries have one argument, got {self.parts}")

    @property
    def dim(self) -> int:
        """Size of the argument."""
        return self.parts[0].dim

    @property
    def size(self) -> int:
        """Number of all terms."""
        return sum(part.size for part in self.parts)

    def __call__(self, x):
        """All terms."""
        return jnp.concatenate([part(x) for part in self.parts])

    def gradient(self, coefficients, x):
        """The sum over the parts."""
        total, start = jnp.zeros_like(x), 0
        for part in self.parts:
            total = total + part.gradient(coefficients[start : start + part.size], x)
            start += part.size
        return total

    def term_names(self, variables, latex=False):
        """The names of all parts."""
        return tuple(name for part in self.parts for name in part.term_names(variables, latex))
