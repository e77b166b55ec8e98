"""Hamiltonian neural networks: a learned energy whose symplectic gradient is the field."""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_key, check_phase_dim, check_size, constant_field
from dynnets.energies import AbstractEnergy, MLPEnergy, as_energy
from dynnets.fields import AbstractField, HamiltonianField, HelmholtzField, PoissonField
from dynnets.integrators import AbstractStep, ImplicitMidpoint, RungeKutta, rollout

from .._step_model import AbstractStepModel


class HNN(AbstractStepModel):
    """`x' = J grad H(x)` with `H` a neural network: conservative whatever its weights.

    Trained by `derivative_matching` on states with their derivatives, or by
    `TrajectoryMatching` on trajectories. The state must be canonical, `(q, p)`; for coordinates
    and velocities that means a unit mass. It conserves energy, so it is wrong for a damped
    record: use `PortHamiltonianNetwork` there.

    **Arguments:**

    - `dim`: size `2n` of the state; any size with `matrix`.
    - `width`, `depth`, `activation`, `key`: of the net behind `H`, see `MLPEnergy` (the
      published one: 200 wide, 2 hidden layers, tanh, no last bias, orthogonal weights).
    - `learned`: an energy on `(dim,)`, or a function `H(t, x)`, in place of the net; no `key` then.
    - `matrix`: a constant skew matrix `(dim, dim)` in place of `J`; not trained.
    - `step`, `substeps`: of forecasts; by default the implicit midpoint rule, which is
      symplectic. (The publication forecasts by an adaptive Runge-Kutta method.)

    Preserves, for every weight: `div f = 0`, the energy `H` and the symplectic form under the
    exact flow; under the default step, symplecticity. Cost: one gradient of `H` per evaluation.
    Raises `ValueError` for an odd `dim` without `matrix` and for a matrix that is not skew.

    Source: S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian Neural Networks, NeurIPS 2019.
    """

    hamiltonian: AbstractEnergy
    matrix: Float[Array, "dim dim"] | None = constant_field()
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 200,
        depth: int = 2,
        *,
        activation: str = "tanh",
        learned: Callable | None = None,
        matrix: Float[Array, "dim dim"] | None = None,
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        if matrix is None:
            check_phase_dim("dim", dim)
        elif matrix.shape != (dim, dim):
            raise ValueError(f"matrix must have shape {(dim, dim)}, got {matrix.shape}")
        check_size("dim", dim)
        if learned is None:
            key = check_key(key, "the net behind the energy")
            learned = MLPEnergy(dim, width, depth, activation=activation, key=key)
        self.hamiltonian, self.matrix = as_energy(learned), matrix
        self.step = ImplicitMidpoint() if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> AbstractField:
        """`J grad H`, or `B grad H` with a matrix `B` of its own."""
        if self.matrix is None:
            return HamiltonianField(self.hamiltonian)
        return PoissonField(self.hamiltonian, self.matrix)

    @property
    def energy(self) -> AbstractEnergy:
        """The learned `H`, known up to a constant."""
        return self.hamiltonian

    def riemann_gradient(self, t, x):
        """`(dH/dq, dH/dp)`: the direction that raises the learned energy fastest.

        The symplectic gradient turned by a right angle; of the shape of `x`. `shift_energy`
        moves along it.
        """
        return self.hamiltonian.gradient(t, x)

    def shift_energy(self, x: Float[Array, " dim"], amount, *, t=0.0, steps: int = 32):
        """The state reached from `x` along the Riemann gradient with `H` raised by `amount`.

        Solves `dx/ds = grad H / |grad H|^2` from `s = 0` to `amount` (negative to take energy
        out) with `steps` steps of order 5; along it `dH/ds = 1`. Fails, with values that are not
        finite, where an extremum of `H` stands in the way. Answers "what if it had more energy".
        """
        check_size("steps", steps)
        ascent = _EnergyAscent(self.hamiltonian, t)
        step = RungeKutta(diffrax.Tsit5())
        return rollout(step, ascent, x, (amount / steps, steps)).xs[-1]


class _EnergyAscent(AbstractField):
    """`grad H / |grad H|^2`, whose parameter is the energy itself."""

    hamiltonian: AbstractEnergy
    time: float | Array

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x, args=None):
        gradient = self.hamiltonian.gradient(self.time, x)
        return gradient / jnp.sum(gradient**2)


class HelmholtzHNN(AbstractStepModel):
    """`x' = J grad H(x) + grad D(x)`: a conservative and a dissipative scalar net.

    `H` and `D` are fixed only up to conjugate harmonic pairs (`D = (q^2 - p^2)/2` and `H = q p`
    give one field), so neither is an energy or a friction by itself: judge the model by its
    field, `div f = Laplacian D`. Where friction acts on the momenta alone,
    `PortHamiltonianNetwork` has no such freedom and should be preferred.

    **Arguments:** `dim`: even; `width`, `depth`, `activation`, `key`: of both nets; `learned`,
    `dissipation`: energies on `(dim,)`, or functions of `(t, x)`, in place of the nets of `H` and
    `D`; `step`, `substeps`: of forecasts, by default Tsit5. Raises `ValueError` for an odd `dim`.

    Preserves: nothing. Cost: two gradients per evaluation.

    Source: the "conservative plus solenoidal" form of the published HNN code; A. Sosanya,
    S. Greydanus, Dissipative Hamiltonian Neural Networks, 2022, arXiv:2201.10085.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import HelmholtzHNN
    >>> model = HelmholtzHNN(2, 4, 1, key=jr.key(0))
    >>> model.field(0.0, jnp.array([1.0, 0.0])).shape, model.structure
    ((2,), frozenset())

    ```
    """

    hamiltonian: AbstractEnergy
    dissipation: AbstractEnergy
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 200,
        depth: int = 2,
        *,
        activation: str = "tanh",
        learned: Callable | None = None,
        dissipation: Callable | None = None,
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)
        if learned is None or dissipation is None:
            first, second = jr.split(check_key(key, "the nets of H and D"))
            if learned is None:
                learned = MLPEnergy(dim, width, depth, activation=activation, key=first)
            if dissipation is None:
                dissipation = MLPEnergy(dim, width, depth, activation=activation, key=second)
        self.hamiltonian, self.dissipation = as_energy(learned), as_energy(dissipation)
        self.step = RungeKutta(diffrax.Tsit5()) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> HelmholtzField:
        """`J grad H + grad D`."""
        return HelmholtzField(self.hamiltonian, self.dissipation)

    @property
    def energy(self) -> AbstractEnergy:
        """`H`, which is an energy only up to the freedom named above."""
        return self.hamiltonian

    def divergence(self, t, x: Float[Array, " dim"]):
        """`div f = Laplacian D`: the rate at which phase-space volume grows, a scalar.

        Well defined, unlike `D` itself. Cost: `dim` directional derivatives of a gradient.
        """
        columns = jnp.eye(x.shape[0], dtype=x.dtype)

        def second(direction):
            slope = jax.jvp(lambda y: self.dissipation.gradient(t, y), (x,), (direction,))[1]
            return jnp.sum(slope * direction)

        return jnp.sum(jax.vmap(second)(columns))
