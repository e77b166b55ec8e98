"""Initial states as trainable parameters: a noisy first sample need not be believed."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from dynnets.data import AbstractBatch
from dynnets.models import AbstractModel


class FreeInitialStates(AbstractModel):
    """A model together with one trainable initial state per trial.

    `TrajectoryMatching` starts its rollouts there instead of at the first measured states; all
    else is the model's own. After `fit`, take `.model`.

    **Arguments:** `model`: an `AbstractModel`; `initial_states`: a first guess, `(trials, d)`.
    Raises `ValueError` for another shape.
    """

    model: AbstractModel
    initial_states: Array  # (trials, d)

    def __check_init__(self):
        if jnp.ndim(self.initial_states) != 2:
            raise ValueError(
                f"initial states have shape (trials, d), got {jnp.shape(self.initial_states)}"
            )

    @property
    def field(self):
        """The field of the model."""
        return self.model.field

    @property
    def energy(self):
        """The energy of the model."""
        return self.model.energy

    @property
    def structure(self):
        """The tags of the model."""
        return self.model.structure

    @property
    def step(self):
        """The step of the model's own forecasts; `None` for a model without one."""
        return self.model.step

    @property
    def substeps(self):
        """Steps of the model between two times of its forecasts."""
        return self.model.substeps

    @property
    def law(self):
        """The law of force of the model; `None` for a model without one."""
        return self.model.law

    @property
    def copies(self):
        """The two copies of the model; `None` for a model of single states."""
        return self.model.copies

    @property
    def pair(self):
        """The step and the field of both copies of the model, `None` likewise."""
        return self.model.pair

    def bounds(self):
        """What the model proves of itself."""
        return self.model.bounds()

    def predict(self, x0, ts, args=None):
        """The forecast of the model."""
        return self.model.predict(x0, ts, args)


class IndexedTrials(AbstractBatch):
    """Trajectories that know the number of each trial: made by `index_trials`."""

    ts: Float[Array, "trials times"]
    xs: Float[Array, "trials times dim"]
    us: Float[Array, "trials times inputs"] | None
    mask: Bool[Array, "trials times"]
    index: Int[Array, " trials"]


def index_trials(trajectories) -> IndexedTrials:
    """`trajectories` with `index = 0, 1, ...`: minibatches then find their free initial states.

    **Arguments:** anything with `ts`, `xs`, `us` and `mask`, such as `Trajectories`.

    ```python
    >>> import numpy as np
    >>> from dynnets.data import Trajectories
    >>> from dynnets.training import IndexedTrials, index_trials
    >>> record = Trajectories.from_trials([np.arange(3.0)] * 2, [np.ones((3, 1))] * 2)
    >>> trials = index_trials(record)
    >>> isinstance(trials, IndexedTrials), trials.index.tolist()
    (True, [0, 1])

    ```
    """
    t = trajectories
    return IndexedTrials(t.ts, t.xs, t.us, t.mask, jnp.arange(t.xs.shape[0]))
