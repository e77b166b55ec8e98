"""Trajectories simulated from a ground truth, to the accuracy of a reference solve."""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_finite, check_increasing, check_size, grid_times
from dynnets.fields import AbstractField
from dynnets.systems import AbstractSystem

from ._trajectories import Trajectories


def simulate(
    system: AbstractSystem,
    key: PRNGKeyArray,
    trials: int,
    ts: Any,
    *,
    noise: Any = 0.0,
    inputs: Any = None,
    tolerance: float | None = None,
    max_steps: int = 100_000,
) -> Trajectories:
    """Simulate `trials` trajectories of `system` from seeded initial states.

    Solves `x' = system.field(t, x, args)` from `system.sample(key)` by diffrax's Dopri8 under
    step-size control, all trials in one vmapped call.

    **Arguments:**

    - `key`: split once, for the initial states and for the noise.
    - `ts`: times of the samples, `(T,)` for all trials or `(trials, T)`; or a grid `(h, n)`.
    - `noise`: deviation of Gaussian noise added to the states, a number or one per component
      `(d,)`. The derivatives `dxs` stay exact: the field at the noise-free states.
    - `inputs`: `None`; values at `ts`, shape `(T, m)` or `(trials, T, m)`, interpolated linearly;
      or a function `u(t) -> (m,)`.
    - `tolerance`: relative and absolute tolerance of the solve; by default `eps**0.75` of the
      dtype (2e-12 in float64, 6e-6 in float32).
    - `max_steps`: how many steps the solver may take in a trial.

    **Returns** `Trajectories` in the dtype of the initial states, `phase="momenta"` if their
    dimension is even. Raises `ValueError` for bad arguments and for a solve that fails (it
    names the trials). Cost: 12 evaluations of the field per step of the solver and trial.
    """
    check_size("trials", trials)
    start_key, noise_key = jr.split(key)
    x0s = jax.vmap(system.sample)(jr.split(start_key, trials))
    times = _sample_times(ts, trials, x0s.dtype)
    scale = _noise_scale(noise, x0s)
    controls, us = _inputs(inputs, times, x0s.dtype)
    eps = float(jnp.finfo(x0s.dtype).eps)
    tolerance = eps**0.75 if tolerance is None else tolerance
    xs, dxs, ok = _solve(system.field, x0s, times, controls, tolerance, max_steps)
    failed = np.flatnonzero(~np.asarray(ok))
    if failed.size:
        raise ValueError(
            f"the reference solve failed in trials {failed[:5].tolist()} of {trials}: more than "
            f"{max_steps} steps or a state that is not finite; try a shorter horizon"
        )
    canonical = x0s.shape[1] % 2 == 0
    return Trajectories(
        ts=times,
        xs=xs + scale * jr.normal(noise_key, xs.shape, xs.dtype),
        us=us,
        dxs=dxs,
        lengths=jnp.full((trials,), times.shape[1]),
        names=_names(x0s.shape[1], canonical),
        input_names=() if us is None else tuple(f"u{i}" for i in range(us.shape[2])),
        phase="momenta" if canonical else "state",
        source=f"simulated from {type(system).__name__}",
    )


@eqx.filter_jit
def _solve(field: AbstractField, x0s, times, controls, tolerance, max_steps):
    def one(x0, ts, args):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Dopri8(),
            ts[0],
            ts[-1],
            None,
            x0,
            args,
            saveat=diffrax.SaveAt(ts=ts),
            # Steps end at the sample times: the dense output is less accurate than the solver.
            stepsize_controller=diffrax.ClipStepSizeController(
                diffrax.PIDController(rtol=tolerance, atol=tolerance), step_ts=ts
            ),
            max_steps=max_steps,
            throw=False,
        )
        xs = solution.ys
        dxs = jax.vmap(lambda t, x: field(t, x, args))(ts, xs)
        good = (solution.result == diffrax.RESULTS.successful) & jnp.all(jnp.isfinite(dxs))
        return xs, dxs, good

    mapped = eqx.if_array(0) if isinstance(controls, diffrax.AbstractPath) else None
    return eqx.filter_vmap(one, in_axes=(0, 0, mapped))(x0s, times, controls)


def _sample_times(ts: Any, trials: int, dtype) -> Float[Array, "trials times"]:
    ts = grid_times(ts, dtype)
    given = np.asarray(ts)
    if given.ndim == 1:
        given = np.broadcast_to(given, (trials, *given.shape))
    if given.ndim != 2 or given.shape[0] != trials or given.shape[1] < 2:
        raise ValueError(
            f"ts must be (T,) or ({trials}, T) with at least two times, got {np.shape(ts)}"
        )
    times = given.astype(dtype)
    for i, row in enumerate(times if np.ndim(ts) == 2 else times[:1]):
        check_increasing(f"ts of trial {i}", row)
    return jnp.asarray(times)


def _noise_scale(noise: Any, x0s: Array) -> Float[Array, "1 1 dim"]:
    scale = np.asarray(noise)
    if scale.shape not in ((), (x0s.shape[1],)) or not np.all(scale >= 0):
        raise ValueError(f"noise must be a deviation >= 0 or {x0s.shape[1]} of them, got {noise}")
    check_finite("noise", scale)
    return jnp.asarray(np.broadcast_to(scale, (1, 1, x0s.shape[1])).astype(x0s.dtype))


def _inputs(inputs: Any, times: Array, dtype):
    """What the solve takes as input for each trial, and its values at the times."""
    if inputs is None:
        return None, None
    if isinstance(inputs, Callable):
        us = jax.vmap(jax.vmap(inputs))(times)
        if us.ndim != 3:
            raise ValueError(f"inputs(t) must return an array (m,), got shape {us.shape[2:]}")
        return inputs, us
    given = np.asarray(inputs)
    if given.ndim == 2:
        given = np.broadcast_to(given, (times.shape[0], *given.shape))
    if given.ndim != 3 or given.shape[:2] != times.shape:
        raise ValueError(
            f"inputs must be (T, m) or (trials, T, m) with (trials, T) = {times.shape}, "
            f"got {np.shape(inputs)}"
        )
    check_finite("inputs", given)
    us = jnp.asarray(given.astype(dtype))
    return eqx.filter_vmap(diffrax.LinearInterpolation)(times, us), us


def _names(dim: int, canonical: bool) -> tuple[str, ...]:
    if not canonical:
        return tuple(f"x{i}" for i in range(dim))
    half = range(dim // 2)
    return tuple(f"q{i}" for i in half) + tuple(f"p{i}" for i in half)
