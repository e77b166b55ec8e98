"""One row per public energy, pair law, mass and library of terms.

A row makes one of them; `test_contract_energies.py` runs every check on it. A new class is tested
by adding a row here.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from dynnets import control as C, energies as E, fields as F


class EnergyRow(NamedTuple):
    """An energy: `make(key)`; `dim`: size of its argument."""

    name: str
    make: Callable
    dim: int = 4


class PartRow(NamedTuple):
    """A part of energies (a pair law, a mass matrix, a library of terms): `make(key)`."""

    name: str
    make: Callable


def _mlp(key, dim=4):
    return E.MLPEnergy(dim, 8, 2, key=key)


def _matrix(key, dim=4):
    return jr.normal(key, (dim, dim))


def _bodies(law):
    return E.PairwisePotential(law, jnp.array([2.0, 0.5]), 2)


def _function(t, x):
    """It reads the time."""
    return jnp.sum(jnp.cos(x) * jnp.sin(t * x[0]))


def _lagrangian(t, q, v):
    return 0.5 * v @ v * (1 + 0.5 * jnp.sin(q[0]) ** 2) - jnp.sum(jnp.cosh(q))


def _pontryagin(key):
    del key  # a known problem

    def rates(t, x, u):
        return jnp.stack([x[1], -jnp.sin(x[0]) + u[0]])

    def cost(t, x, u):
        return (x @ x + u @ u) / 2

    return C.ControlProblem(rates, cost, control=jnp.zeros(1), quadratic=True).energy


def _library(key):
    library = E.monomials(2, 3)
    mask = np.arange(library.size) != 1
    return E.LibraryEnergy(library, jr.normal(key, (library.size,)), mask)


LAWS = [
    PartRow("power", lambda key: E.PowerLaw(jnp.array(1.3), jnp.array(-1.0), 1.5)),
    PartRow("fixed_power", lambda key: E.FixedPowerLaw(jnp.array(0.7), -2.0)),
    PartRow("mlp", lambda key: E.MLPLaw(1.2, 0.1, 9.0, key=key)),
    PartRow("distance", lambda key: E.DistanceLaw(0.1, 9.0, 8, 2, scale=1.5, key=key)),
    PartRow("corrected", lambda key: _corrected(key)),
]


def _corrected(key):
    """With a correction that has been trained: at the start it is zero."""
    power = E.PowerLaw(jnp.array(1.3), jnp.array(-1.0))
    law = E.CorrectedPowerLaw(power, 0.1, 9.0, key=key)
    last = law.net.net.layers[-1][0]
    return eqx.tree_at(lambda m: m.net.net.layers[-1][0], law, 0.1 * jr.normal(key, last.shape))


MASSES = [
    PartRow("constant", lambda key: E.ConstantMass(0.5 * _matrix(key, 3))),
    PartRow("mlp", lambda key: E.MLPMass(3, 8, 1, angles=(1,), key=key)),
]

LIBRARIES = [
    PartRow("monomials", lambda key: E.monomials(2, 3)),
    PartRow("ridge", lambda key: E.RidgeLibrary("sin", _matrix(key, 2), jnp.array([0.3, -0.2]))),
    PartRow(
        "custom",
        lambda key: E.CustomLibrary(
            (lambda x: x[0] * jnp.sin(x[1]), lambda x: jnp.exp(x[0])), ("a", "b"), 2
        ),
    ),
    PartRow(
        "joined",
        lambda key: E.JoinedLibrary(
            (E.monomials(2, 2), E.RidgeLibrary("cos", _matrix(key, 2), fixed=True))
        ),
    ),
]

ENERGIES = [
    EnergyRow("mlp", _mlp),
    EnergyRow("quadratic", lambda key: E.QuadraticEnergy(_matrix(key))),
    EnergyRow("half_square", lambda key: E.HalfSquareEnergy()),
    EnergyRow("kinetic", lambda key: E.KineticEnergy(jnp.array([1.0, 2.0, 0.5, 3.0]))),
    EnergyRow("function", lambda key: E.FunctionEnergy(_function, reads_time=True)),
    EnergyRow(
        "separable", lambda key: E.SeparableEnergy(_mlp(key, 2), E.QuadraticEnergy(_matrix(key, 2)))
    ),
    EnergyRow(
        "separable_quadratic",
        lambda key: E.SeparableEnergy(
            E.KineticEnergy(jnp.array([1.0, 2.0])), E.QuadraticEnergy(_matrix(key, 2))
        ),
    ),
    EnergyRow("known", lambda key: E.KnownEnergy(E.KineticEnergy(jnp.ones(4) * 2.0))),
    EnergyRow("sum", lambda key: E.SumEnergy((_mlp(key), E.KineticEnergy(jnp.ones(4)), _mlp(key)))),
    EnergyRow(
        "sum_convex",
        lambda key: E.SumEnergy(
            (E.RidgeEnergy(_matrix(key), jnp.ones(4)), E.KineticEnergy(jnp.ones(4)))
        ),
    ),
    EnergyRow("polynomial", lambda key: E.PolynomialPotential(jr.normal(key, (4, 3)))),
    EnergyRow("periodic", lambda key: E.PeriodicEnergy(_mlp(key, 6), (0, 2))),
    EnergyRow("ridge", lambda key: E.RidgeEnergy(_matrix(key), jnp.ones(4))),
    EnergyRow("taylor", lambda key: E.TaylorEnergy(4, 3, 2, key=key)),
    EnergyRow("taylor_relu", lambda key: E.TaylorEnergy(4, 2, 2, activation="relu", key=key)),
    EnergyRow("library", _library, 2),
    EnergyRow("time_potential", lambda key: E.TimePotential(4, 8, 2, key=key)),
    EnergyRow("rate", lambda key: E.RateEnergy(E.TimePotential(4, 8, 1, key=key))),
    EnergyRow("legendre", lambda key: E.legendre(_lagrangian, quadratic=True)),
    EnergyRow("lagrangian", lambda key: F.LagrangianField(_lagrangian).energy),
    EnergyRow("velocity", lambda key: E.VelocityEnergy(E.MLPMass(2, 8, 1, key=key), _mlp(key, 2))),
    EnergyRow(
        "pairwise_potential", lambda key: _bodies(E.PowerLaw(jnp.array(1.0), jnp.array(2.5)))
    ),
    EnergyRow("pairwise", lambda key: E.PairwiseEnergy(_bodies(_corrected(key))), 8),
    EnergyRow(
        "circulation",
        lambda key: E.CirculationEnergy(
            E.DistanceLaw(0.1, 5.0, 8, 2, key=key), jnp.array([1.0, -0.5])
        ),
    ),
    EnergyRow("minimised", _pontryagin),
]
