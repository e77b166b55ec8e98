"""A learned energy with damping that can only take energy out, and inputs: real mechanics."""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_key, check_phase_dim, check_size
from dynnets.energies import AbstractEnergy, MLPEnergy, as_energy
from dynnets.fields import AbstractDamping, MLPDamping, PortHamiltonianField, initial_damping
from dynnets.integrators import AbstractStep, RungeKutta

from .._step_model import AbstractStepModel

DAMPINGS = ("constant", "coordinates", "none")


class PortHamiltonianNetwork(AbstractStepModel):
    """`q' = dH/dp`, `p' = -dH/dq - D(q) dH/dp + G u(t)` with learned `H`, `D >= 0` and `G`.

    The physical form of a dissipative Hamiltonian network: friction acts on the momenta, so
    that the energy and the damping are told apart by the data.

    **Arguments:**

    - `dim`: size `2n` of the state `(q, p)`.
    - `width`, `depth`, `activation`, `key`: of the net behind `H`, see `MLPEnergy`.
    - `input_dim`: size `m` of the input `u`, which comes through `args`; 0 for none. Or
      `input_matrix`: `G (n, m)` itself, before training.
    - `damping`: `"constant"` (a full matrix `D = L L^T`), `"coordinates"` (a net `L(q)` of the
      same width), `"none"`, or an `AbstractDamping`.
    - `initial`: size of `D` before training, in units of force per velocity.
    - `learned`: an energy on `(dim,)`, or a function `H(t, x)`, in place of the net (no `key` is
      needed where damping and inputs are given too); a mechanical one for instance,
      `SeparableEnergy(KineticEnergy(mass), MLPEnergy(n, ...))`.
    - `step`, `substeps`: of forecasts; by default one step of Tsit5 between two times.

    Preserves, for every weight: under the exact flow `dH/dt = -v^T D v + v^T G u`, `v = dH/dp`,
    so that without input the learned energy never grows (see `energy_rate`); the default step
    keeps this to its accuracy. Cost: one gradient of `H` and one `D` per evaluation. Raises
    `ValueError` for an odd `dim`, an unknown damping and a negative `initial`.

    Source: Y. Zhong, B. Dey, A. Chakraborty, Dissipative SymODEN, 2020, arXiv:2002.08860.
    """

    hamiltonian: AbstractEnergy
    damping: AbstractDamping | None
    input_matrix: Float[Array, "n m"] | None
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 200,
        depth: int = 2,
        *,
        input_dim: int = 0,
        activation: str = "tanh",
        damping: str | AbstractDamping | None = "constant",
        initial: float = 0.1,
        learned: Callable | None = None,
        input_matrix: Float[Array, "n m"] | None = None,
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)
        check_size("input_dim", input_dim, 0)
        n = dim // 2
        if input_matrix is not None:
            input_dim = check_input_matrix(input_matrix, n, input_dim)
        drawn = [learned is None, isinstance(damping, str) and damping != "none"]
        drawn.append(input_dim > 0 and input_matrix is None)
        keys = (
            jr.split(check_key(key, "H, D and G where they are not given"), 3)
            if any(drawn)
            else [None] * 3
        )
        if learned is None:
            learned = MLPEnergy(dim, width, depth, activation=activation, key=keys[0])
        if isinstance(damping, str):
            damping = _make_damping(damping, n, width, activation, initial, keys[1])
        self.hamiltonian, self.damping = as_energy(learned), damping
        if drawn[2]:
            input_matrix = jr.normal(keys[2], (n, input_dim))
        self.input_matrix = input_matrix
        self.step = RungeKutta(diffrax.Tsit5()) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> PortHamiltonianField:
        """`(J - R) grad H + G u` with `R = diag(0, D)`."""
        return PortHamiltonianField(self.hamiltonian, self.damping, self.input_matrix)

    @property
    def energy(self) -> AbstractEnergy:
        """The learned `H`, known up to a constant."""
        return self.hamiltonian


def check_input_matrix(matrix, n: int, input_dim: int) -> int:
    """The number of inputs of `matrix (n, m)`; `ValueError` for another shape or `input_dim`."""
    if matrix.ndim != 2 or matrix.shape[0] != n or input_dim not in (0, matrix.shape[1]):
        inputs = input_dim or "m"
        raise ValueError(f"input_matrix must have shape ({n}, {inputs}), got {matrix.shape}")
    return matrix.shape[1]


def _make_damping(
    name: str, n: int, width: int, activation: str, initial: float, key: PRNGKeyArray | None
) -> AbstractDamping | None:
    check_choice("damping", name, DAMPINGS)
    if name == "none":
        return None
    if name == "constant":
        return initial_damping(n, initial, key=key)
    if not initial >= 0:
        raise ValueError(f"initial must not be negative, got {initial}")
    return MLPDamping(n, width, 1, activation=activation, scale=initial**0.5, key=key)
