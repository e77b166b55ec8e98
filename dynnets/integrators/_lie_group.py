"""Lie-group steps of fields `x' = S(x) x` with skew `S`: every step is a rotation."""

import equinox as eqx
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jaxtyping import Array, Float

from dynnets._core import NORM, ORTHOGONAL, check_choice

from ._implicit import each_state
from ._step import AbstractStep, StepInfo, check_parts

_MAPS = ("cayley", "exponential")


def cayley_rotation(skew: Float[Array, "d d"], x: Float[Array, " d *columns"]) -> Array:
    """`(I - S/2)^{-1} (I + S/2) x`: orthogonal for skew `S`, equal to `exp(S) x + O(S^3)`.

    Computed as `x + (I - S/2)^{-1} S x`. Cost: one solve of size `d`.
    """
    unit = jnp.eye(skew.shape[0], dtype=skew.dtype)
    return x + jnp.linalg.solve(unit - skew / 2, skew @ x)


class LieGroupStep(AbstractStep):
    """Rotate by the field's own skew matrix: explicit, for `x' = S(t, x) x` or `Q' = S(t, Q) Q`.

    With `R` the Cayley map or the exponential: order 1 `x' = R(h S(t, x)) x`; order 2
    `x' = R(h S(t + h/2, m)) x` at the midpoint `m = R(h/2 S(t, x)) x`.

    Preserves: `|x|`, or `Q^T Q` of a matrix state, for every `h`; nothing else (other quadratic
    invariants at the order of the step). The field offers `skew(t, x, args) -> S (d, d)`.

    **Arguments:** `name`; `map`: `"cayley"` or `"exponential"`; `order`: 1 or 2. Cost: `order`
    matrices `S` and as many dense solves or exponentials, `O(d^3)`. Raises `ValueError` for other
    arguments and for fields without `skew`. Source: Iserles, Munthe-Kaas, Norsett, Zanna,
    Lie-group methods, Acta Numerica 9, 2000; Cayley: Diele, Lopez, Peluso, Advances in
    Computational Mathematics 8, 1998.

    ```python
    >>> from dynnets.integrators import LieGroupStep, lie_midpoint
    >>> step = LieGroupStep("mine", "cayley", 2)
    >>> step.info.order, step.info.keeps == lie_midpoint.info.keeps
    (2, True)

    ```
    """

    name: str = eqx.field(static=True)
    map: str = eqx.field(static=True)
    order: int = eqx.field(static=True)

    def __check_init__(self):
        check_choice("map", self.map, _MAPS)
        if self.order not in (1, 2):
            raise ValueError(f"order must be 1 or 2, got {self.order}")

    @property
    def info(self):
        """`StepInfo`: order 1 or 2, needs `skew`, keeps the norm and `Q^T Q`."""
        return StepInfo(
            name=self.name,
            order=self.order,
            needs=frozenset({"skew"}),
            keeps=frozenset({NORM, ORTHOGONAL}),
            symmetric=False,
            invertible=False,
            evaluations=self.order,
            condition="every h for which h S is finite",
            source="Iserles, Munthe-Kaas, Norsett, Zanna, Acta Numerica 9, 2000",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without `skew`."""
        return check_parts(self, field)

    def advance(self, field, t, x, h, args, memory):
        """One rotation, or two with the midpoint."""

        def one(y, u):
            if self.order == 1:
                return self._rotate(h * field.skew(t, y, u), y)
            middle = self._rotate(0.5 * h * field.skew(t, y, u), y)
            return self._rotate(h * field.skew(t + 0.5 * h, middle, u), y)

        return each_state(one, field, x, args), None

    def _rotate(self, skew, x):
        if self.map == "cayley":
            return _restored(cayley_rotation(skew, x), x)
        # the default bound on squarings gives NaN where |h S| exceeds 2^16
        return _restored(jsl.expm(skew, max_squarings=64) @ x, x)


def _restored(y: Array, x: Array) -> Array:
    """`y` put back to the norm, or for a matrix to the `X^T X`, that a rotation of `x` has.

    A solve or an exponential of a long step loses `eps |h S|` of orthogonality (in odd dimension,
    where `S` has a kernel, most of all). One relative factor mends a vector. For a matrix two
    steps of `Y (I + C)`, `C = (Y^T Y)^-1 (X^T X - Y^T Y) / 2`, do it to second order each. Where
    the columns are dependent there is no such `C`, and `y` stays as it is.
    """
    if x.ndim == 1:
        before, after = jnp.sum(x**2), jnp.sum(y**2)
        moved = after > 0
        return y * jnp.sqrt(jnp.where(moved, before, 1) / jnp.where(moved, after, 1))
    target = x.T @ x
    for _ in range(2):
        gram = y.T @ y
        change = jnp.linalg.solve(gram, target - gram) / 2
        usable = jnp.isfinite(change).all() & (jnp.abs(change).max() < 0.5)
        y = y + y @ jnp.where(usable, change, jnp.zeros_like(change))
    return y


cayley = LieGroupStep("cayley", "cayley", 1)
"""`x' = (I - h S/2)^{-1} (I + h S/2) x` with `S = S(x)`. Order 1."""

cayley_midpoint = LieGroupStep("cayley_midpoint", "cayley", 2)
"""The Cayley map of `S` at an explicit midpoint. Order 2."""

lie_euler = LieGroupStep("lie_euler", "exponential", 1)
"""`x' = exp(h S(x)) x`. Order 1."""

lie_midpoint = LieGroupStep("lie_midpoint", "exponential", 2)
"""`x' = exp(h S(m)) x` at the midpoint `m = exp(h S(x) / 2) x`. Order 2."""
