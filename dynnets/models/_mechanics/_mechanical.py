"""Damped mechanics learned from coordinates and velocities: a mass matrix makes the momenta."""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_key, check_phase_dim, check_size
from dynnets.energies import (
    AbstractEnergy,
    AbstractMass,
    ConstantMass,
    MLPEnergy,
    MLPMass,
    PeriodicEnergy,
    VelocityEnergy,
    as_energy,
)
from dynnets.fields import AbstractDamping, MassMatrixField, MLPDamping, initial_damping
from dynnets.integrators import AbstractStep, RungeKutta

from .._step_model import AbstractStepModel
from ._port_hamiltonian import check_input_matrix

MASSES = ("constant", "coordinates")
MECHANICAL_DAMPINGS = ("constant", "coordinates", "none")


class MechanicalPortHamiltonian(AbstractStepModel):
    """`H = p^T M(q)^{-1} p / 2 + V(q)` with friction and inputs, on states `(q, v)`, `p = M(q) v`.

    Learns the mass matrix, the potential, the damping `D >= 0` and the input matrix. Records of
    motion hold velocities, which are canonical momenta for a constant diagonal mass only: on a
    double pendulum an HNN or a `PortHamiltonianNetwork` of `(q, v)` is wrong, this one is not.

    **Arguments:**

    - `dim`: size `2n` of the state `(q, v)`.
    - `width`, `depth`, `activation`, `key`: of the nets behind `M` and `V`, see `MLP`.
    - `angles`: which of the `n` coordinates are angles in rad; all nets then have period `2 pi`
      in them, so that angles may wind up without bound.
    - `mass`: `"coordinates"` (a net gives `M(q)`), `"constant"` (a full matrix), or an
      `AbstractMass`; `potential`: an energy, or a function `V(t, q)`, in place of the net, and
      `input_matrix`: `G (n, m)`. Where nothing is left to draw no `key` is needed.
    - `damping`: `"constant"`, `"coordinates"` (a net `D(q)`, for coordinates that are not
      angles), `"none"` (a conservative model), or an `AbstractDamping`; `initial`: size of `D`
      before training.
    - `input_dim`: size `m` of the input `u`, which comes through `args`; 0 for none.
    - `step`, `substeps`: of forecasts; by default one step of Tsit5 between two times.

    Preserves, for every weight: `M(q)` positive definite; under the exact flow
    `dE/dt = -v^T D v + v^T G u`, so that without input the learned energy never grows (and is
    kept with `damping="none"`); the default step keeps this to its accuracy. Cost: see
    `MassMatrixField`. Raises `ValueError` for an odd `dim`, unknown options, a negative
    `initial` and angles beyond the coordinates.

    Source: Y. Zhong, B. Dey, A. Chakraborty, Dissipative SymODEN, 2020, arXiv:2002.08860; the
    mass matrix by its Cholesky factor: M. Lutter, C. Ritter, J. Peters, Deep Lagrangian
    Networks, 2019, arXiv:1907.04490.
    """

    mass: AbstractMass
    potential: AbstractEnergy
    damping: AbstractDamping | None
    input_matrix: Float[Array, "n m"] | None
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 64,
        depth: int = 2,
        *,
        angles: tuple[int, ...] = (),
        mass: str | AbstractMass = "coordinates",
        potential: Callable | None = None,
        damping: str | AbstractDamping = "constant",
        initial: float = 0.1,
        input_dim: int = 0,
        input_matrix: Float[Array, "n m"] | None = None,
        activation: str = "tanh",
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)
        if isinstance(mass, str):
            check_choice("mass", mass, MASSES)
        check_size("input_dim", input_dim, 0)
        n = dim // 2
        if any(angle >= n for angle in angles):
            raise ValueError(f"there are {n} coordinates, got the angles {angles}")
        if input_matrix is not None:
            input_dim = check_input_matrix(input_matrix, n, input_dim)
        drawn = [isinstance(mass, str) and mass != "constant", potential is None]
        drawn.append(isinstance(damping, str) and damping != "none")
        drawn.append(input_dim > 0 and input_matrix is None)
        keys = (
            jr.split(check_key(key, "the parts that are not given"), 4)
            if any(drawn)
            else [None] * 4
        )
        if potential is None:
            features = n + len(angles)
            energy = MLPEnergy(features, width, depth, activation=activation, key=keys[1])
            potential = PeriodicEnergy(energy, angles)
        self.potential = as_energy(potential)
        if isinstance(mass, AbstractMass):
            self.mass = mass
        elif mass == "constant":
            self.mass = ConstantMass(jnp.zeros((n, n)))
        else:
            self.mass = MLPMass(n, width, depth, angles=angles, activation=activation, key=keys[0])
        if isinstance(damping, str):
            damping = _make_damping(damping, n, width, activation, initial, keys[2])
        self.damping = damping
        if drawn[3]:
            input_matrix = jr.normal(keys[3], (n, input_dim))
        self.input_matrix = input_matrix
        self.step = RungeKutta(diffrax.Tsit5()) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> MassMatrixField:
        """`(v, dv/dt)`."""
        return MassMatrixField(self.mass, self.potential, self.damping, self.input_matrix)

    @property
    def energy(self) -> VelocityEnergy:
        """`v^T M(q) v / 2 + V(q)`, known up to a common factor (with `D`) and a constant."""
        return self.field.energy

    def momenta(self, x: Float[Array, " dim *batch"]) -> Float[Array, " n *batch"]:
        """The canonical momenta `p = M(q) v` of states `(q, v)`."""
        n = x.shape[0] // 2
        return self.mass(x[:n], x[n:])


def _make_damping(name, n, width, activation, initial, key) -> AbstractDamping | None:
    check_choice("damping", name, MECHANICAL_DAMPINGS)
    if not initial >= 0:
        raise ValueError(f"initial must not be negative, got {initial}")
    if name == "none":
        return None
    if name == "constant":
        return initial_damping(n, initial, key=key)
    return MLPDamping(n, width, 1, activation=activation, scale=initial**0.5, key=key)
