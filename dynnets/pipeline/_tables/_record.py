"""A measured record, made ready: velocities, parts along time, units in which all is near one."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from dynnets._core import check_phase_dim
from dynnets.data import Trajectories, central_velocities, midpoint_derivatives, split_fractions
from dynnets.models import Units

FRACTIONS = (0.7, 0.15, 0.15)
CANONICAL = ("momenta", "velocities")
FEWEST = 20


class Record(eqx.Module):
    """A record cut along time into parts to train on, to choose by, and to forecast.

    All parts are in the record's units; `units` are those in which models are trained; `step` is
    the median time between two samples; `differenced` says whether the velocities are central
    differences of the coordinates.
    """

    whole: Trajectories
    train: Trajectories
    validation: Trajectories
    held_out: Trajectories
    units: Units
    step: float = eqx.field(static=True)
    differenced: bool = eqx.field(static=True)

    @property
    def is_phase_space(self) -> bool:
        """Whether the state is coordinates with their momenta or velocities."""
        return self.whole.phase in CANONICAL

    @property
    def pace(self) -> float:
        """The time between samples in the units of training, about radians of an oscillation."""
        return self.step / float(self.units.time)


def prepare(trajectories: Trajectories, fractions: Sequence[float] = FRACTIONS) -> Record:
    """Cut a record into train, validation and held-out parts and find its units.

    Coordinates alone get velocities by central differences first. **Arguments:** `fractions`: which
    shares of each trial's samples the three parts get, in the order of time. Raises `ValueError`
    for a record too short to cut and fractions that do not sum to one.
    """
    if len(fractions) != 3:
        raise ValueError(f"three fractions (train, validation, held out) are needed: {fractions}")
    name = trajectories.source or "the record"
    shortest = int(np.asarray(trajectories.lengths).min())
    if shortest < FEWEST:
        raise ValueError(
            f"{name}: a trial has {shortest} samples; at least {FEWEST} are needed to train, to "
            "validate and to hold out an end"
        )
    differenced = trajectories.phase == "coordinates only"
    if differenced:
        trajectories = central_velocities(trajectories)
    if trajectories.phase in CANONICAL:
        check_phase_dim("the number of coordinates and momenta", trajectories.dim)
    train, validation, held_out = split_fractions(trajectories, fractions)
    step = float(np.median(_steps(trajectories)))
    return Record(trajectories, train, validation, held_out, find_units(train), step, differenced)


def _steps(part: Trajectories) -> np.ndarray:
    """All times between neighbouring samples."""
    return np.diff(np.asarray(part.ts), axis=1)[np.asarray(part.mask)[:, 1:]]


def _spread(values: np.ndarray, names) -> np.ndarray:
    size = values.std(axis=0)
    if not (size > 0).all():
        column = names[int(np.flatnonzero(~(size > 0))[0])]
        raise ValueError(f"column {column!r} never changes: there is nothing to learn from it")
    return size


def find_units(train: Trajectories) -> Units:
    """Units of the training part: centre, spread, and the time in which the state moves by one.

    For a phase space the momenta are not shifted and every pair `(q_i, p_i)` spans the same
    area, so the change of units is symplectic up to one constant. With velocities all coordinates
    share one scale and the unit of time is `scale(q) / scale(v)`, so that `q' = v` stays true.
    """
    samples = midpoint_derivatives(train)
    x = np.asarray(train.xs)[np.asarray(train.mask)]
    centre, scale = x.mean(axis=0), _spread(x, train.names)
    rates = np.sqrt((np.asarray(samples.dx) ** 2).mean(axis=0))
    n = x.shape[1] // 2
    size = scale[n:]
    if train.phase in CANONICAL:
        centre[n:] = 0
        size = np.sqrt((x[:, n:] ** 2).mean(axis=0))
    if train.phase == "momenta":
        area = np.exp(np.mean(np.log(scale[:n] * size)))
        scale = np.concatenate([scale[:n], area / scale[:n]])
    time = np.exp(np.mean(np.log(scale / np.maximum(rates, 1e-12 * rates.max()))))
    if train.phase == "velocities":
        common, speed = np.sqrt((scale[:n] ** 2).mean()), np.sqrt((size**2).mean())
        scale = np.repeat([common, speed], n)
        time = common / speed
    us = None if train.us is None else np.asarray(train.us)[np.asarray(train.mask)]

    def array(values):
        return jnp.asarray(values, samples.x.dtype)

    return Units(
        array(centre),
        array(scale),
        array(time),
        None if us is None else array(_input_centre(us)),
        None if us is None else array(_spread(us, train.input_names)),
    )


def _input_centre(us: np.ndarray) -> np.ndarray:
    """The origin of every input: zero, so that "without input" means the same in both units.

    Only an input that lies far from zero all the time, by three times its spread, is centred.
    """
    mean, spread = us.mean(axis=0), us.std(axis=0)
    return np.where(np.abs(mean) > 3 * spread, mean, 0)


def normalised(part: Trajectories, units: Units, every: int = 1) -> Trajectories:
    """A part of the record in the units of training, times from 0 on.

    With `every` above one each trial becomes `every` trials: one sample out of so many is kept,
    from every possible start, so that all samples are in use.
    """
    ts, xs, us = [], [], []
    for trial in part:
        for first in range(min(every, len(trial.ts) // 2)):
            chosen = slice(first, None, every)
            times = np.asarray(trial.ts)[chosen]
            ts.append((times - times[0]) / np.asarray(units.time))
            xs.append(np.asarray(units.normalise(trial.xs.T).T)[chosen])
            if trial.us is not None:
                us.append(np.asarray(units.normalise_input(trial.us.T).T)[chosen])
    return Trajectories.from_trials(
        ts, xs, us or None, names=part.names, input_names=part.input_names, phase=part.phase
    )


def is_uniform(part: Trajectories) -> bool:
    """Whether all steps are equal, so that all windows have the same times."""
    steps = _steps(part)
    return bool(np.ptp(steps) <= 1e-3 * np.median(steps))
