"""A curriculum: several `fit`s in a row, each from the weights of the one before."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, PRNGKeyArray, PyTree

from dynnets._core import check_choice, check_positive, check_size, trainable
from dynnets.losses import OneStepMatching, TrajectoryMatching

from ._fit import fit
from ._initial_state_fit import StateFit
from ._initial_states import FreeInitialStates
from ._result import FitResult

START_STATES = ("measured", "trained", "refitted")
"""Where the rollouts of a stage begin, see `Stage`."""


class Stage(NamedTuple):
    """One `fit` of a curriculum: `steps` updates of `optimiser` on `loss`.

    `states`: where rollouts begin: at the `"measured"` first samples; at free states that are
    `"trained"` together with the weights, `state_rate` times as fast; or at free states that are
    `"refitted"` before the stage with the weights fixed (`fit_initial_states`) and held in it, so
    that such stages in turn alternate between the two, as published. Free states are handed on
    from stage to stage.
    """

    loss: Callable
    optimiser: optax.GradientTransformation
    steps: int
    states: str = "measured"
    state_rate: float = 20.0


class StagesResult(NamedTuple):
    """What `fit_stages` returns: the model, the free initial states `(trials, d)` if there were
    any, and the `FitResult` of every stage; all stacked for an ensemble.
    """

    model: eqx.Module
    initial_states: Array | None
    results: tuple[FitResult, ...]


def fit_stages(
    model: eqx.Module,
    stages: Sequence[Stage],
    data: PyTree,
    *,
    key: PRNGKeyArray,
    ensemble: int | None = None,
    data_axis: int | None = None,
    refit: StateFit | None = None,
    checkpoint: str | Path | None = None,
    **options,
) -> StagesResult:
    """Train `model` by `stages` in turn, each a `fit` from where the last one ended.

    **Arguments:** `model`, `data`, `key`, `ensemble`, `data_axis`, `options`: as for `fit`;
    `stages`: at least one `Stage`; `refit`: settings of the fits of `"refitted"` stages, whose
    `step` is the model's own by default; `checkpoint`: a folder, in which each stage has its own.

    A stage that diverged ends the run: look at the last result's `status`. Raises `ValueError`
    for no stage, unknown `states`, and what `fit` raises.
    """
    stages = tuple(stages)
    if not stages:
        raise ValueError("a curriculum has at least one stage, got none")
    for stage in stages:
        check_choice("states", stage.states, START_STATES)
        check_size("steps", stage.steps, 0)
        check_positive("state_rate", stage.state_rate)
    refit = StateFit() if refit is None else refit
    states, results = None, []
    for number, (stage, stage_key) in enumerate(
        zip(stages, jr.split(key, len(stages)), strict=True)
    ):
        whole, spec, optimiser = model, None, stage.optimiser
        folder = None if checkpoint is None else Path(checkpoint) / f"stage-{number}"
        if stage.states != "measured":
            states = _first_states(model, data, ensemble, data_axis) if states is None else states
            if stage.states == "refitted":
                states = _refitted(refit, model, data, states, ensemble, data_axis)
            whole = _with_states(model, states, ensemble)
            spec = _weights_only(whole) if stage.states == "refitted" else None
        if stage.states == "trained":
            optimiser = _faster_states(stage.optimiser, stage.state_rate)
        result = fit(
            whole, stage.loss, data, optimiser, steps=stage.steps, key=stage_key, ensemble=ensemble,
            data_axis=data_axis, filter_spec=spec, checkpoint=folder, **options,
        )  # fmt: skip
        results.append(result)
        model = result.model
        if stage.states != "measured":
            model, states = result.model.model, result.model.initial_states
        if bool(jnp.asarray(result.diverged).all()):
            break
    return StagesResult(model, states, tuple(results))


def _with_states(model, states, ensemble):
    if ensemble is None:
        return FreeInitialStates(model, states)
    return eqx.filter_vmap(FreeInitialStates)(model, states)


def _first_states(model, data, ensemble, data_axis):
    first = data.xs[:, 0] if data_axis is None else data.xs[:, :, 0]
    if ensemble is not None and data_axis is None:
        first = jnp.broadcast_to(first[None], (ensemble, *first.shape))
    return first


def _refitted(refit, model, data, states, ensemble, data_axis):
    if ensemble is None:
        return refit(model, data, states).x0
    axes = (eqx.if_array(0), None if data_axis is None else eqx.if_array(0), 0)
    return eqx.filter_vmap(lambda *parts: refit(*parts).x0, in_axes=axes)(model, data, states)


def _weights_only(whole):
    return eqx.tree_at(lambda m: m.initial_states, trainable(whole), False)


@functools.cache
def _faster_states(optimiser, rate: float):
    """`optimiser` whose updates of free states are `rate` times as long.

    One object for each setting, so that equal stages share a compiled program.
    """

    def update(updates, params=None):
        return eqx.tree_at(lambda m: m.initial_states, updates, replace_fn=lambda u: rate * u)

    return optax.chain(optimiser, optax.stateless(update))


def srnn_stages(
    step: Callable | None = None,
    *,
    steps: tuple[int, ...] = (800, 800, 1200),
    rate: float = 3e-3,
    state_rate: float = 20.0,
    shared_times: bool = False,
    substeps: int = 1,
) -> tuple[Stage, ...]:
    """The recipe for an `SRNN` on noisy trajectories: one step, then recurrent, then jointly.

    First `OneStepMatching`, which is nearly convex; then `TrajectoryMatching` through the whole
    record, which sees past the noise of single samples; then the same with the initial states as
    unknowns, which sees past the noise of the first one. A recurrent loss from random weights
    depends on their scale; from those of the first stage it does not.

    **Arguments:** `step`, `substeps`, `shared_times`: the arguments of the losses, by default with
    the model's own step; `steps`: the number of updates of each stage, where 0 leaves the stage
    out; `rate`: the first learning rate of Adam in each stage, which falls along a cosine to zero;
    `state_rate`: how much faster the states move. Raises `ValueError` for numbers that are not
    positive.
    """
    check_positive("rate", rate)
    check_positive("state_rate", state_rate)
    if len(steps) != 3:
        raise ValueError(f"steps holds one number for each of the 3 stages, got {steps}")
    one = OneStepMatching(step, substeps=substeps)
    many = TrajectoryMatching(step, substeps=substeps, shared_times=shared_times)
    plan = zip((one, many, many), steps, ("measured", "measured", "trained"), strict=True)
    return tuple(
        Stage(loss, optax.adam(optax.cosine_decay_schedule(rate, count)), count, states, state_rate)
        for loss, count, states in plan
        if count
    )
