"""One row per public model and density.

A row makes one of them; `test_contract_models.py` runs every check on it. A new class is tested by
adding a row here.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr

from dynnets import energies as E, fields as F, integrators as I, models as M
from dynnets.networks import sympnet_la
from dynnets.nn import MLPCodec
from dynnets.training import FreeInitialStates


class ModelRow(NamedTuple):
    """A model: `make(key)`; `shape`: of what it forecasts from; `inputs`: size of its input.

    `observed`: shape of what it forecasts, that of `shape` for models of states.
    """

    name: str
    make: Callable
    shape: tuple[int, ...] = (4,)
    inputs: int = 0
    observed: tuple[int, ...] | None = None


class DensityRow(NamedTuple):
    """A density: `make(key)`."""

    name: str
    make: Callable


def _mlp(key, dim=4):
    return E.MLPEnergy(dim, 6, 1, key=key)


def _mechanical(key):
    return F.mechanical_field(jnp.array([1.0, 2.0]), _mlp(key, 2))


def _units(scale, time=2.0):
    return M.Units(jnp.array([0.1, -0.2, 0.3, 0.0]), jnp.asarray(scale), jnp.asarray(time))


def _law(key):
    return E.CorrectedPowerLaw(E.PowerLaw(jnp.array(1.0), jnp.array(2.0)), 0.1, 9.0, key=key)


def _bodies(key):
    return M.PairwiseHamiltonian(_law(key), jnp.array([2.0, 0.5]), 1)


def _films(key):
    codec_key, key = jr.split(key)
    return M.HGN(MLPCodec((1, 4, 4), 1, 2, 6, 1, key=codec_key), 6, 1, transform=4, key=key)


MODELS = [
    ModelRow("field_model", lambda key: M.FieldModel(_mechanical(key), I.verlet_kdk, 2)),
    ModelRow("hnn", lambda key: M.HNN(4, 6, 1, key=key)),
    ModelRow("helmholtz", lambda key: M.HelmholtzHNN(4, 6, 1, key=key)),
    ModelRow("mechanical", lambda key: M.MechanicalPortHamiltonian(4, 6, 1, key=key)),
    ModelRow("port", lambda key: M.PortHamiltonianNetwork(4, 6, 1, input_dim=1, key=key), inputs=1),
    ModelRow(
        "port_free", lambda key: M.PortHamiltonianNetwork(4, 6, 1, step=I.MeanValue(), key=key)
    ),
    ModelRow("neural_ode", lambda key: M.NeuralODE(4, 6, 1, key=key)),
    ModelRow("nssnn", lambda key: M.NSSNN(4, 6, 1, omega=5.0, key=key)),
    ModelRow("pairwise", _bodies),
    ModelRow(
        "pairwise_force", lambda key: M.PairwiseForce(jnp.ones(2), 1, 0.1, 9.0, 6, 1, key=key)
    ),
    ModelRow("srnn", lambda key: M.SRNN(4, 6, 1, key=key)),
    ModelRow("ssinn", lambda key: M.SSINN(*(_library(k) for k in jr.split(key)))),
    ModelRow("taylor_net", lambda key: M.TaylorNet(4, 3, 3, key=key)),
    ModelRow("sympflow", lambda key: M.SympFlow(4, 6, 2, depth=1, dt=0.5, key=key)),
    ModelRow("neural_flow", lambda key: M.NeuralFlow(4, 6, 1, dt=0.5, key=key)),
    ModelRow("network_flow", lambda key: M.NetworkFlow(sympnet_la(4, key=key), 0.2)),
    ModelRow(
        "scaled",
        lambda key: M.ScaledModel(M.SRNN(4, 6, 1, key=key), _units([2.0, 1.0, 0.5, 1.0])),
    ),
    ModelRow(
        "scaled_unequal",
        lambda key: M.ScaledModel(M.SRNN(4, 6, 1, key=key), _units([2.0, 1.0, 3.0, 1.0])),
    ),
    ModelRow(
        "scaled_bodies", lambda key: M.ScaledModel(_bodies(key), _units([2.0, 2.0, 3.0, 3.0]))
    ),
    ModelRow(
        "free_initial_states",
        lambda key: FreeInitialStates(M.SRNN(4, 6, 1, key=key), jnp.ones((3, 4))),
    ),
    ModelRow("hgn", _films, (2, 1, 4, 4), observed=(1, 4, 4)),
    ModelRow("pixel", lambda key: M.PixelHNN((2, 3, 3), 2, 6, 1, key=key), (2, 3, 3)),
]


def _library(key):
    library = E.monomials(2, 4)
    return E.LibraryEnergy(library, 0.1 * jr.normal(key, (library.size,)))


DENSITIES = [
    DensityRow("couplings", lambda key: M.CouplingFlow(2, 3, 6, 1, limit=0.5, key=key)),
    DensityRow(
        "conditional_couplings", lambda key: M.CouplingFlow(2, 2, 6, 1, condition_dim=2, key=key)
    ),
    DensityRow("hamiltonian", lambda key: M.HamiltonianFlow(1, 3, 6, encoder_width=4, key=key)),
]
