"""Training of the bodies with masses and a law of force, learned or Newton's."""

import math
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from dynnets.integrators import rollout, yoshida4
from dynnets.losses import TrajectoryMatching
from dynnets.training import FreeInitialStates, fit, fit_least_squares, trainable

from ._candidates import PAIRWISE, SolarBudget
from ._data import (
    SolarData,
    body_scales,
    fall,
    forecast_part,
    pieces,
    selection_error,
    thinned,
)


class _ArcResidual(eqx.Module):
    """Positions along the whole record against the measured ones, in typical errors.

    The correction of the law, and the weights of its net, are pulled to zero.

    **Fields:** `ts (n,)`, `positions (n, d / 2)`: the measured arc; `distances (k,)`: where the
    correction is pulled to zero; `every`: how many steps lie between two compared positions;
    `corrected`: whether the law has a correction.
    """

    ts: Array
    positions: Array
    distances: Array
    every: int = eqx.field(static=True)
    corrected: bool = eqx.field(static=True)

    def __call__(self, free, data):
        scale, prior = data
        path = rollout(
            yoshida4, free.model.field, free.initial_states[0], self.ts, substeps=self.every
        ).xs[:, : self.positions.shape[1]]
        misfit = (path - self.positions) / scale[None] / math.sqrt(path.size)
        if not self.corrected:
            return [misfit]
        law = free.model.law
        weights = jax.tree.leaves(eqx.filter(law.net, eqx.is_inexact_array))
        correction = law.correction(self.distances) / math.sqrt(self.distances.size)
        return [misfit, prior * correction, *(1e-4 * weight for weight in weights)]


def _arc_residual(data: SolarData, corrected: bool, every: int = 5) -> _ArcResidual:
    arc = thinned(data.train, every)
    distances = jnp.asarray(np.geomspace(data.close, data.far, 33), arc.xs.dtype)
    positions = arc.xs[0, :, : data.whole.dim // 2]
    return _ArcResidual(arc.ts[0], positions, distances, every, corrected)


def train_bodies(
    name: str,
    models: eqx.Module,
    data: SolarData,
    budget: SolarBudget,
    *,
    seeds: int,
    key: PRNGKeyArray,
    checkpoint: Path | None,
    progress: bool,
) -> tuple[eqx.Module, Array]:
    """The law on windows of 120 days, then masses, law and first state on fifty years at once.

    **Arguments:** as for `train_solar_system`; `models`: the stack of untrained seeds.

    **Returns** the models and their fitted states in 1900, `(seeds, d)`.
    """
    match = TrajectoryMatching(yoshida4, substeps=3, scale=fall(data, 3), shared_times=True)
    corrected = name == PAIRWISE
    rough = fit(
        models,
        match,
        pieces(data.train, 1),
        # a short memory: the first gradients may be a thousand times the later ones
        optax.adam(optax.cosine_decay_schedule(0.1, budget.law_steps), b2=0.9),
        steps=budget.law_steps,
        key=key,
        ensemble=seeds,
        chunk=budget.law_steps,
        filter_spec=_law_only(models, corrected),
        checkpoint=checkpoint,
        progress=progress,
    ).model
    residual = _arc_residual(data, corrected)
    first = data.train.xs[:, 0]
    free = eqx.filter_vmap(lambda model: FreeInitialStates(model, first))(rough)
    half = data.whole.dim // 2
    scale = body_scales(data.train.xs[0])[:half]
    # a strong prior at first: the power law alone; 1e-2 so that the damping of the first steps,
    # which is absolute, does not hold back the masses
    free = _arc(free, residual, (scale / 100, jnp.asarray(1e4, scale.dtype)), budget, seeds)
    path = forecast_part(free.model, free.initial_states[:, 0], data.train, data)
    typical = jnp.median(jax.vmap(body_scales)((path - data.train.xs)[:, :, :half]), axis=0)
    prior = jnp.asarray(1.0, scale.dtype)
    fine = _arc(free, residual, (jnp.maximum(typical, 1e-7), prior), budget, seeds)
    free = _better(free, fine, data)
    return free.model, free.initial_states[:, 0]


def _law_only(models, corrected: bool):
    """What the first phase trains: the power law, neither the masses nor a correction."""

    def frozen(m):
        return (m.potential.log_ratios, m.law.net) if corrected else m.potential.log_ratios

    return eqx.tree_at(
        frozen, trainable(models), replace_fn=lambda node: jax.tree.map(lambda _: False, node)
    )


def _arc(free, residual, data, budget: SolarBudget, seeds: int):
    return fit_least_squares(
        free, residual, data, steps=budget.arc_steps, tolerance=1e-7, ensemble=seeds
    ).model


def _better(first, second, data: SolarData):
    """Of two fits of every seed the one with the smaller error over the years of selection."""
    one, two = (selection_error(free.model, free.initial_states[:, 0], data)
                for free in (first, second))  # fmt: skip
    chosen = two <= one

    def pick(a, b):
        return jnp.where(chosen.reshape(chosen.shape + (1,) * (a.ndim - 1)), b, a)

    return jax.tree.map(lambda a, b: pick(a, b) if eqx.is_array(a) else a, first, second)
