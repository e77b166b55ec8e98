"""Explicit symplectic splitting of separable Hamiltonians into kicks and drifts.

A method is its list of coefficients. Coefficients are derived from roots, never typed.
"""

import operator

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import MOMENTUM, POISSON, SYMPLECTIC, VOLUME, check_choice, split_phase

from ._step import AbstractStep, StepInfo, check_parts

_PARTS = ("kick", "drift")


class Splitting(AbstractStep):
    """Alternate kicks `p += c h dp/dt(q)` and drifts `q += c h dq/dt(p)`.

    **Arguments:**

    - `name`, `order`, `source`: what the method is called, its order, and where it is from.
    - `first`: `"kick"` or `"drift"`.
    - `coefficients`: in turn of both parts; those of each part sum to one.

    Preserves: the symplectic form for every `h`, and the bracket of a constant matrix of which
    kicks and drifts are flows; total momentum when the forces sum to zero.
    Symmetric when the coefficients are a palindrome. Time-dependent parts: a kick sees the time
    that the drifts have reached and the other way round, which is a splitting of the extended
    autonomous system, so the order holds. Cost in a rollout: one evaluation per coefficient,
    one less when the method ends with the part that it began with.

    Raises `ValueError` when the coefficients of a part do not sum to one.
    """

    name: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    first: str = eqx.field(static=True)
    coefficients: tuple[float, ...] = eqx.field(static=True)
    source: str = eqx.field(static=True)

    def __check_init__(self):
        check_choice("first", self.first, _PARTS)
        for part in (self.coefficients[::2], self.coefficients[1::2]):
            if abs(sum(part) - 1) > 1e-12:
                raise ValueError(f"the coefficients of a part sum to one, got {part}")

    @property
    def _merges(self) -> bool:
        return len(self.coefficients) % 2 == 1

    @property
    def info(self):
        """`StepInfo`: order, needs `kick` and `drift`, keeps the symplectic form."""
        palindrome = all(
            abs(a - b) < 1e-14
            for a, b in zip(self.coefficients, self.coefficients[::-1], strict=True)
        )
        return StepInfo(
            name=self.name,
            order=self.order,
            needs=frozenset(_PARTS),
            keeps=frozenset({SYMPLECTIC, POISSON, VOLUME, MOMENTUM}),
            symmetric=palindrome and self._merges,
            invertible=True,
            evaluations=len(self.coefficients) // 2,
            condition="a separable field; every h, the same over the run for bounded energy error",
            source=self.source,
        )

    def start(self, field, t, x, h, args=None):
        """The rate of the first part, when the last step's evaluation can be used again."""
        check_parts(self, field)
        if not self._merges:
            return None
        q, p = split_phase(x)
        return field.kick(t, q, args) if self.first == "kick" else field.drift(t, p, args)

    def advance(self, field, t, x, h, args, memory):
        """Apply all parts in turn; the last rate is the memory of the next step."""
        q, p = split_phase(x)
        q, p, last = self.alternate(field, t, (q, p), h, args, memory)
        return jnp.concatenate([q, p]), last

    def alternate(self, field, t, state, h, args, rate, add=operator.add, read=lambda value: value):
        """The parts in turn on `state = (q, p)`: `(q', p', last rate or None)`.

        `add(q, change)` is how a half of the state takes a change and `read(q)` its value: plain
        arrays by default, sums with their round-off in `Compensated`.
        """
        q, p = state
        last, q_time, p_time = rate, 0.0, 0.0
        kicking = self.first == "kick"
        for c in self.coefficients:
            if kicking:
                if rate is None:
                    rate = field.kick(t + q_time * h, read(q), args)
                p = add(p, (c * h) * rate)
                p_time += c
            else:
                if rate is None:
                    rate = field.drift(t + p_time * h, read(p), args)
                q = add(q, (c * h) * rate)
                q_time += c
            last, rate = rate, None
            kicking = not kicking
        return q, p, last if self._merges else None

    def reversed(self) -> "Splitting":
        """The adjoint method: the same parts in reverse."""
        last = _PARTS[_PARTS.index(self.first) ^ (len(self.coefficients) % 2 == 0)]
        name = toggle_adjoint(self.name)
        return Splitting(name, self.order, last, self.coefficients[::-1], self.source)

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from `x(t + h)`, exact up to round-off, at the cost of one step."""
        return self.reversed()(field, t + h, x, -h, args)


def toggle_adjoint(name: str) -> str:
    """The name of the adjoint method; that of the method itself for an adjoint's name."""
    ending = "_adjoint"
    return name.removesuffix(ending) if name.endswith(ending) else name + ending


def coefficients_of(sweeps: tuple[float, ...]) -> tuple[float, ...]:
    """Coefficients of the composition of sweeps of sizes `w_i h`, in turn first to last and back.

    `w_1, w_1 + w_2, ..., w_(m-1) + w_m, w_m`: neighbours act by the same part and merge. With two
    parts these are symplectic Euler and its adjoint in turn. Source: McLachlan, SIAM J. Sci.
    Comput. 16, 1995. The inverse of `sweeps_of`.
    """
    return (sweeps[0], *(a + b for a, b in zip(sweeps, sweeps[1:], strict=False)), sweeps[-1])


def sweeps_of(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Widths of the sweeps, in turn first to last and back, of which a splitting is composed.

    The inverse of `coefficients_of`: `w_1 = c_1`, `w_i = c_i - w_(i-1)`. The composition has the
    order of the splitting, for any number of parts (McLachlan 1995).

    ```python
    >>> from dynnets.integrators import coefficients_of, sweeps_of, triple_jump
    >>> sweeps_of((0.5, 1.0, 0.5))
    (0.5, 0.5)
    >>> coefficients_of((0.5, 0.5))
    (0.5, 1.0, 0.5)
    >>> len(triple_jump((0.5, 1.0, 0.5), 2))
    7

    ```
    """
    sweeps = [coefficients[0]]
    for c in coefficients[1:-1]:
        sweeps.append(c - sweeps[-1])
    return tuple(sweeps)


def triple_jump(coefficients: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Coefficients of the composition `S(w1 h) S(w0 h) S(w1 h)` of a symmetric method `S`.

    `w1 = 1 / (2 - 2^(1 / (order + 1)))` and `w0 = 1 - 2 w1` raise an even `order` by two;
    adjacent sub-steps of the same part merge. Source: Yoshida, Physics Letters A 150, 1990.
    """
    if order % 2 or order < 2:
        raise ValueError(f"a triple jump starts from an even order, got {order}")
    outer = 1 / (2 - 2 ** (1 / (order + 1)))
    merged: list[float] = []
    for weight in (outer, 1 - 2 * outer, outer):
        scaled = [weight * c for c in coefficients]
        if merged:
            merged[-1] += scaled.pop(0)
        merged += scaled
    return tuple(merged)


_VERLET = (0.5, 1.0, 0.5)
_HAIRER = "Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006"

symplectic_euler = Splitting("symplectic_euler", 1, "kick", (1.0, 1.0), _HAIRER)
"""Kick, then drift: `p' = p + h dp/dt(q)`, `q' = q + h dq/dt(p')`. Order 1."""

symplectic_euler_adjoint = Splitting("symplectic_euler_adjoint", 1, "drift", (1.0, 1.0), _HAIRER)
"""Drift, then kick: the adjoint of `symplectic_euler`. Order 1."""

verlet_kdk = Splitting("verlet_kdk", 2, "kick", _VERLET, _HAIRER)
"""Stormer-Verlet, kick-drift-kick. Order 2, symmetric; one kick and one drift per step."""

verlet_dkd = Splitting("verlet_dkd", 2, "drift", _VERLET, _HAIRER)
"""Stormer-Verlet, drift-kick-drift. Order 2, symmetric; one kick and one drift per step."""

yoshida4 = Splitting(
    "yoshida4", 4, "kick", triple_jump(_VERLET, 2), "Yoshida, Physics Letters A 150, 1990"
)
"""Yoshida's triple jump of `verlet_kdk`. Order 4, symmetric; three kicks, three drifts."""

forest_ruth = Splitting(
    "forest_ruth", 4, "drift", triple_jump(_VERLET, 2), "Forest and Ruth, Physica D 43, 1990"
)
"""Forest and Ruth's method: the triple jump of `verlet_dkd`. Order 4, symmetric; three each."""
