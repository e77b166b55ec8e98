"""Sets of measured or simulated trajectories: trials of unequal length in one padded array."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dynnets._core import check_choice, check_finite, check_increasing

PHASES = ("momenta", "velocities", "coordinates only", "state")


class Trial(NamedTuple):
    """One trial without padding.

    It holds the times `ts (n,)`, the states `xs (n, d)`, the inputs `us (n, m)` or `None`, and the
    derivatives of the states `dxs (n, d)` or `None`.
    """

    ts: Float[Array, " n"]
    xs: Float[Array, "n dim"]
    us: Float[Array, "n inputs"] | None
    dxs: Float[Array, "n dim"] | None


class Samples(eqx.Module):
    """Points of the state space with their time derivatives, in no particular order.

    Losses by derivative train on them. There are `t (N,)`, `x (N, d)`, `dx (N, d)` in units of `x`
    per unit of `t`, and the inputs `u (N, m)` or `None`.
    """

    t: Float[Array, " samples"]
    x: Float[Array, "samples dim"]
    dx: Float[Array, "samples dim"]
    u: Float[Array, "samples inputs"] | None = None

    def __check_init__(self):
        if self.x.ndim != 2 or self.x.shape != self.dx.shape or self.t.shape != self.x.shape[:1]:
            raise ValueError(
                f"samples need t (N,), x (N, d) and dx (N, d), got shapes {self.t.shape}, "
                f"{self.x.shape} and {self.dx.shape}"
            )
        if self.u is not None and (self.u.ndim != 2 or self.u.shape[0] != self.t.shape[0]):
            raise ValueError(f"inputs u must have shape ({self.t.shape[0]}, m), got {self.u.shape}")

    def __len__(self) -> int:
        return self.t.shape[0]


class Trajectories(eqx.Module):
    """Trials of a dynamical system, each a time series of its own length.

    Every array leads with the axis of the trials, so that a batch is an index into it. Trials
    shorter than the longest are padded at their end: the last sample is repeated and the times
    go on increasing by the last step, so padding is finite and any solver may run through it;
    `mask` tells samples from padding.

    **Fields:**

    - `ts`: the times, shape `(trials, T)`, strictly increasing along the second axis.
    - `xs`: the states, shape `(trials, T, d)`.
    - `us`: the inputs at the same times, shape `(trials, T, m)`, or `None`.
    - `dxs`: the time derivatives of the states, shape `(trials, T, d)`, or `None`.
    - `lengths`: how many samples each trial has, shape `(trials,)`.
    - `names`, `input_names`: a name for each component of the state and for each input.
    - `phase`: what the state is, `"momenta"` for `(q, p)`, `"velocities"` for `(q, dq/dt)`,
      `"coordinates only"` for `q` alone, `"state"` where no such reading is known.
    - `source`: where the numbers come from, in words.
    """

    ts: Float[Array, "trials times"]
    xs: Float[Array, "trials times dim"]
    us: Float[Array, "trials times inputs"] | None
    dxs: Float[Array, "trials times dim"] | None
    lengths: Int[Array, " trials"]
    names: tuple[str, ...] = eqx.field(static=True)
    input_names: tuple[str, ...] = eqx.field(static=True, default=())
    phase: str = eqx.field(static=True, default="state")
    source: str = eqx.field(static=True, default="")

    def __check_init__(self):
        check_choice("phase", self.phase, PHASES)
        shape = self.ts.shape
        if len(shape) != 2 or self.xs.shape[:2] != shape or self.xs.ndim != 3:
            raise ValueError(
                f"ts must be (trials, T) and xs (trials, T, d), got {shape} and {self.xs.shape}"
            )
        if self.dxs is not None and self.dxs.shape != self.xs.shape:
            raise ValueError(f"dxs must have the shape {self.xs.shape}, got {self.dxs.shape}")
        if self.us is not None and (self.us.ndim != 3 or self.us.shape[:2] != shape):
            raise ValueError(f"us must be (trials, T, m) with {shape}, got {self.us.shape}")
        if len(self.names) != self.dim:
            raise ValueError(f"{self.dim} state components need as many names, got {self.names}")
        if self.phase in ("momenta", "velocities") and self.dim % 2:
            raise ValueError(f"a state of coordinates and {self.phase} is even, got {self.dim}")

    @classmethod
    def from_trials(
        cls,
        ts_list: Sequence[Any],
        xs_list: Sequence[Any],
        us_list: Sequence[Any] | None = None,
        dxs_list: Sequence[Any] | None = None,
        *,
        names: Sequence[str] | None = None,
        input_names: Sequence[str] | None = None,
        phase: str = "state",
        source: str = "",
    ) -> "Trajectories":
        """Build the padded set from one array per trial.

        **Arguments:** `ts_list`: the times of each trial, `(n_i,)`, which strictly increase,
        `n_i >= 2`; `xs_list`: the states of each, `(n_i, d)`; `us_list`, `dxs_list`: the inputs
        `(n_i, m)` and derivatives `(n_i, d)` of each, if there are any; the rest as the fields.

        **Returns** the set, whose arrays have the floating dtype of the states, or JAX's default
        one if the states are not floating.

        Raises `ValueError`, naming the trial, for no trials, fewer than two samples, mismatched
        shapes, values that are not finite, and times that do not strictly increase in that dtype.
        """
        if not len(ts_list):
            raise ValueError("at least one trial is needed, got none")
        dtype = _float_dtype(xs_list)
        ts = [_times(i, t, dtype) for i, t in enumerate(ts_list)]
        sizes = [len(t) for t in ts]
        xs = _columns("xs", xs_list, sizes, dtype)
        us = None if us_list is None else _columns("us", us_list, sizes, dtype)
        dxs = None if dxs_list is None else _columns("dxs", dxs_list, sizes, dtype)
        longest = max(sizes)
        names = names or tuple(f"x{i}" for i in range(xs[0].shape[1]))
        if us is not None and input_names is None:
            input_names = tuple(f"u{i}" for i in range(us[0].shape[1]))
        return cls(
            ts=jnp.asarray(np.stack([_pad_times(t, longest) for t in ts])),
            xs=_stack(xs, longest),
            us=None if us is None else _stack(us, longest),
            dxs=None if dxs is None else _stack(dxs, longest),
            lengths=jnp.asarray(sizes),
            names=tuple(names),
            input_names=tuple(input_names or ()),
            phase=phase,
            source=source,
        )

    @property
    def mask(self) -> Bool[Array, "trials times"]:
        """Whether a sample was measured (true) or is padding (false)."""
        index = jnp.arange(self.ts.shape[1], dtype=self.lengths.dtype)
        return index[None, :] < self.lengths[:, None]

    @property
    def dim(self) -> int:
        """The dimension `d` of the state."""
        return self.xs.shape[2]

    @property
    def input_dim(self) -> int:
        """How many inputs `m` there are; 0 without any."""
        return 0 if self.us is None else self.us.shape[2]

    def __len__(self) -> int:
        return self.ts.shape[0]

    def __iter__(self) -> Iterator[Trial]:
        return (self.trial(i) for i in range(len(self)))

    def trial(self, index: int) -> Trial:
        """The trial of number `index` without its padding. Raises `ValueError` if there is none."""
        if not -len(self) <= index < len(self):
            raise ValueError(f"there are {len(self)} trials, got index {index}")
        n = int(np.asarray(self.lengths)[index])
        parts = (self.ts, self.xs, self.us, self.dxs)
        return Trial(*(None if a is None else jnp.asarray(np.asarray(a)[index, :n]) for a in parts))

    def select(self, trials: Sequence[int]) -> "Trajectories":
        """The set of the given trials, in the given order."""
        every = numpy_trials(self)
        return self.with_trials([every[int(i)] for i in trials])

    def with_trials(self, trials: Sequence[Trial], **changes: Any) -> "Trajectories":
        """A set of other trials under the same names; `changes` replace `names`, `phase`, ..."""
        keep = {
            "names": self.names,
            "input_names": self.input_names,
            "phase": self.phase,
            "source": self.source,
        }
        return Trajectories.from_trials(
            [trial.ts for trial in trials],
            [trial.xs for trial in trials],
            None if not trials or trials[0].us is None else [trial.us for trial in trials],
            None if not trials or trials[0].dxs is None else [trial.dxs for trial in trials],
            **(keep | changes),
        )


def numpy_trials(trajectories: Trajectories) -> list[Trial]:
    """All trials without padding as NumPy arrays, for work on the host."""
    arrays = [trajectories.ts, trajectories.xs, trajectories.us, trajectories.dxs]
    arrays = [None if a is None else np.asarray(a) for a in arrays]
    lengths = np.asarray(trajectories.lengths)
    return [
        Trial(*(None if a is None else a[i, :n] for a in arrays)) for i, n in enumerate(lengths)
    ]


def _float_dtype(arrays: Sequence[Any]) -> np.dtype:
    """The dtype that JAX gives to the states; its default floating one for integers."""
    kind = np.result_type(*[np.asarray(array) for array in arrays])
    if not jnp.issubdtype(kind, jnp.number):
        raise ValueError(f"xs must hold numbers, got an array of {kind}")
    if not jnp.issubdtype(kind, jnp.floating):
        return jnp.result_type(float)
    return jax.dtypes.canonicalize_dtype(kind)


def _times(index: int, ts: Any, dtype: np.dtype) -> np.ndarray:
    given = np.asarray(ts)
    if given.ndim != 1 or given.size < 2:
        raise ValueError(f"ts of trial {index} must hold at least two times, got {given.shape}")
    check_increasing(f"ts of trial {index}", given)
    cast = given.astype(dtype)
    flat = np.flatnonzero(np.diff(cast) <= 0)
    if flat.size:
        i = int(flat[0])
        raise ValueError(
            f"ts of trial {index}: the times {given[i]} and {given[i + 1]} at index {i + 1} are "
            f"equal in {dtype}; subtract the first time, or enable x64 in JAX"
        )
    return cast


def _columns(name: str, arrays: Sequence[Any], sizes: list[int], dtype) -> list[np.ndarray]:
    if len(arrays) != len(sizes):
        raise ValueError(f"{name} has {len(arrays)} trials, ts has {len(sizes)}")
    columns = [np.asarray(array).astype(dtype) for array in arrays]
    width = columns[0].shape[-1:]
    for i, (column, size) in enumerate(zip(columns, sizes, strict=True)):
        if column.shape != (size, *width):
            raise ValueError(
                f"{name} of trial {i} must have shape {(size, *width)}, got {column.shape}"
            )
        check_finite(f"{name} of trial {i}", column)
    return columns


def _pad_times(ts: np.ndarray, longest: int) -> np.ndarray:
    """Times that go on by the last step, made longer where that is below their resolution."""
    extra = longest - len(ts)
    if not extra:
        return ts
    step = ts[-1] - ts[-2]
    step = max(step, 2 * np.spacing(np.abs(ts[-1]) + extra * step))
    more = ts[-1] + step * np.arange(1, extra + 1).astype(ts.dtype)
    return np.concatenate([ts, more.astype(ts.dtype)])


def _stack(arrays: list[np.ndarray], longest: int) -> Array:
    padded = [np.pad(a, ((0, longest - len(a)), (0, 0)), mode="edge") for a in arrays]
    return jnp.asarray(np.stack(padded))
