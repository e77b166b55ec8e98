"""The outer solar system: candidates, their training, and forecasts from 1960 to 2050.

Everything is fitted to 1900-1950; 1950-1960 selects; nothing after 1960 is seen.
"""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import check_choice
from dynnets.data import Trajectories, load_solar_system, split_time, windows
from dynnets.energies import CorrectedPowerLaw, PowerLaw
from dynnets.integrators import RungeKutta, rollout, yoshida4
from dynnets.losses import TrajectoryMatching
from dynnets.models import (
    KeplerEllipses,
    NeuralODE,
    PairwiseForce,
    PairwiseHamiltonian,
    ScaledModel,
    Units,
    fit_ellipses,
    newtonian_bodies,
)
from dynnets.training import FreeInitialStates, fit, fit_least_squares, stack_models, unstack

PAIRWISE = "pairwise Hamiltonian"
NEWTON = "Newton (fitted masses)"
FORCE = "pair force net"
NEURAL = "neural ODE"
KEPLER = "Kepler ellipses"
SOLAR_CANDIDATES = (PAIRWISE, NEWTON, KEPLER, FORCE, NEURAL)
"""The learners of `train_solar_system`, structured ones first."""


class SolarBudget(NamedTuple):
    """How long each candidate trains.

    `law_steps`: updates of Adam on the law alone; `arc_steps`: Levenberg-Marquardt steps on the
    whole record, with the pure power law and then with its correction; `net_steps`: updates of
    Adam of the unstructured nets; `width`: of these.
    """

    law_steps: int = 200
    arc_steps: int = 8
    net_steps: int = 1000
    width: int = 32


SOLAR_FULL = SolarBudget()
SOLAR_QUICK = SolarBudget(law_steps=40, arc_steps=3, net_steps=10, width=8)


class SolarData(NamedTuple):
    """The record and its parts; `close`, `far`: bounds of the distances in the training part."""

    whole: Trajectories
    train: Trajectories
    validation: Trajectories
    test: Trajectories
    close: float
    far: float


class SolarFit(NamedTuple):
    """One candidate after training.

    `models`: a stack over the seeds, or one `KeplerEllipses`; `starts`: fitted states at the
    beginning of the record, `(seeds, d)`, or `None` where forecasts start from measured states;
    `validation`: RMS error of the positions (au) over 1950-1960, `(seeds,)`; `seconds`: of
    training, all seeds, compilation included; `parameters`: of one seed.
    """

    name: str
    models: Any
    starts: Array | None
    validation: Array
    seconds: float
    parameters: int


def solar_data(train_until: float = 1950.0, select_until: float = 1960.0) -> SolarData:
    """Sun, Jupiter, Saturn, Uranus and Neptune, 1900-2050, cut into the three parts.

    Sampled 91 times in ten years (every 40.14 days), so that every decade begins at a sample.
    """
    whole = load_solar_system(1900.0, 2050.0, 3652.5 / 91)
    train, validation, test = split_time(whole, train_until, select_until)
    q = np.asarray(train.xs[0])[:, : whole.dim // 2].reshape(len(train.ts[0]), -1, 3)
    r = np.linalg.norm(q[:, :, None] - q[:, None], axis=-1)[:, *np.triu_indices(q.shape[1], 1)]
    return SolarData(whole, train, validation, test, float(r.min()), float(r.max()))


def body_scales(xs: Array) -> Array:
    """RMS size of every body's position and velocity, `(d,)`, from states `(n, d)`."""
    points = xs.reshape(xs.shape[0], -1, 3)
    return jnp.repeat(jnp.sqrt(jnp.mean(jnp.sum(points**2, axis=2), axis=0) / 3), 3)


def masses_at_rest(xs: Array) -> Array:
    """First guess of the masses relative to body 0, `(bodies,)`: those that keep the momentum.

    Least squares for `v_0 + sum_i m_i v_i = constant` on measured velocities: linear, since
    momentum is conserved whatever the law. Negative results are replaced by a small mass.
    """
    v = xs[:, xs.shape[1] // 2 :].reshape(xs.shape[0], -1, 3)
    v = v - jnp.mean(v, axis=0, keepdims=True)
    columns = jnp.moveaxis(v[:, 1:], 1, -1).reshape(-1, v.shape[1] - 1)
    ratios = -jnp.linalg.lstsq(columns, v[:, 0].reshape(-1))[0]
    return jnp.concatenate([jnp.ones_like(ratios[:1]), jnp.maximum(ratios, 1e-7)])


def accelerations(part: Trajectories) -> Array:
    """RMS size of every body's acceleration, `(bodies,)`, from differences of velocities."""
    ts, xs = part.ts[0], part.xs[0]
    v = xs[:, xs.shape[1] // 2 :].reshape(xs.shape[0], -1, 3)
    rates = jnp.diff(v, axis=0) / jnp.diff(ts)[:, None, None]
    return jnp.sqrt(jnp.mean(jnp.sum(rates**2, axis=2), axis=0))


def solar_candidates(data: SolarData, budget: SolarBudget = SOLAR_FULL) -> dict[str, Callable]:
    """`name -> make(key)`: the untrained models that are trained from random weights.

    The force law starts from a random exponent in [-2, -0.3] and a random strength over two
    decades, the correction's net from random weights; the masses from `masses_at_rest`. Nothing
    else of celestial mechanics is put in.
    """
    xs = data.train.xs[0]
    guess, middle = masses_at_rest(xs), math.sqrt(data.close * data.far)
    # order 3 is enough for a net that is off by degrees, at half the cost of order 5
    pulls, step = accelerations(data.train), RungeKutta(diffrax.Bosh3())

    def pairwise(key):
        law_key, strength_key, net_key = jr.split(key, 3)
        exponent = jr.uniform(law_key, minval=-2.0, maxval=-0.3)
        strength = jnp.exp(jr.uniform(strength_key, minval=math.log(0.02), maxval=math.log(2.0)))
        power = PowerLaw(strength, exponent, middle)
        law = CorrectedPowerLaw(power, data.close, data.far, 8, 1, key=net_key)
        return PairwiseHamiltonian(law, guess)

    def newton(key):
        # the force at the middle distance starts as random as above
        strength = jnp.exp(jr.uniform(key, minval=math.log(0.02), maxval=math.log(2.0)))
        return newtonian_bodies(strength * middle**2, guess)

    def force(key):
        return PairwiseForce(
            pulls, 3, data.close, data.far, budget.width, 2, step=step, substeps=1, key=key
        )

    def neural(key):
        return NeuralODE(data.whole.dim, 2 * budget.width, 2, step=step, key=key)

    return {PAIRWISE: pairwise, NEWTON: newton, FORCE: force, NEURAL: neural}


def _thinned(part: Trajectories, every: int) -> Trajectories:
    return part.with_trials([t._replace(ts=t.ts[::every], xs=t.xs[::every]) for t in part])


def _windows(part: Trajectories, steps: int) -> Trajectories:
    """Windows of `steps` times 120 days, half of all that the record holds."""
    return windows(_thinned(part, 3), steps + 1, 2 * steps)


def _fall(data: SolarData, steps: int) -> Array:
    """How far each body falls in a window and how much its velocity changes, `(d,)`."""
    pulls = jnp.repeat(accelerations(data.train), 3)
    length = 3 * steps * float(data.train.ts[0, 1] - data.train.ts[0, 0])
    return jnp.concatenate([pulls * length**2 / 2, pulls * length])


def _trainable(models, frozen: Callable) -> eqx.Module:
    """Which leaves are trained: all floating arrays but those that `frozen` selects."""
    spec = jax.tree.map(eqx.is_inexact_array, models)
    return eqx.tree_at(frozen, spec, replace_fn=lambda node: jax.tree.map(lambda _: False, node))


class _ArcResidual(eqx.Module):
    """Positions along the whole record against the measured ones, in typical errors.

    The correction of the law, and the weights of its net, are pulled to zero. `every`: samples
    between two compared positions.
    """

    ts: Array
    positions: Array
    distances: Array
    every: int = eqx.field(static=True)

    def __call__(self, free, data):
        scale, prior = data
        path = rollout(
            yoshida4, free.model.field, free.initial_states[0], self.ts, substeps=self.every
        ).xs[:, : self.positions.shape[1]]
        misfit = (path - self.positions) / scale[None] / math.sqrt(path.size)
        law = free.model.law
        if not isinstance(law, CorrectedPowerLaw):
            return [misfit]
        weights = jax.tree.leaves(eqx.filter(law.net, eqx.is_inexact_array))
        correction = law.correction(self.distances) / math.sqrt(self.distances.size)
        return [misfit, prior * correction, *(1e-4 * weight for weight in weights)]


def _arc_residual(data: SolarData, every: int = 5) -> _ArcResidual:
    arc = _thinned(data.train, every)
    distances = jnp.asarray(np.geomspace(data.close, data.far, 33), arc.xs.dtype)
    return _ArcResidual(arc.ts[0], arc.xs[0, :, : data.whole.dim // 2], distances, every)


def _train_bodies(name, models, data: SolarData, budget: SolarBudget, key, seeds: int, progress):
    """The law on windows of 120 days, then masses, law and first state on fifty years at once."""
    match = TrajectoryMatching(yoshida4, substeps=3, scale=_fall(data, 3), shared_times=True)
    fixed = (
        (lambda m: (m.potential.log_ratios, m.law.net))
        if name == PAIRWISE
        else (lambda m: m.potential.log_ratios)
    )
    rough = fit(
        models,
        match,
        _windows(data.train, 1),
        # a short memory: the first gradients may be a thousand times the later ones
        optax.adam(optax.cosine_decay_schedule(0.1, budget.law_steps), b2=0.9),
        steps=budget.law_steps,
        key=key,
        ensemble=seeds,
        chunk=budget.law_steps,
        filter_spec=_trainable(models, fixed),
        progress=progress,
    ).model
    residual = _arc_residual(data)
    first = data.train.xs[:, 0]
    free = eqx.filter_vmap(lambda model: FreeInitialStates(model, first))(rough)
    half = data.whole.dim // 2
    scale = body_scales(data.train.xs[0])[:half]
    # a strong prior at first: the power law alone; 1e-2 so that the damping of the first steps,
    # which is absolute, does not hold back the masses
    free = _arc(free, residual, (scale / 100, jnp.asarray(1e4, scale.dtype)), budget, seeds)
    typical = jnp.median(_arc_errors(free, data.train), axis=0)
    prior = jnp.asarray(1.0, scale.dtype)
    fine = _arc(free, residual, (jnp.maximum(typical, 1e-7), prior), budget, seeds)
    free = _better(free, fine, data)
    return free.model, free.initial_states[:, 0]


def _arc(free, residual, data, budget: SolarBudget, seeds: int):
    return fit_least_squares(
        free, residual, data, steps=budget.arc_steps, tolerance=1e-7, ensemble=seeds
    ).model


def _arc_errors(free, part: Trajectories) -> Array:
    """RMS error of every body's position over a part of the record, `(seeds, d / 2)`."""
    half = part.dim // 2
    start = part.ts[0]

    def one(free):
        path = free.model.predict(free.initial_states[0], start)[:, :half]
        return body_scales(path - part.xs[0, :, :half])

    return eqx.filter_vmap(one)(free)


def _better(first, second, data: SolarData):
    """Of two fits of every seed the one with the smaller error over the years of selection."""
    one, two = (_selection_error(free.model, free.initial_states[:, 0], data)
                for free in (first, second))  # fmt: skip
    chosen = two <= one

    def pick(a, b):
        return jnp.where(chosen.reshape(chosen.shape + (1,) * (a.ndim - 1)), b, a)

    return jax.tree.map(lambda a, b: pick(a, b) if eqx.is_array(a) else a, first, second)


def _selection_error(models, starts, data: SolarData) -> Array:
    """RMS error of the positions over 1950-1960, `(seeds,)`; infinite where not finite."""
    part, half = data.validation, data.whole.dim // 2
    count = data.train.ts.shape[1]
    both = data.whole.ts[0, : count + part.ts.shape[1]]

    def one(model, start):
        if start is None:
            path = model.predict(part.xs[0, 0], part.ts[0])
        else:
            path = model.predict(start, both)[count:]
        return jnp.sqrt(jnp.mean((path - part.xs[0])[:, :half] ** 2))

    errors = eqx.filter_vmap(one, in_axes=(eqx.if_array(0), None if starts is None else 0))(
        models, starts
    )
    return jnp.where(jnp.isfinite(errors), errors, jnp.inf)


def _train_net(name, models, data: SolarData, budget: SolarBudget, key, seeds: int, progress):
    """An unstructured candidate on windows of a year, the best weights on the selection kept."""
    if name == NEURAL:
        scale = body_scales(data.train.xs[0])
        units = Units(jnp.zeros_like(scale), scale, jnp.ones_like(scale[0]))
        models = eqx.filter_vmap(lambda model: ScaledModel(model, units))(models)
    match = TrajectoryMatching(
        unstack(models, 0).step, scale=_fall(data, 3), shared_times=name == FORCE
    )
    schedule = optax.cosine_decay_schedule(5e-3, budget.net_steps)
    inner = (lambda m: m.units) if name == NEURAL else (lambda m: m.field.accelerations)
    result = fit(
        models,
        match,
        _windows(data.train, 3),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule)),
        steps=budget.net_steps,
        key=key,
        ensemble=seeds,
        chunk=max(1, budget.net_steps // 10),
        validation=_windows(data.validation, 3),
        filter_spec=_trainable(models, inner),
        progress=progress,
    )
    return result.best_model, None


def _train_ellipses(data: SolarData) -> KeplerEllipses:
    """Ellipses about the Sun or the barycentre, whichever is better over the selection."""
    part, half = data.validation, data.whole.dim // 2
    fits = [fit_ellipses(data.train.ts[0], data.train.xs[0], c) for c in ("sun", "barycentre")]
    errors = [
        float(jnp.sum((f.predict(None, part.ts[0]) - part.xs[0])[:, :half] ** 2)) for f in fits
    ]
    return fits[int(np.argmin(errors))]


def train_solar_system(
    data: SolarData,
    name: str,
    *,
    seeds: int,
    key: PRNGKeyArray,
    budget: SolarBudget = SOLAR_FULL,
    progress: bool = False,
) -> SolarFit:
    """Train the candidate `name` with `seeds` seeds in one vmapped run.

    **Arguments:** `data`: of `solar_data`; `name`: one of `SOLAR_CANDIDATES`; `key`: for first
    guesses, weights and batches; `progress`: bars. Raises `ValueError` for an unknown name.

    The bodies (with a learned law, or Newton's) first learn their law from windows of 120 days,
    then law, masses and the state in 1900 together from all fifty years, by
    Levenberg-Marquardt. The nets learn from windows of a year alone.
    """
    check_choice("name", name, SOLAR_CANDIDATES)
    began = time.perf_counter()
    if name == KEPLER:
        models, starts = _train_ellipses(data), None
        counted = models
        validation = jnp.sqrt(jnp.mean(
            (models.predict(None, data.validation.ts[0]) - data.validation.xs[0])
            [:, : data.whole.dim // 2] ** 2, keepdims=True))[0]  # fmt: skip
    else:
        model_key, fit_key = jr.split(key)
        models = stack_models(solar_candidates(data, budget)[name], jr.split(model_key, seeds))
        counted = unstack(models, 0)
        train = _train_bodies if name in (PAIRWISE, NEWTON) else _train_net
        models, starts = train(name, models, data, budget, fit_key, seeds, progress)
        validation = _selection_error(models, starts, data)
    parameters = sum(a.size for a in jax.tree.leaves(eqx.filter(counted, eqx.is_inexact_array)))
    if starts is not None:
        parameters += starts.shape[1]
    return SolarFit(name, models, starts, validation, time.perf_counter() - began, parameters)
