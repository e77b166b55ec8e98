"""Measured and simulated oscillators of Schmidt and Lipson, Science 324 (2009)."""

import os

import numpy as np

from dynnets._core import check_choice

from ._files import check_sha256, download, existing_file, npz_array, text_numbers, zip_member
from ._trajectories import Trajectories

_URL = (
    "https://science.sciencemag.org/highwire/filestream/590089/field_highwire_adjunct_files/2/"
    "invar_datasets.zip"
)
_PAGE = "the supplementary materials of doi:10.1126/science.1165893"
_ZIP = "9794ee02f45403f87b739cc235a046bd424a73b8222067165f66463cef57be59"
_KNOWN = {
    _ZIP: "invar_datasets.zip",
    "f413d7a86338799499b5248f981869c8d2ce6c42bc9edd9801ac82f1545159a0": "schmidt_lipson.npz",
}

# Per table: names of the state, its columns, the columns of its derivative, and the number of
# columns. Columns count from 0 = trial, 1 = time. The order of each table was checked against
# differences of its own columns; the last column of pendulum_a_1 is no derivative and is left.
_ANGLE, _ANGLES, _SPRING = ("o", "v"), ("o1", "o2", "w1", "w2"), ("x", "v")
_TWO = ("x1", "x2", "v1", "v2")
_FOUR, _RATES = (2, 3, 4, 5), (6, 7, 8, 9)
_TABLES = {
    "real_pend_h_1": (_ANGLE, (2, 3), None, 4),
    "real_pend_a_1": (_ANGLE, (2, 4), (4, 3), 5),
    "real_pend_circle_1": (("x", "y"), (2, 3), None, 4),
    "real_double_pend_h_1": (_ANGLES, _FOUR, _RATES, 10),
    "real_linear_h_1": (_SPRING, (2, 3), None, 4),
    "real_linear_a_1": (_SPRING, (2, 4), (4, 3), 5),
    "real_double_linear_h_1": (_TWO, _FOUR, None, 6),
    "pendulum_h_1": (_ANGLE, (2, 3), (4, 5), 6),
    "pendulum_a_1": (_ANGLE, (2, 3), None, 6),
    "double_pend_h_1": (_ANGLES, _FOUR, _RATES, 10),
    "linear_h_1": (_SPRING, (2, 3), None, 4),
    "lienar_a_1": (_SPRING, (2, 3), (3, 4), 5),
    "double_linear_h_1": (_TWO, _FOUR, _RATES, 10),
    "circle_1": (("x", "y"), (2, 3), None, 4),
    "sphere_1": (("x", "y", "z"), (2, 3, 4), None, 5),
}
_COORDINATES_ONLY = ("real_pend_circle_1", "circle_1", "sphere_1")


def load_schmidt_lipson(
    table: str = "real_pend_h_1", path: str | os.PathLike | None = None
) -> Trajectories:
    """One table of the motion-tracking records behind "Distilling free-form natural laws".

    The measured ones are `real_pend_h_1` (pendulum: angle in rad, angular velocity in rad/s,
    94.5 s), `real_pend_a_1` (the same with its acceleration as derivative),
    `real_double_pend_h_1` (two trials of a double pendulum), `real_linear_h_1`,
    `real_linear_a_1`, `real_double_linear_h_1` (masses on springs, pixels) and
    `real_pend_circle_1` (a bob's position in pixels); the others are simulated: `pendulum_h_1`,
    `pendulum_a_1`, `double_pend_h_1`, `linear_h_1`, `lienar_a_1`, `double_linear_h_1`,
    `circle_1`, `sphere_1`. Times are in seconds (frames for `real_pend_circle_1`) and not
    uniform: steps of `real_pend_h_1` are 1/6 s with gaps up to 1/2 s. The measured systems are
    damped, and their velocities are the publishers' smoothed estimates.

    **Arguments:** `table`: a name above. `path`: the publisher's `invar_datasets.zip`, or an
    NPZ file of the same tables; `None` fetches the archive once into the user's cache.

    **Returns:** one trial per trial of the record, states `(coordinates, velocities)` (or
    coordinates only), `dxs` where the table holds derivatives. Raises `ValueError` for an
    unknown table and for a file that is missing, foreign or altered (by SHA-256), and
    `ConnectionError` if the archive cannot be fetched.

    Source: M. Schmidt, H. Lipson, Science 324 (2009) 81-85, supplementary data. The record is
    not part of this package: no licence is stated for it.
    """
    check_choice("table", table, _TABLES)
    if path is None:
        path = download(_URL, "invar_datasets.zip", _ZIP, _PAGE)
    path = existing_file(path)
    check_sha256(path, _KNOWN)
    if path.suffix == ".npz":
        rows = npz_array(path, table)
    else:
        rows = text_numbers(zip_member(path, f"{table}.txt"), f"{path}, {table}.txt")
    names, states, rates, width = _TABLES[table]
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{path}: table {table} must have {width} columns, got {rows.shape}")
    trials = [rows[rows[:, 0] == label] for label in np.unique(rows[:, 0])]
    return Trajectories.from_trials(
        [trial[:, 1] for trial in trials],
        [trial[:, list(states)] for trial in trials],
        dxs_list=None if rates is None else [trial[:, list(rates)] for trial in trials],
        names=names,
        phase="coordinates only" if table in _COORDINATES_ONLY else "velocities",
        source=f"Schmidt and Lipson 2009, {table}",
    )
