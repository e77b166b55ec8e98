"""Certificates of what `learn` has trained."""

import jax.numpy as jnp
import numpy as np

from dynnets.analysis import Certificate, certify
from dynnets.data import Trajectories


def sample_states(part: Trajectories, count: int = 12) -> np.ndarray:
    """States spread evenly over a part of the record, `(count, d)`, to sample certificates at."""
    states = np.asarray(part.xs)[np.asarray(part.mask)]
    return states[:: max(1, len(states) // count)][:count]


def certify_model(model, states, step: float) -> Certificate:
    """The certificate of a model, sampled at states `(n, d)` of its record.

    A model that an input drives gets the derived lines alone, unless it runs without one.
    """
    states = jnp.asarray(states)
    if model.canonical is not None:
        # positions and velocities are measured, the form is kept on positions and momenta
        return certify(model.canonical, states=model.canonical_state(states.T).T, h=step, steps=100)
    needs_input = model.field is not None and model.field.input_dim > 0
    return certify(model) if needs_input else certify(model, states=states, h=step)
