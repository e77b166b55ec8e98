"""Small records for the tests of the pipeline and of the command line."""

import numpy as np


def oscillator(damping: float = 0.05, count: int = 60, step: float = 0.2):
    """Times and states `(q, v)` of a damped oscillator of unit frequency, in closed form."""
    ts = step * np.arange(count)
    w = np.sqrt(1 - damping**2 / 4)
    q = np.exp(-damping * ts / 2) * np.cos(w * ts)
    v = -np.exp(-damping * ts / 2) * (damping / 2 * np.cos(w * ts) + w * np.sin(w * ts))
    return ts, np.stack([q, v], axis=1)


def write_csv(path, ts, xs, header: str) -> None:
    table = np.column_stack([ts, xs])
    np.savetxt(path, table, delimiter=",", header=header, comments="")
