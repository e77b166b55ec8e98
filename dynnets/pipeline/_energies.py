"""Energies along measured and forecast states, for verdicts and figures."""

from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np

from dynnets.data import Trial


def energies_along(energy: Callable, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """The times `(n,)` of a trial and the energies `H(t, x)` of its states, `(n,)`."""
    return np.asarray(trial.ts), np.asarray(_values(energy, trial.ts, trial.xs))


@eqx.filter_jit
def _values(energy, ts, xs):
    return jax.vmap(energy)(ts, xs)
