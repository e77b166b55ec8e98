"""The unstructured baseline: a neural network as vector field."""

import diffrax
import equinox as eqx
from jaxtyping import PRNGKeyArray

from dynnets.fields import AbstractField, NeuralField
from dynnets.integrators import AbstractStep, RungeKutta

from .._step_model import AbstractStepModel


class NeuralODE(AbstractStepModel):
    """`x' = net(x, u(t))`: a neural ODE, and, trained on derivatives, the baseline of the HNN.

    The same class serves both baselines: with `derivative_matching` it is the MLP field that
    HNNs are compared with, with `TrajectoryMatching` the neural ODE.

    **Arguments:**

    - `dim`: size of the state; `width`, `depth`, `activation`, `key`: the arguments of the net, see
      `MLP`.
    - `input_dim`: size of the input `u`, which comes through `args`; 0 for none.
    - `step`, `substeps`: how forecasts are made; by default one step of Tsit5 between two times.

    Preserves: nothing; it may gain or lose energy, and long forecasts may blow up. Cost: one
    net per evaluation.

    Source: R. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural Ordinary Differential
    Equations, NeurIPS 2018.
    """

    net: NeuralField
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
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray,
    ):
        self.net = NeuralField(
            dim, width, depth, input_dim=input_dim, activation=activation, key=key
        )
        self.step = RungeKutta(diffrax.Tsit5()) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> AbstractField:
        """The net as a field."""
        return self.net

    @property
    def energy(self) -> None:
        """`None`: there is no energy behind this field."""
        return None
