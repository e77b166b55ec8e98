"""One row per network of the library, for `test_contract_networks.py`.

Together they hold every public class of `dynnets.networks`: a new one is tested by adding a row.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr

from dynnets import energies as E, fields as F, integrators as I, networks as N
from dynnets.structure import (
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    REVERSIBLE,
    SUM,
    SYMPLECTIC,
    VOLUME,
)


class NetworkRow(NamedTuple):
    """A network, its tags, the shape of its input; `scales` of the weights that it must stand."""

    name: str
    make: Callable
    tags: set
    shape: tuple[int, ...]
    scales: tuple[float, ...] = (0.0, 1e-3, 1.0, 1e3)


def separable(key):
    a, b = (E.MLPEnergy(2, 4, 1, key=k) for k in jr.split(key))
    return F.SeparableHamiltonianField(a, b)


def _down(key):
    return F.NonExpansiveField(5, 6, activation="half_relu", key=key)


def _up(key):
    return F.ExpansiveField(5, 3, key=key)


def _layers(field, step, h, **ends):
    return lambda key: N.flow_network(field, 2, step, h, key=key, **ends)


def _ends(before, inside, cut=N.Truncation):
    return {"lift": N.ZeroPadding(before, inside), "project": cut(inside, before)}


def _sympnet(kind):
    return lambda key: N.SYMPNETS[kind](4, 2 if kind == "LA" else 1, key=key).at(0.3)


_ROUND_TRIP = N.ChainedResize(N.ZeroPadding(3, 5), N.Truncation(5, 3))
_FORM = {SYMPLECTIC, VOLUME, REVERSIBLE}
# Newton's method need not converge on slopes of 1e6; polynomials of such weights overflow
_SMALL = (0.0, 1e-3, 1.0)

NETWORKS = [
    NetworkRow(
        "bounded",
        _layers(_down, I.explicit_euler, N.BoundedStepSize(0.9), **_ends(3, 5)),
        {NON_EXPANSIVE},
        (3,),
    ),
    NetworkRow(
        "gram", _layers(_down, I.rk4, N.FractionStepSize(norm="gram")), {NON_EXPANSIVE}, (5,)
    ),
    NetworkRow(
        "alternating",
        _layers((_up, _down), I.explicit_euler, (N.ClippedStepSize(0.4), N.FractionStepSize(0.6))),
        {NON_EXPANSIVE},
        (5,),
    ),
    NetworkRow(
        "implicit",
        _layers(_down, I.ImplicitMidpoint(), N.PositiveStepSize(3.0)),
        {NON_EXPANSIVE},
        (5,),
        _SMALL,
    ),
    NetworkRow(
        "shears",
        _layers(lambda key: F.ShearField(1, 2, 3, key=key), I.lie, N.LearnedStepSize(-0.7)),
        {VOLUME, REVERSIBLE},
        (3,),
    ),
    NetworkRow(
        "symplectic", _layers(separable, I.verlet_kdk, N.FixedStepSize(0.3)), _FORM, (4,), _SMALL
    ),
    NetworkRow(
        "sum",
        _layers(
            lambda key: F.SumPreservingField(5, 3, 1, weights=jnp.ones(5), key=key),
            I.heun,
            0.5,
            **_ends(3, 5, N.SumTruncation),
        ),
        {SUM},
        (3,),
        _SMALL,
    ),
    NetworkRow(
        "rotations",
        _layers(
            lambda key: F.RotationField(3, 3, 1, key=key), I.strang, 1.5, lift=N.ZeroPadding(2, 3)
        ),
        {NORM, REVERSIBLE},
        (2,),
        _SMALL,
    ),
    NetworkRow(
        "orthogonal",
        _layers(
            lambda key: F.OrthogonalFlowField(4, 2, 3, 1, key=key),
            I.cayley,
            0.1,
            lift=N.ZeroPadding(3, 4),
        ),
        {ORTHOGONAL, NORM},
        (3, 2),
        _SMALL,
    ),
    NetworkRow(
        "chained",
        _layers(lambda key: F.ShearField(1, 2, 3, key=key), I.lie, 0.5, lift=_ROUND_TRIP),
        {VOLUME, REVERSIBLE},
        (3,),
    ),
    *(NetworkRow(f"sympnet_{kind}", _sympnet(kind), _FORM, (4,), _SMALL) for kind in N.SYMPNETS),
]
