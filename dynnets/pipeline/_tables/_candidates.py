"""Which models suit a record, and which baselines they have to beat."""

import math

import diffrax
import jax.random as jr

from dynnets.energies import MLPEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import RungeKutta, verlet_kdk
from dynnets.models import (
    HNN,
    FieldModel,
    MechanicalPortHamiltonian,
    NeuralODE,
    PortHamiltonianNetwork,
)

from .._task import BASELINE, CONSERVATIVE, DAMPED, Candidate
from ._record import Record


def _substeps(pace: float, longest: float) -> int:
    """Steps between two samples, none longer than `longest` in the units of training."""
    return max(1, math.ceil(pace / longest))


def candidates(record: Record, width: int, every: int) -> list[Candidate]:
    """The models that suit `record`, then the baselines.

    A phase space `(q, p)` or `(q, v)` gets Hamiltonian models; an input leaves out those that
    take none; any other state gets the baselines alone. **Arguments:** `width`: the
    width of every net; `every`: how many samples lie between two states of the windows to train on.
    """
    dim, inputs = record.whole.dim, record.whole.input_dim
    # enough steps between samples for the windows, and never fewer than one in a forecast
    options = {"step": RungeKutta(diffrax.Tsit5()), "substeps": _substeps(record.pace * every, 0.5)}
    baselines = [
        Candidate(
            "neural ODE",
            lambda key: NeuralODE(dim, width, 2, input_dim=inputs, key=key, **options),
            BASELINE,
            "nothing",
        ),
        Candidate(
            "linear ODE",
            lambda key: NeuralODE(dim, 1, 0, input_dim=inputs, key=key, **options),
            BASELINE,
            "small motions about a rest",
        ),
    ]
    return _structured(record, width, options, every) + baselines


def _structured(record: Record, width: int, options: dict, every: int) -> list[Candidate]:
    if not record.is_phase_space:
        return []
    dim, inputs = record.whole.dim, record.whole.input_dim
    unit_mass = "; velocities are momenta (unit mass)" * (record.whole.phase == "velocities")
    found = []
    if not inputs:
        found = [
            Candidate(
                "separable Hamiltonian",
                lambda key: _separable(dim // 2, width, _substeps(record.pace * every, 0.2), key),
                CONSERVATIVE,
                "energy is conserved; H = T(p) + V(q)" + unit_mass,
            ),
            Candidate(
                "HNN",
                lambda key: HNN(dim, width, 2, key=key, **options),
                CONSERVATIVE,
                "energy is conserved; (q, p) canonical" + unit_mass,
            ),
        ]
    # Velocities are canonical momenta for a constant diagonal mass only.
    mechanical = record.whole.phase == "velocities" and dim > 2
    cls = MechanicalPortHamiltonian if mechanical else PortHamiltonianNetwork
    damped = Candidate(
        "mechanical port-Hamiltonian" if mechanical else "port-Hamiltonian",
        lambda key: cls(dim, width, 2, input_dim=inputs, initial=0.03, key=key, **options),
        DAMPED,
        "energy is lost to friction"
        + " or put in by the input" * bool(inputs)
        + ("; p = M(q) v" if mechanical else unit_mass),
    )
    return [*found, damped]


def _separable(n: int, width: int, substeps: int, key) -> FieldModel:
    first, second = jr.split(key)
    field = SeparableHamiltonianField(
        MLPEnergy(n, width, 2, key=first), MLPEnergy(n, width, 2, key=second)
    )
    return FieldModel(field, verlet_kdk, substeps)
