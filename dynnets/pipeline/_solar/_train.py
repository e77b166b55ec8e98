"""Training of every learner of the outer solar system."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import PRNGKeyArray

from dynnets._core import check_choice
from dynnets.losses import TrajectoryMatching
from dynnets.models import ScaledModel, Units, fit_ellipses
from dynnets.training import fit, stack_models, unstack

from .._task import Trained
from .._train import count_parameters
from ._bodies import train_bodies
from ._candidates import (
    FORCE,
    KEPLER,
    LAWS,
    NEURAL,
    SOLAR_CANDIDATES,
    SOLAR_FULL,
    SolarBudget,
    solar_candidates,
)
from ._data import SolarData, body_scales, fall, pieces, selection_error


def _train_net(
    name, models, data: SolarData, budget: SolarBudget, *, seeds, key, checkpoint, progress
):
    """A net without structure on windows of a year; the best weights on the selection are kept."""
    if name == NEURAL:
        scale = body_scales(data.train.xs[0])
        units = Units(jnp.zeros_like(scale), scale, jnp.ones_like(scale[0]))
        models = eqx.filter_vmap(lambda model: ScaledModel(model, units))(models)
    schedule = optax.cosine_decay_schedule(5e-3, budget.net_steps)
    result = fit(
        models,
        TrajectoryMatching(
            unstack(models, 0).step, scale=fall(data, 3), shared_times=name == FORCE
        ),
        pieces(data.train, 3),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule)),
        steps=budget.net_steps,
        key=key,
        ensemble=seeds,
        chunk=max(1, budget.net_steps // 10),
        validation=pieces(data.validation, 3),
        checkpoint=checkpoint,
        progress=progress,
    )
    return result.best_model, None


def _ellipses(data: SolarData):
    """Ellipses about the Sun or the barycentre, whichever is better over the selection.

    A stack of one, as nothing about them is random.
    """
    fits = [fit_ellipses(data.train.ts[0], data.train.xs[0], c) for c in ("sun", "barycentre")]
    stacks = [jax.tree.map(lambda a: a[None], found) for found in fits]
    return min(stacks, key=lambda stack: float(selection_error(stack, None, data)[0]))


def train_solar_system(
    data: SolarData,
    name: str,
    *,
    seeds: int,
    key: PRNGKeyArray,
    budget: SolarBudget = SOLAR_FULL,
    checkpoint: Path | None = None,
    progress: bool = False,
) -> Trained:
    """Train the candidate `name` with `seeds` seeds in one vmapped run.

    The bodies (with a learned law, or Newton's) first learn their law from windows of 120 days,
    then law, masses and the state in 1900 together from all fifty years, by Levenberg-Marquardt.
    The nets learn from windows of a year alone. The ellipses are fitted by least squares: they
    draw nothing at random and are a stack of one.

    **Arguments:** `data`: of `solar_data`; `name`: one of `SOLAR_CANDIDATES`; `key`: for first
    guesses, weights and batches; `checkpoint`: a folder to keep the state of the updates of Adam
    in, so that a killed run goes on from there; `progress`: whether to show bars.

    **Returns** the trained candidate with the fitted states of 1900 as `starts`, where it has them,
    and the RMS error of the positions (au) over 1950-1960 as `validation`. Raises `ValueError` for
    an unknown name.
    """
    check_choice("name", name, SOLAR_CANDIDATES)
    began = time.perf_counter()
    if name == KEPLER:
        models, starts = _ellipses(data), None
        parameters = count_parameters(models)
    else:
        model_key, fit_key = jr.split(key)
        make = solar_candidates(data, budget)[name].make
        models = stack_models(cast(Callable, make), jr.split(model_key, seeds))
        parameters = count_parameters(unstack(models, 0))
        train = train_bodies if name in LAWS else _train_net
        models, starts = train(
            name, models, data, budget, seeds=seeds, key=fit_key, checkpoint=checkpoint,
            progress=progress,
        )  # fmt: skip
    if starts is not None:
        parameters += starts.shape[1]
    validation = selection_error(models, starts, data)
    seconds = time.perf_counter() - began
    return Trained(name, models, seconds, parameters, starts, validation)
