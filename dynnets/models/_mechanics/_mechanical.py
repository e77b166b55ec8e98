"""Damped mechanics learned from coordinates and velocities: a mass matrix makes the momenta."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_phase_dim, check_size
from dynnets.energies import (
    AbstractMass,
    ConstantMass,
    MLPEnergy,
    MLPMass,
    PeriodicEnergy,
    VelocityEnergy,
)
from dynnets.fields import AbstractDamping, MassMatrixField, MLPDamping, initial_damping
from dynnets.integrators import AbstractStep, RungeKutta

from .._step_model import AbstractStepModel

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
    - `mass`: `"coordinates"` (a net gives `M(q)`), `"constant"` (a full matrix).
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
    potential: PeriodicEnergy
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
        mass: str = "coordinates",
        damping: str | AbstractDamping | None = "constant",
        initial: float = 0.1,
        input_dim: int = 0,
        activation: str = "tanh",
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray,
    ):
        check_phase_dim("dim", dim)
        check_choice("mass", mass, MASSES)
        check_size("input_dim", input_dim, 0)
        n = dim // 2
        if any(angle >= n for angle in angles):
            raise ValueError(f"there are {n} coordinates, got the angles {angles}")
        mass_key, energy_key, damping_key, input_key = jr.split(key, 4)
        energy = MLPEnergy(n + len(angles), width, depth, activation=activation, key=energy_key)
        self.potential = PeriodicEnergy(energy, angles)
        if mass == "constant":
            self.mass = ConstantMass(jnp.zeros((n, n)))
        else:
            self.mass = MLPMass(n, width, depth, angles=angles, activation=activation, key=mass_key)
        if isinstance(damping, str):
            damping = _make_damping(damping, n, width, activation, initial, damping_key)
        self.damping = damping
        self.input_matrix = jr.normal(input_key, (n, input_dim)) if input_dim else None
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
