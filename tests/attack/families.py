"""Random fields: every row of the registry, odd dimensions, the systems, energies of the time."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from registry import FIELDS

from dynnets import energies as E, fields as F, integrators as I, systems as S
from dynnets.nn import ACTIVATIONS, MONOTONE_ACTIVATIONS

GIVEN = {
    "pairwise",
    "one_pair_force",
    "neural_pair_force",
    "vortices",
    "charged_particle",
    "schroedinger",
    "waves",
    "circulation",
    "populations",
    "positive_populations",
    "rigid_body",
    "forced",
    "modified",
}
"""Rows whose arrays are physical constants (masses, circulations), which zero makes singular."""

SCALES = (0.0, 1e-3, 1.0, 1.0, 1.0, 3.0, 30.0, 1e3)
"""Factors of the weights."""


class Family(NamedTuple):
    """A field with its states `(n, ...)`, the input that it takes or `None`, and its name."""

    name: str
    field: F.AbstractField
    xs: np.ndarray
    args: object = None


def key_of(rng) -> jax.Array:
    """A key of JAX from a generator of NumPy."""
    return jr.key(int(rng.integers(2**31)))


def pick(rng, options):
    """One of several."""
    options = list(options)
    return options[int(rng.integers(len(options)))]


def states(rng, shape, count=3) -> np.ndarray:
    """Normal states of several sizes; some have zeros among their components."""
    sizes = 10.0 ** rng.uniform(-1, 0.7, count)
    xs = rng.normal(size=(count, *shape)) * sizes.reshape((-1,) + (1,) * len(shape))
    if rng.random() < 0.2:
        xs[0] *= rng.random(shape) < 0.6
        xs[0].flat[0] = 0.5
    return xs


def scaled(rng, tree, factors=SCALES):
    """`tree` with all its arrays multiplied by one factor, now and then one array by zero."""
    factor = pick(rng, factors)
    leaves, structure = jax.tree.flatten(tree)
    which = [i for i, leaf in enumerate(leaves) if eqx.is_inexact_array(leaf)]
    pruned = pick(rng, which) if which and 0 in factors and rng.random() < 0.1 else None
    for i in which:
        leaves[i] = leaves[i] * (0.0 if i == pruned else factor)
    return jax.tree.unflatten(structure, leaves), factor


def _swing(t, x):
    return jnp.sum(x**2, axis=0) * (1 + 0.5 * jnp.sin(3 * t)) / 2 + jnp.sum(x, axis=0) * t


def _quartic(t, x):
    return jnp.sum(x**4, axis=0) / 4 + jnp.sum(x, axis=0) ** 2


def draw_energy(rng, dim):
    """An energy on `(dim,)` of a random kind."""
    key, other = jr.split(key_of(rng))
    activation = pick(rng, sorted(ACTIVATIONS))
    small = E.MLPEnergy(dim, 5, 1, activation=activation, key=key)
    kinds = {
        "net": lambda: small,
        "deep net": lambda: E.MLPEnergy(dim, 4, 2, activation=activation, key=key),
        "quadratic": lambda: E.QuadraticEnergy(jr.normal(key, (dim, dim))),
        "ridge": lambda: E.RidgeEnergy(
            jr.normal(key, (4, dim)), jr.normal(other, (4,)), pick(rng, MONOTONE_ACTIVATIONS)
        ),
        "half square": lambda: E.HalfSquareEnergy(),
        "kinetic": lambda: E.KineticEnergy(jnp.exp(jr.normal(key, (dim,)))),
        "polynomial": lambda: E.PolynomialPotential(0.3 * jr.normal(key, (dim, 3))),
        "function": lambda: E.FunctionEnergy(_quartic),
        "of time": lambda: E.FunctionEnergy(_swing, reads_time=True),
        "net of time": lambda: E.TimePotential(dim, 4, 1, key=key),
        "rate of time": lambda: E.RateEnergy(E.TimePotential(dim, 4, 1, key=key)),
        "sum": lambda: E.SumEnergy((small, E.HalfSquareEnergy())),
        "sum of convex": lambda: E.SumEnergy(
            (E.RidgeEnergy(jr.normal(key, (4, dim)), jnp.zeros(4)), E.HalfSquareEnergy())
        ),
        "sum of time": lambda: E.SumEnergy((small, E.FunctionEnergy(_swing, reads_time=True))),
        "known": lambda: E.KnownEnergy(E.QuadraticEnergy(jr.normal(key, (dim, dim)))),
        "angles": lambda: E.PeriodicEnergy(E.MLPEnergy(dim + 1, 4, 1, key=key), (0,)),
    }
    name = pick(rng, kinds)
    return name, kinds[name]()


def _lagrangian(t, q, v):
    return 0.5 * v @ v * (1 + 0.3 * jnp.sin(q[0]) ** 2) - jnp.sum(q**2) * (1 + 0.3 * jnp.cos(t))


def _built(rng) -> Family:
    """A field of an energy that is drawn."""
    n = int(rng.integers(1, 3))
    odd = int(pick(rng, (2, 3, 3, 5)))
    key = key_of(rng)

    def skew(dim):
        matrix = jr.normal(key, (dim, dim))
        return matrix - matrix.T

    kind = pick(rng, ("hamiltonian", "poisson", "gradient", "port", "separable", "mass", "action"))
    dim = odd if kind in ("poisson", "gradient") else 2 * n
    size = n if kind in ("separable", "mass") else dim
    name, energy = draw_energy(rng, size)
    first, energy2 = draw_energy(rng, n)
    makes = {
        "hamiltonian": lambda: F.HamiltonianField(energy),
        "poisson": lambda: F.PoissonField(energy, skew(dim)),
        "gradient": lambda: F.GradientField(energy),
        "port": lambda: F.PortHamiltonianField(energy, F.initial_damping(n, 0.3, key=key)),
        "separable": lambda: F.SeparableHamiltonianField(energy2, energy),
        "mass": lambda: F.MassMatrixField(
            E.MLPMass(n, 4, 1, key=key),
            energy,
            pick(rng, (None, F.initial_damping(n, 0.3, key=key))),
        ),
        "action": lambda: F.CanonicalLagrangianField(_lagrangian, reads_time=True),
    }
    label = f"{kind} of {name}" + (f" and {first}" if kind == "separable" else "")
    return Family(label, makes[kind](), states(rng, (dim,)))


def sized(rng, dim) -> dict:
    """Makers `make(key)` of fields of one dimension, by name."""
    smooth = pick(rng, MONOTONE_ACTIVATIONS)
    width = int(rng.integers(1, 2 * dim + 2))
    first = int(rng.integers(1, dim)) if dim > 1 else 1
    makes = {
        "NonExpansiveField": lambda k: F.NonExpansiveField(dim, width, activation=smooth, key=k),
        "ExpansiveField": lambda k: F.ExpansiveField(dim, width, activation=smooth, key=k),
        "AntisymmetricField": lambda k: F.AntisymmetricField(dim, activation=smooth, key=k),
        "damped AntisymmetricField": lambda k: F.AntisymmetricField(dim, damping=0.3, key=k),
        "GradientField": lambda k: F.GradientField(E.MLPEnergy(dim, 4, 1, key=k)),
        "NeuralField": lambda k: F.NeuralField(dim, 4, 1, key=k),
        "GatedField": lambda k: F.GatedField(dim, 4, rate=2.0, key=k),
    }
    if dim > 1:
        makes |= {
            "ShearField": lambda k: F.ShearField(first, dim - first, 4, key=k),
            "SumPreservingField": lambda k: F.SumPreservingField(dim, 4, 1, key=k),
            "SphereField": lambda k: F.SphereField(dim, 4, 1, key=k),
            "LowRankSphereField": lambda k: F.LowRankSphereField(dim, 1, 4, 1, key=k),
            "RotationField": lambda k: F.RotationField(dim, 4, 1, key=k),
        }
    if dim % 2 == 0:
        n = dim // 2
        makes |= {
            "HamiltonianField": lambda k: F.HamiltonianField(E.MLPEnergy(dim, 4, 1, key=k)),
            "SeparableHamiltonianField": lambda k: F.SeparableHamiltonianField(
                E.MLPEnergy(n, 4, 1, key=k), E.MLPEnergy(n, 4, 1, key=jr.fold_in(k, 1))
            ),
        }
    return makes


def _sized(rng) -> Family:
    if rng.random() < 0.15:
        field = F.OrthogonalFlowField(3, 2, 4, 1, key=key_of(rng))
        return Family("OrthogonalFlowField", field, states(rng, (3, 2)))
    dim = int(pick(rng, (1, 2, 3, 3, 4, 5)))
    makes = sized(rng, dim)
    name = pick(rng, sorted(makes))
    return Family(f"{name}({dim})", makes[name](key_of(rng)), states(rng, (dim,)))


SYSTEMS = {
    "DampedOscillator": S.DampedOscillator,
    "DoublePendulum": S.DoublePendulum,
    "FermiPastaUlamTsingou": lambda: S.FermiPastaUlamTsingou(3, beta=0.2),
    "ForcedOscillator": S.ForcedOscillator,
    "undamped ForcedOscillator": lambda: S.ForcedOscillator(damping=0.0),
    "Harmonic": S.Harmonic,
    "HenonHeiles": S.HenonHeiles,
    "Kepler": S.Kepler,
    "LotkaVolterra": S.LotkaVolterra,
    "NonlinearSchroedinger": lambda: S.NonlinearSchroedinger(4, modes=1),
    "NonseparableOscillator": S.NonseparableOscillator,
    "Pendulum": S.Pendulum,
    "PlanarNBody": lambda: S.PlanarNBody((1.0, 2.0)),
    "PointVortices": lambda: S.PointVortices((1.0, -0.5, 0.8)),
    "RigidBody": S.RigidBody,
    "SpringChain": lambda: S.SpringChain(3, mass=[1.0, 2.0, 0.5]),
    "StiffChain": lambda: S.StiffChain(1),
    "ThreeBody": S.ThreeBody,
    "Toda": lambda: S.Toda(3, False),
    "TwoBody": lambda: S.TwoBody((1.0, 3.0)),
    "WaveLattice": lambda: S.WaveLattice(4, modes=1),
    "ChargedParticle": S.ChargedParticle,
}


def _known(rng) -> Family:
    name = pick(rng, sorted(SYSTEMS))
    system = SYSTEMS[name]()
    xs = np.stack([np.asarray(system.sample(key_of(rng))) for _ in range(3)])
    field = system.field
    if name == "LotkaVolterra" and rng.random() < 0.5:
        name, field, xs = "PopulationField", system.population_field, np.exp(xs / 2)
    return Family(name, field, xs)


def _row(rng) -> Family:
    row = pick(rng, FIELDS)
    field = row.make(key_of(rng))
    field, _ = scaled(rng, field, (1.0, 3.0) if row.name in GIVEN else SCALES)
    args = None
    if row.inputs and (row.given or row.name == "neural_forced" or rng.random() < 0.5):
        args = jnp.ones(row.inputs)
    xs = states(rng, row.shape)
    return Family(row.name, field, np.exp(xs / 3) if row.positive else xs, args)


def draw_family(rng, tame: float = 1.0) -> Family:
    """A field with states; `tame` multiplies what was drawn as weights."""
    kind = pick(rng, (_row, _row, _sized, _sized, _built, _built, _known))
    family = kind(rng)
    if kind is _sized or (kind is _built and "mass" not in family.name):
        field, factor = scaled(rng, family.field)
        family = family._replace(field=field, name=f"{factor:g} {family.name}")
    if tame != 1 and kind is not _known and family.name not in GIVEN:
        family = family._replace(field=scaled(rng, family.field, (tame,))[0])
    if (
        rng.random() < 0.1
        and family.args is None
        and "SYMPLECTIC" in map(str, family.field.structure)
    ):
        doubled = I.TaoField(family.field, float(10 ** rng.uniform(-1, 1.3)))
        pairs = np.stack([np.asarray(I.TaoField.double(x)) for x in family.xs])
        pairs = pairs + 0.1 * rng.normal(size=pairs.shape)
        family = family._replace(field=doubled, xs=pairs, name=f"TaoField of {family.name}")
    return family
