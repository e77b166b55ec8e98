"""Backward error analysis: the field and the energy that a step of width `h` really follows.

A step of a smooth field is, up to exponentially small terms, the exact flow over `h` of a
modified field `f + h f_2 + h^2 f_3 + ...`; for a symplectic step of a Hamiltonian field that is
the field of a modified energy. A network trained through a step learns the modified inverse of
this: with exact data, an energy whose *step* is right (`warn_if_mismatched`).
"""

import functools
import itertools
import math
import warnings
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import SYMPLECTIC, check_positive, check_size, split_phase, symplectic_gradient
from dynnets.energies import AbstractEnergy, SeparableEnergy
from dynnets.fields import AbstractField
from dynnets.integrators import Splitting, check_parts, step_info

_HIGHEST = 8  # beyond, the iterates' round-off outweighs what another term gains


@functools.cache
def _derivative_weights(first: int, last: int) -> tuple[float, ...]:
    """Weights of the derivative at 0 of the polynomial through the values at `first .. last`."""
    places = np.arange(first, last + 1)
    powers = places[None] ** np.arange(len(places))[:, None]
    return tuple(np.linalg.solve(powers.astype(float), np.eye(len(places))[1]).tolist())


class ModifiedField(AbstractField):
    """The modified field of a step, to `O(h^order)`, from the iterates of the step's map.

    The iterates `x_k = S^k(x)` lie on one solution of the modified field, so
    `f~(x) = (log S)(x) / h` is the derivative at 0 of the polynomial through `x_0 .. x_order`, or
    through `x_-m .. x_m`, `2 m >= order`, for symmetric steps (half the distance, much smaller
    error). Works for every step and field; made by `modified_field`.
    """

    step: Callable
    field: AbstractField
    h: float = eqx.field(static=True)
    order: int = eqx.field(static=True)

    @property
    def structure(self):
        """The empty set: it is known up to `O(h^order)` only."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """`f~(x)`, of the shape of `x`; cost: `order` steps (rounded up to even if symmetric)."""
        centred = step_info(self.step).symmetric
        ahead = (self.order + 1) // 2 if centred else self.order
        back = ahead if centred else 0
        points = [*self._iterates(t, x, -self.h, back, args)[::-1], x]
        points += self._iterates(t, x, self.h, ahead, args)
        weights = _derivative_weights(-back, ahead)
        return sum((w / self.h) * (y - x) for w, y in zip(weights, points, strict=True))

    def _iterates(self, t, x, h, count, args) -> list[Array]:
        found = []
        for k in range(count):
            x = self.step(self.field, t + k * h, x, h, args)
            found.append(x)
        return found


def _check(step, field, h, order):
    check_positive("h", h)
    check_size("order", order)
    if order > _HIGHEST:
        raise ValueError(f"order must be at most {_HIGHEST}, got {order}")
    check_parts(step, field)


def modified_field(step, field: AbstractField, h: float, order: int = 4) -> ModifiedField:
    """The field that a `step` of size `h` follows, up to an error `O(h^order)`.

    **Arguments:** `step`: any step, used without its memory; `field`: autonomous; `order`: 1 to
    8; round-off enters as `eps |x| / h`. Raises `ValueError` for `h <= 0`, other orders and
    missing parts. Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, IX.1;
    the interpolation: Skeel and Hardy, SIAM Journal on Scientific Computing 23, 2001.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.analysis import ModifiedField, modified_energy, modified_field
    >>> from dynnets.integrators import verlet_kdk
    >>> from dynnets.systems import Harmonic
    >>> field = modified_field(verlet_kdk, Harmonic().field, 0.1)
    >>> isinstance(field, ModifiedField), field(0.0, jnp.array([1.0, 0.0])).shape
    (True, (2,))
    >>> kept = modified_energy(verlet_kdk, Harmonic().field, 0.1)
    >>> float(kept(0.0, jnp.array([1.0, 0.0])))  # 1/2 - h^2 / 24 + ...
    0.4995...

    ```
    """
    _check(step, field, h, order)
    return ModifiedField(step, field, float(h), order)


@functools.cache
def _baker_campbell_hausdorff(
    first: str, coefficients: tuple[float, ...], degree: int
) -> dict[tuple[int, ...], float]:
    """The logarithm of the product of exponentials of a splitting, as words of 0 (T), 1 (V).

    Exact arithmetic of non-commuting power series up to `degree`; the coefficient of each word
    is divided by its length, so that left-nested brackets of the words add up to the logarithm
    (Dynkin's theorem).
    """
    letters = itertools.cycle((1, 0) if first == "kick" else (0, 1))
    series = {(): 1.0}
    for letter, c in zip(letters, coefficients, strict=False):
        power = {(letter,) * k: c**k / math.factorial(k) for k in range(degree + 1)}
        series = _product(series, power, degree)
    rest = {word: c for word, c in series.items() if word}
    power, total = {(): 1.0}, {}
    for k in range(1, degree + 1):
        power = _product(power, rest, degree)
        for word, c in power.items():
            total[word] = total.get(word, 0.0) - (-1) ** k * c / k
    brackets: dict[tuple[int, ...], float] = {}
    for word, c in total.items():
        if word[:2] == (1, 0):  # [V, T, ...] = -[T, V, ...]; [T, T, ...] and [V, V, ...] vanish
            word, c = (0, 1, *word[2:]), -c
        if len(word) == 1 or word[:2] == (0, 1):
            brackets[word] = brackets.get(word, 0.0) + c / len(word)
    return {word: c for word, c in brackets.items() if abs(c) > 1e-14}


def _product(a: dict, b: dict, degree: int) -> dict:
    found: dict[tuple[int, ...], float] = {}
    for (u, c), (v, d) in itertools.product(a.items(), b.items()):
        if len(u) + len(v) <= degree:
            found[u + v] = found.get(u + v, 0.0) + c * d
    return found


def _bracket(f: Callable, g: Callable) -> Callable:
    """`{g, f} = g_q . f_p - g_p . f_q`: its flow is the commutator of the flows of `f` and `g`."""

    def bracket(x):
        return jax.grad(g)(x) @ symplectic_gradient(jax.grad(f)(x))

    return bracket


class _SplittingEnergy(AbstractEnergy):
    """`T + V + h ...` by nested Poisson brackets."""

    energy: AbstractEnergy
    words: tuple[tuple[tuple[int, ...], float], ...] = eqx.field(static=True)
    h: float = eqx.field(static=True)

    def __call__(self, t, x):
        if x.ndim == 2:
            return jax.vmap(self, in_axes=(None, -1), out_axes=-1)(t, x)
        parts = _kinetic_and_potential(self.energy, t)
        brackets: dict[tuple[int, ...], Callable] = {(0,): parts[0], (1,): parts[1]}

        def nested(word):
            if word not in brackets:
                brackets[word] = _bracket(nested(word[:-1]), parts[word[-1]])
            return brackets[word]

        return sum(c * self.h ** (len(word) - 1) * nested(word)(x) for word, c in self.words)


def _kinetic_and_potential(energy, t) -> tuple[Callable, Callable]:
    if isinstance(energy, SeparableEnergy):
        return (
            lambda x: energy.kinetic(t, split_phase(x)[1]),
            lambda x: energy.potential(t, split_phase(x)[0]),
        )

    def potential(x):
        q, p = split_phase(x)
        return energy(t, jnp.concatenate([q, jnp.zeros_like(p)]))

    return lambda x: energy(t, x) - potential(x), potential


class _IntegratedEnergy(AbstractEnergy):
    """`H` plus the work of the modified field's excess along the ray from a reference point."""

    field: ModifiedField
    reference: Float[Array, " d"] | None
    points: int = eqx.field(static=True)

    def __call__(self, t, x):
        if x.ndim == 2:
            return jax.vmap(self, in_axes=(None, -1), out_axes=-1)(t, x)
        reference = jnp.zeros_like(x) if self.reference is None else self.reference
        roots, weights = np.polynomial.legendre.leggauss(self.points)
        ray, original = x - reference, self.field.field

        def work(place):
            y = reference + place * ray
            return -ray @ symplectic_gradient(self.field(t, y) - original(t, y))

        works = jax.vmap(work)(jnp.asarray((roots + 1) / 2, x.dtype))
        return original.energy(t, x) + jnp.asarray(weights / 2, x.dtype) @ works


def modified_energy(
    step,
    field: AbstractField,
    h: float,
    order: int = 4,
    *,
    reference: Float[Array, " d"] | None = None,
    points: int = 8,
) -> AbstractEnergy:
    """The energy that a symplectic step of size `h` keeps up to `O(h^order)`.

    For splittings into kicks and drifts: the Baker-Campbell-Hausdorff series in nested Poisson
    brackets of `T(p)` and `V(q)`, as symplectic Euler's (kick first)
    `H - (h/2) H_q . H_p + (h^2/12) (H_q^T H_pp H_q + H_p^T H_qq H_p) - ...`. For other symplectic
    steps: the work of `modified_field` along the ray from `reference`, which fixes the constant,
    by `points` Gauss points (the ray must lie in the domain of the field).

    **Arguments:** `field`: canonical, autonomous, with `energy`; `order`: 1 to 8 (brackets nest
    `order` derivatives: compile time doubles with each); `reference`: default the origin.
    **Returns** an `AbstractEnergy`, `H~(t, x)`. Raises `ValueError` for steps that are not
    symplectic on the field (they follow no energy), `h <= 0`, other orders, missing parts.
    Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, IX.3 and IX.4.
    """
    _check(step, field, h, order)
    check_size("points", points)
    if not (SYMPLECTIC in field.structure and SYMPLECTIC in step_info(step).keeps):
        raise ValueError(
            f"{step_info(step).name} is not symplectic on {type(field).__name__}: it follows no "
            "modified energy; modified_field gives the field that it follows"
        )
    if isinstance(step, Splitting):
        words = _baker_campbell_hausdorff(step.first, step.coefficients, order)
        return _SplittingEnergy(field.energy, tuple(sorted(words.items())), float(h))
    return _IntegratedEnergy(modified_field(step, field, h, order), reference, points)


def mismatch(
    loss_step,
    field: AbstractField,
    xs: Float[Array, "N d"],
    h: float,
    *,
    data_step=None,
    data_h: float | None = None,
    order: int = 4,
) -> Array:
    """By how much a field learned through `loss_step` differs from the true one, relatively.

    Data follow `g`: the field itself when they are exact, or the modified field of the
    `data_step` of width `data_h` that made them. A field fitted so that `loss_step` of width `h`
    maps each sample to the next is `f* = f + (g - f~) + ...` with `f~` the modified field of the
    loss step. **Returns** the root mean square of `g - f~` over the states `xs` relative to that
    of `f`: zero where both agree, `O(h^p)` for exact data and a loss step of order `p`.

    **Arguments:** `field`: the true field, or the learned one as an estimate of it; `data_h`:
    default `h`, smaller where the data were made with sub-steps. Cost: `order` steps per state.
    """
    found = jax.vmap(lambda x: modified_field(loss_step, field, h, order)(0.0, x))(xs)
    truth = jax.vmap(lambda x: field(0.0, x))(xs)
    made = truth
    if data_step is not None:
        source = modified_field(data_step, field, h if data_h is None else data_h, order)
        made = jax.vmap(lambda x: source(0.0, x))(xs)
    return jnp.sqrt(jnp.mean((made - found) ** 2) / jnp.mean(truth**2))


def warn_if_mismatched(
    loss_step,
    field: AbstractField,
    xs: Float[Array, "N d"],
    h: float,
    *,
    data_step=None,
    data_h: float | None = None,
    threshold: float = 0.01,
) -> float:
    """Warn when the integrator in the loss and the data disagree: the learned energy is then a
    modified one.

    A loss with symplectic Euler on data of the exact flow learns
    `H + (h/2) H_q . H_p + ...`, not `H`: forecasts at the same `h` are right, energies, forces
    and forecasts at another `h` are not. **Arguments:** as `mismatch`; `threshold`: of the
    relative difference above which a `UserWarning` names it and a cure. **Returns** `mismatch`.
    """
    check_positive("threshold", threshold)
    size = float(mismatch(loss_step, field, xs, h, data_step=data_step, data_h=data_h))
    if not size <= threshold:
        origin = "the exact flow" if data_step is None else step_info(data_step).name
        warnings.warn(
            f"the loss integrates by {step_info(loss_step).name} with h = {h}, the data follow "
            f"{origin}: the learned field will differ from the true one by {100 * size:.2g} %. "
            "Use a step of higher order in the loss, sub-steps, or the step that made the data",
            UserWarning,
            stacklevel=2,
        )
    return size
