"""Systems, data and fits of the sparse-energy benchmark; the truth is a formula in the library."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Settings
from dynnets.data import Trajectories, windows
from dynnets.energies import (
    LibraryEnergy,
    MonomialLibrary,
    RidgeLibrary,
    monomials,
    tensor_monomials,
)
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import rollout, yoshida8
from dynnets.models import SSINN
from dynnets.training import SparseFit, fit_sparse

DT, SUBSTEPS = 0.1, 3


def known(library: MonomialLibrary, variables, values: dict[str, float]) -> LibraryEnergy:
    """The energy with the given coefficients by term; all others are zero."""
    names = library.term_names(variables)
    unknown = set(values) - set(names)
    if unknown:
        raise ValueError(f"no terms {sorted(unknown)} in {names}")
    return LibraryEnergy(library, jnp.asarray([values.get(name, 0.0) for name in names]))


@dataclasses.dataclass(frozen=True)
class Task:
    """A formula and its data: pairs of states `DT` apart."""

    kinetic: LibraryEnergy
    potential: LibraryEnergy

    @property
    def field(self) -> SeparableHamiltonianField:
        """The true field."""
        return SeparableHamiltonianField(self.kinetic, self.potential)

    @property
    def truth(self) -> np.ndarray:
        """All coefficients, those of the kinetic energy first."""
        parts = (self.kinetic.coefficients, self.potential.coefficients)
        return np.concatenate([np.asarray(part) for part in parts])

    def model(self) -> SSINN:
        """The same libraries, all coefficients zero."""
        return SSINN(self.kinetic.library, self.potential.library, substeps=SUBSTEPS)


def henon_heiles() -> Task:
    """`(p^2 + q^2)/2 + q0^2 q1 - q1^3/3` among all 15 + 15 products of powers up to 3."""
    library, names = tensor_monomials(2, 3), ("0", "1")
    kinetic = known(library, names, {"0^2": 0.5, "1^2": 0.5})
    return Task(kinetic, known(library, names, {"0^2": 0.5, "1^2": 0.5, "0^2 1": 1, "1^3": -1 / 3}))


def coupled_oscillator() -> Task:
    """`(p^2 + q^2)/2 + q0^2 q1^2 / 2` in the same libraries."""
    library, names = tensor_monomials(2, 3), ("0", "1")
    kinetic = known(library, names, {"0^2": 0.5, "1^2": 0.5})
    return Task(kinetic, known(library, names, {"0^2": 0.5, "1^2": 0.5, "0^2 1^2": 0.5}))


def spring_chain(seed: int) -> Task:
    """Five masses between walls at 0 and 1.5 on six springs: 15 of 50 + 50 terms."""
    random = np.random.default_rng([seed, 3])
    stiffness, mass = random.uniform(0.05, 0.4, 6), random.uniform(1.0, 5.0, 5)
    library, names = tensor_monomials(5, 2, 2), tuple("abcde")
    kinetic = {f"{name}^2": 0.5 / m for name, m in zip(names, mass, strict=True)}
    potential = {f"{name}^2": (stiffness[i : i + 2].sum()) / 2 for i, name in enumerate(names)}
    pairs = zip(names[:-1], names[1:], stiffness[1:5], strict=True)
    potential |= {f"{a} {b}": -k for a, b, k in pairs} | {"e": -1.5 * stiffness[5]}
    return Task(known(library, names, kinetic), known(library, names, potential))


def advance(field, x0, ts) -> np.ndarray:
    """States `(T, d, ...)` at `ts`, to round-off."""
    return np.asarray(_advance(field, jnp.asarray(x0), jnp.asarray(ts)))


@eqx.filter_jit
def _advance(field, x0, ts):
    return rollout(yoshida8, field, x0, ts, substeps=4).xs


def pairs_of(states: np.ndarray, noise: float, random) -> Trajectories:
    """Pairs `(N, 2, d)` as records of two samples, noise on both ends."""
    count, _, dim = states.shape
    ts = np.broadcast_to(np.array([0.0, DT]), (count, 2))
    noisy = states + noise * random.standard_normal(states.shape)
    names = tuple(f"{letter}{i}" for letter in "qp" for i in range(dim // 2))
    return Trajectories(
        ts=jnp.asarray(ts), xs=jnp.asarray(noisy), us=None, dxs=None,
        lengths=jnp.full((count,), 2), names=names, phase="momenta",
    )  # fmt: skip


def henon_heiles_pairs(seed: int, count: int, noise: float) -> Trajectories:
    """Random states with `1/12 < H < 1/6` in the published box, and what comes `DT` later."""
    random, task = np.random.default_rng([seed, count]), henon_heiles()
    low, high = [-1.0, -0.5, -1.0, -1.0], [1.0, 1.0, 1.0, 1.0]
    x = random.uniform(low, high, (60 * count, 4))
    energy = np.asarray(task.field.energy(0.0, jnp.asarray(x.T)))
    x = x[(energy > 1 / 12) & (energy < 1 / 6)][:count]
    states = np.moveaxis(advance(task.field, x.T, [0.0, DT]), -1, 0)
    return pairs_of(states, noise, random)


def orbit_pairs(task: Task, x0, count: int) -> Trajectories:
    """Neighbours along one orbit."""
    ts = DT * np.arange(count + 1)
    states = advance(task.field, np.asarray(x0), ts)
    record = Trajectories.from_trials([ts], [states], phase="momenta")
    return windows(record, 2)


@dataclasses.dataclass(frozen=True)
class Score:
    """One fit against the truth: `exact` support, number of terms, largest error, the fit."""

    exact: bool
    terms: int
    error: float
    fit: SparseFit


def score(task: Task, found: SparseFit) -> Score:
    """Compare all coefficients."""
    support, truth = np.asarray(found.support), task.truth
    error = float(np.abs(np.asarray(found.coefficients) - truth).max())
    return Score(bool((support == (truth != 0)).all()), int(support.sum()), error, found)


def fit_orbit(settings: Settings, seed: int, name: str) -> Score:
    """Coupled oscillator or spring chain from one orbit."""
    random = np.random.default_rng([seed, 7])
    if name == "coupled oscillator":
        task, count = coupled_oscillator(), settings.scaled(500, fast=150)
        x0 = random.uniform(-1, 1, 4)
    else:
        task, count = spring_chain(seed), settings.scaled(800, fast=300)
        places = np.arange(1, 6) / 4 + random.uniform(-0.5, 0.5, 5)
        x0 = np.concatenate([places, random.uniform(-1, 1, 5)])
    data = orbit_pairs(task, x0, count)
    return score(task, fit_sparse(task.model(), data, refuse=False))


PENDULUM_STARTS = (0.0, 1.5, -1.5, 3.0)


def fit_pendulum(settings: Settings) -> tuple[SparseFit, float]:
    """`p^2/4 - 2 cos q` from one orbit, with `a sin(w q + c)`: the best of several phases `c`.

    **Returns** the fit and the largest error of the force `a w cos(w q + c)` over the orbit, and
    of the coefficients of `p, p^2, p^3`.
    """
    kinetic = known(monomials(1, 3), ("p",), {"p^2": 0.25})
    sine = RidgeLibrary("sin", jnp.array([[1.0]]), jnp.array([-np.pi / 2]))
    task = Task(kinetic, LibraryEnergy(sine, jnp.array([2.0])))
    data = orbit_pairs(task, [1.4, 0.0], settings.scaled(200, fast=60))
    found = []
    for phase in PENDULUM_STARTS[: settings.scaled(4, fast=2)]:
        start = RidgeLibrary("sin", jnp.array([[1.1]]), jnp.array([phase]))
        model = SSINN(kinetic.library, LibraryEnergy(start, jnp.array([1.0])), substeps=SUBSTEPS)
        found.append(fit_sparse(model, data, refuse=False, steps=100))
    best = min(found, key=lambda fit: fit.noise)
    q = jnp.linspace(-1.4, 1.4, 57)[None]
    force = best.model.field.kick(0.0, q) - task.field.kick(0.0, q)
    momenta = np.asarray(best.coefficients[:3]) - task.truth[:3]
    return best, max(float(jnp.abs(force).max()), float(np.abs(momenta).max()))
