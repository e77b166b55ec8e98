"""Symplectic recurrent networks: a learned separable energy, unrolled by a symplectic step."""

from collections.abc import Callable

import equinox as eqx
import jax.random as jr
from jaxtyping import PRNGKeyArray

from dynnets._core import check_key, check_phase_dim
from dynnets.energies import AbstractEnergy, MLPEnergy, SeparableEnergy, as_energy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import AbstractStep, verlet_kdk

from .._step_model import AbstractStepModel


class SRNN(AbstractStepModel):
    """`q' = grad K(p)`, `p' = -grad V(q)` with learned `K` and `V`, unrolled by leapfrog.

    Trained on trajectories, without derivatives: `TrajectoryMatching(model.step)` back through
    the steps, best after a stage of `OneStepMatching`; for noisy records with the initial states
    as unknowns too. `srnn_stages` with `fit_stages` is that recipe. The step is a part of the
    model: with a large step the net learns the modified energy of that very step, and forecasts
    by another one are worse.

    **Arguments:**

    - `dim`: size `2n` of the canonical state `(q, p)`, even.
    - `width`, `depth`, `activation`, `key`: of both nets, see `MLPEnergy`; their gradients are in
      closed form.
    - `kinetic`, `potential`: an energy of `p` or of `q` `(n,)`, or a function of `(t, p)` or
      `(t, q)`, in place of the net (with both, no `key` is needed), such as
      `KnownEnergy(KineticEnergy(mass))` where only the potential is to be learned.
    - `step`, `substeps`: any splitting (`yoshida4`), or `Rebound(verlet_kdk, event)` for impacts.

    Preserves, for every weight: the symplectic form and volume under a symplectic step; the
    energy `K + V` up to a bounded oscillation of the step's order. Cost: one gradient of each net
    per step of Verlet. A Hamiltonian that does not separate cannot be represented: use `HNN` with
    `Tao`. Raises `ValueError` for an odd `dim` and a step that needs other parts.

    Source: Chen, Zhang, Arjovsky, Bottou, Symplectic Recurrent Neural Networks, ICLR 2020,
    arXiv:1909.13334.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import SRNN
    >>> model = SRNN(4, 32, key=jr.key(0))
    >>> model.predict(jnp.ones(4), jnp.linspace(0.0, 1.0, 11)).shape
    (11, 4)

    ```
    """

    kinetic: AbstractEnergy
    potential: AbstractEnergy
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 256,
        depth: int = 1,
        *,
        activation: str = "tanh",
        kinetic: Callable | None = None,
        potential: Callable | None = None,
        step: AbstractStep = verlet_kdk,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)

        def net(key):
            return MLPEnergy(dim // 2, width, depth, activation=activation, key=key)

        if kinetic is None or potential is None:
            kinetic_key, potential_key = jr.split(check_key(key, "the nets of K and V"))
            kinetic = net(kinetic_key) if kinetic is None else kinetic
            potential = net(potential_key) if potential is None else potential
        self.kinetic, self.potential = as_energy(kinetic), as_energy(potential)
        self.step, self.substeps = step, substeps

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(grad K(p), -grad V(q))`; offers `kick`, `drift`, `flows` and `energy`."""
        return SeparableHamiltonianField(self.kinetic, self.potential)

    @property
    def energy(self) -> SeparableEnergy:
        """The learned `K(p) + V(q)`, known up to a constant."""
        return SeparableEnergy(self.kinetic, self.potential)
