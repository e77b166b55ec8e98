"""Sun and planets from the JPL ephemeris DE421, which the package `skyfield-data` carries."""

import importlib
import os
import warnings

import numpy as np

from dynnets._core import check_choice, check_positive

from ._trajectories import Trajectories

_CODES = {  # NAIF numbers: the Sun, and the barycentres of the planets with their moons
    "mercury": 1,
    "venus": 2,
    "earth": 3,
    "mars": 4,
    "jupiter": 5,
    "saturn": 6,
    "uranus": 7,
    "neptune": 8,
    "sun": 10,
}
OUTER_SOLAR_SYSTEM = ("sun", "jupiter", "saturn", "uranus", "neptune")
"""The bodies of `load_solar_system` in their order, unless others are named."""

_KM_PER_AU = 149597870.7  # IAU 2012
_DAYS_PER_YEAR = 365.25  # Julian year
_J2000 = 2451545.0  # Julian date of the year 2000.0 in this count


def load_solar_system(
    start: float = 1900.0,
    stop: float = 2050.0,
    step_days: float = 40.0,
    *,
    bodies: tuple[str, ...] = OUTER_SOLAR_SYSTEM,
) -> Trajectories:
    """Positions and velocities of the Sun and the outer planets, without any download.

    The JPL ephemeris DE421 is a fit to two centuries of observations, radar and spacecraft
    ranging; between the bodies it holds all other planets, the Moon and asteroids act too, so a
    model of five bodies can follow it to a few 1e-6 au only (the Sun's motion about the Earth).

    **Arguments:** `start`, `stop`: years, Julian years of 365.25 days counted from J2000.0
    (barycentric dynamical time), within 1899.6 to 2053.7; `step_days`: days between samples, the
    last of which is the greatest multiple that does not pass `stop`; `bodies`: any of `sun`,
    `mercury` ... `neptune` (planets together with their moons), in the order wanted.

    - `start`, `stop`: the first and the last year, in Julian years of 365.25 days counted from
      J2000.0 (barycentric dynamical time), within 1899.6 to 2053.7.
    - `step_days`: how many days lie between two samples. The last sample is the greatest multiple
      that does not pass `stop`.
    - `bodies`: names out of `sun`, `mercury` ... `neptune` (planets together with their moons), in
      the order wanted.

    **Returns** one trial with `ts` in years. The state holds first all positions `(x, y, z)` in au,
    body by body, then all velocities in au per year; the axes are those of the ICRF, the origin is
    the barycentre of the solar system, and `phase = "velocities"`. Raises `ValueError` when a
    package is missing, and for unknown bodies, a step that is not positive and years out of range.

    Source: W. Folkner, J. Williams, D. Boggs, The Planetary and Lunar Ephemeris DE 421, 2009.

    ```python
    >>> from dynnets.data import OUTER_SOLAR_SYSTEM
    >>> OUTER_SOLAR_SYSTEM
    ('sun', 'jupiter', 'saturn', 'uranus', 'neptune')

    ```
    """
    for name in bodies:
        check_choice("bodies", name, _CODES)
    if not bodies or len(set(bodies)) != len(bodies):
        raise ValueError(f"bodies must be different names, one at least, got {bodies}")
    check_positive("step_days", step_days)
    if not stop > start:
        raise ValueError(f"stop must be after start, got start = {start}, stop = {stop}")
    count = int((stop - start) * _DAYS_PER_YEAR / step_days + 1e-9)
    if count < 1:
        raise ValueError(f"no step of {step_days} days fits between {start} and {stop}")
    dates = _J2000 + (start - 2000.0) * _DAYS_PER_YEAR + step_days * np.arange(count + 1)
    positions, velocities = _read(dates, bodies, (start, stop))
    names = [f"{body}.{axis}" for body in bodies for axis in "xyz"]
    return Trajectories.from_trials(
        [start + step_days / _DAYS_PER_YEAR * np.arange(count + 1)],
        [np.concatenate([positions, velocities * _DAYS_PER_YEAR], axis=1)],
        names=names + [f"{body}.v{axis}" for body in bodies for axis in "xyz"],
        phase="velocities",
        source="JPL DE421, read from skyfield-data",
    )


def _read(dates: np.ndarray, bodies, years) -> tuple[np.ndarray, np.ndarray]:
    """Positions (au) and velocities (au/day) at Julian dates, each `(n, 3 * bodies)`."""
    spk_module, folder = _packages()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel = spk_module.SPK.open(os.path.join(folder, "de421.bsp"))
    try:
        segments = [kernel[0, _CODES[body]] for body in bodies]
        first = max(segment.start_jd for segment in segments)
        last = min(segment.end_jd for segment in segments)
        if dates[0] < first or dates[-1] > last:
            limits = [2000.0 + (date - _J2000) / _DAYS_PER_YEAR for date in (first, last)]
            raise ValueError(
                f"DE421 covers the years {limits[0]:.2f} to {limits[1]:.2f}, "
                f"got {years[0]} to {years[1]}"
            )
        states = [segment.compute_and_differentiate(dates) for segment in segments]
    finally:
        kernel.close()
    positions, velocities = zip(*states, strict=True)
    return np.concatenate(positions).T / _KM_PER_AU, np.concatenate(velocities).T / _KM_PER_AU


def _packages():
    """The module `jplephem.spk` and the folder of the files of `skyfield-data`."""
    try:
        spk = importlib.import_module("jplephem.spk")
        with warnings.catch_warnings():  # it warns that files which are not used here are old
            warnings.simplefilter("ignore")
            folder = importlib.import_module("skyfield_data").get_skyfield_data_path()
    except ImportError as error:
        raise ValueError(
            f"the solar system needs the package {error.name}: "
            "pip install 'dynnets[data]' (it brings jplephem and skyfield-data)"
        ) from error
    return spk, folder
