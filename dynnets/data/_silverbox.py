"""Silverbox: the measured response of an electronic Duffing oscillator to a known input."""

import hashlib
import os

import equinox as eqx
import numpy as np

from ._files import download, existing_file, npz_array, text_numbers, zip_member
from ._trajectories import Trajectories

_URL = "https://drive.google.com/uc?export=download&id=17iS-6oBUUgrmiAcrZoG9S5sOaljZnDSy"
_PAGE = "https://www.nonlinearbenchmark.org/benchmarks/silverbox"
_ZIP = "2398dda503ac4c30f46c7a1ba09d8a8864d001cc71bbeb59f207a054cc592d8c"
_CSV = "ae62d5a91230c10f76e6dd02c8a4fac3c9d4d8a95fbf50e87cb0c4885003e0f1"
_RATE = 610.35
_ARROW, _INSIDE, _TRAIN, _MULTISINE = (100, 40575), (100, 32100), (40650, 105712), (105712, 127400)


class Silverbox(eqx.Module):
    """The parts of the Silverbox benchmark, each one trial with `y` in V and the input in V.

    - `train`, `validation`: the start and the end of the first 75 % of the multisine part.
    - `test_multisine`: the last 25 % of the multisine part, 21688 samples.
    - `arrow`: the filtered noise of growing amplitude, 40475 samples; its end leaves the range
      of the training amplitudes. `arrow_inside`: its first 32000 samples, which do not.
    - `dt`: the sampling time in s, 1/610.35.

    Scores on a test part leave out its first `skip = 50` samples, which serve to find the
    initial state.
    """

    train: Trajectories
    validation: Trajectories
    test_multisine: Trajectories
    arrow: Trajectories
    arrow_inside: Trajectories
    dt: float = eqx.field(static=True)
    skip: int = eqx.field(static=True)


def load_silverbox(path: str | os.PathLike | None = None, *, validation: float = 0.2) -> Silverbox:
    """The Silverbox record with its usual split.

    The box is a linear resonator with a cubic static feedback: `m y'' + d y' + k1 y + k3 y^3 = u`
    in good approximation, input and output measured in V at 610.35 Hz.

    **Arguments:** `path`: the publisher's `SilverboxFiles.zip`, its member `SNLS80mV.csv`, or an
    NPZ file with the arrays `silverbox_snls_u` and `silverbox_snls_y`; `None` fetches the archive
    once into the user's cache. `validation`: the fraction of the training part that is held out
    from its end (the benchmark leaves that to its users; no test part may be used for it).

    **Returns:** `Silverbox`. Raises `ValueError` for a file that is missing, foreign or altered
    (by SHA-256 of the table of numbers) and a fraction outside (0, 1), and `ConnectionError` if
    the archive cannot be fetched.

    Source: T. Wigren, J. Schoukens, Three free data sets for development and benchmarking in
    nonlinear system identification, ECC 2013. The record is not part of this package.
    """
    if not 0 < validation < 1:
        raise ValueError(f"validation must be a fraction between 0 and 1, got {validation}")
    if path is None:
        path = download(_URL, "SilverboxFiles.zip", _ZIP, _PAGE)
    u, y = _read(path)
    start, stop = _TRAIN
    cut = stop - round(validation * (stop - start))
    parts = [(start, cut), (cut, stop), _MULTISINE, _ARROW, _INSIDE]
    return Silverbox(*(_part(u, y, *part) for part in parts), dt=1 / _RATE, skip=50)


def _read(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Input and output, checked against the published table of numbers."""
    path = existing_file(path)
    if path.suffix == ".npz":
        u, y = (npz_array(path, f"silverbox_snls_{name}") for name in "uy")
        table = _as_csv(u, y)
    else:
        table = path.read_bytes() if path.suffix == ".csv" else zip_member(path, "SNLS80mV.csv")
        rows = text_numbers(table.replace(b",\n", b"\n"), str(path), delimiter=",")
        u, y = rows.T
    digest = hashlib.sha256(table).hexdigest()
    if digest != _CSV:
        raise ValueError(f"{path}: SHA-256 {digest} of the table SNLS80mV.csv, expected {_CSV}")
    return u, y


def _as_csv(u: np.ndarray, y: np.ndarray) -> bytes:
    """The publisher's text table of the same numbers (five digits), byte for byte."""
    rows = "".join(f"{a:.5g},{b:.5g},\n" for a, b in zip(u, y, strict=False))
    return f'"V1","V2",\n{rows}\n'.encode()


def _part(u: np.ndarray, y: np.ndarray, start: int, stop: int) -> Trajectories:
    return Trajectories.from_trials(
        [np.arange(stop - start) / _RATE],
        [y[start:stop, None]],
        [u[start:stop, None]],
        names=("y",),
        input_names=("u",),
        phase="coordinates only",
        source=f"Silverbox, samples {start} to {stop}",
    )
