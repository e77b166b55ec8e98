"""Training of one candidate: derivatives first, then windows of the record, all seeds at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax.random as jr
import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from dynnets.data import Trajectories, midpoint_derivatives, windows
from dynnets.losses import TrajectoryMatching, derivative_matching
from dynnets.models import ScaledModel
from dynnets.training import fit, stack_models, unstack

from .._task import Candidate, Trained
from .._train import count_parameters
from ._record import Record, is_uniform, normalised


class Budget(NamedTuple):
    """How long to train: the same for every candidate.

    - `derivative_steps`, `window_steps`: how many updates each of the two phases makes.
    - `window`: how many samples a window has.
    - `batch`: how many windows an update looks at.
    - `width`: the width of the nets.
    - `most`: about how many windows are kept of the record.
    """

    derivative_steps: int = 1500
    window_steps: int = 900
    window: int = 24
    batch: int = 32
    width: int = 48
    most: int = 1024


FULL = Budget()
QUICK = Budget(derivative_steps=150, window_steps=40, window=8, batch=16, width=16, most=64)


def thinning(record: Record) -> int:
    """How many samples lie between two states of a window, about 0.2 units of time.

    A densely sampled record would otherwise give windows too short to show where a model goes.
    """
    shortest = int(np.asarray(record.validation.lengths).min())
    return max(1, min(int(0.2 / record.pace), shortest // 4))


def _some_windows(part: Trajectories, length: int, most: int) -> Trajectories:
    """At most about `most` windows of `length` samples, evenly over the part."""
    lengths = np.asarray(part.lengths)
    length = min(length, int(lengths.max()))
    total = int(np.maximum(lengths - length + 1, 0).sum())
    return windows(part, length, max(1, -(-total // most)))


def _adam(rate: float, steps: int):
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(optax.cosine_decay_schedule(rate, max(steps, 1))),
    )


def train(
    record: Record,
    candidate: Candidate,
    *,
    seeds: int,
    key: PRNGKeyArray,
    budget: Budget,
    checkpoint: Path | None,
    progress: bool,
) -> Trained:
    """Train `candidate` with `seeds` seeds in one vmapped run.

    First its field on differences of the record taken at midpoints (forward differences would
    add spurious damping), then its forecasts on windows of the record; the weights of least
    validation error are kept.

    **Arguments:** `seeds`: how many random starts; `key`: of the starts and the batches; `budget`:
    how long to train; `checkpoint`: a folder from which a run that was killed goes on, bit-equal,
    or `None`; `progress`: whether to show bars. Cost: the updates of the budget.
    """
    model_key, first_key, second_key = jr.split(key, 3)
    models = stack_models(cast(Callable, candidate.make), jr.split(model_key, seeds))
    one: Any = unstack(models, 0)
    every = thinning(record)
    train_part = normalised(record.train, record.units, every)
    judged = normalised(record.validation, record.units, every)
    match = TrajectoryMatching(
        one.step, substeps=one.substeps, shared_times=is_uniform(record.whole)
    )
    first = _fit_derivatives(
        models, train_part, judged, budget, first_key, checkpoint, seeds, progress
    )
    pieces = _some_windows(train_part, budget.window, budget.most)
    second = fit(
        first.best_model,
        match,
        pieces,
        _adam(2e-3, budget.window_steps),
        steps=budget.window_steps,
        key=second_key,
        batch_size=min(budget.batch, len(pieces)),
        chunk=max(1, budget.window_steps // 15),
        checkpoint=None if checkpoint is None else checkpoint / "windows",
        ensemble=seeds,
        validation=_some_windows(judged, 2 * budget.window, 16),
        progress=progress,
    )
    return Trained(
        candidate.name,
        eqx.filter_vmap(lambda model: ScaledModel(model, record.units))(second.best_model),
        first.seconds + second.seconds,
        count_parameters(one),
    )


def _fit_derivatives(models, part: Trajectories, judged, budget: Budget, key, folder, seeds, bars):
    """The phase on derivatives; neighbours too close to tell a slope from noise are thinned."""
    samples = midpoint_derivatives(part)
    return fit(
        models,
        derivative_matching,
        samples,
        _adam(3e-3, budget.derivative_steps),
        steps=budget.derivative_steps,
        key=key,
        batch_size=min(512, len(samples)),
        chunk=max(1, budget.derivative_steps // 10),
        ensemble=seeds,
        validation=midpoint_derivatives(judged),
        checkpoint=None if folder is None else folder / "derivatives",
        progress=bars,
    )
