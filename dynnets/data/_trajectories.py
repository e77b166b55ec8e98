"""Sets of measured or simulated trajectories: trials of unequal length in one padded array."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from dynnets._core import check_choice, check_finite, check_increasing

from ._batch import AbstractBatch

PHASES = ("momenta", "velocities", "coordinates only", "state")


AnyArray = Array | np.ndarray


class Trial(NamedTuple):
    """One trial without padding: `ts (n,)`, `xs (n, d)`, `us (n, m)` or `None`, `dxs` likewise.

    Arrays of JAX, or of NumPy for work on the host.
    """

    ts: Float[AnyArray, " n"]
    xs: Float[AnyArray, "n dim"]
    us: Float[AnyArray, "n inputs"] | None
    dxs: Float[AnyArray, "n dim"] | None


class Samples(AbstractBatch):
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


class Trajectories(AbstractBatch):
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
        ts_list: Any,
        xs_list: Any,
        us_list: Any = None,
        dxs_list: Any = None,
        *,
        names: Sequence[str] | None = None,
        input_names: Sequence[str] | None = None,
        phase: str = "state",
        source: str = "",
    ) -> "Trajectories":
        """Build the padded set from one array per trial.

        **Arguments:** `ts_list`: times, each `(n_i,)`, strictly increasing, `n_i >= 2`, or one
        vector `(n,)` for all trials, whose states may then be one array `(trials, n, d)`;
        `xs_list`: states, each `(n_i, d)`; `us_list`, `dxs_list`: inputs `(n_i, m)` and
        derivatives `(n_i, d)`, if any; the rest as the fields.

        **Returns** the set, whose arrays have the floating dtype of the states, or JAX's default
        one if the states are not floating.

        Raises `ValueError`, naming the trial, for no trials, fewer than two samples, mismatched
        shapes, values that are not finite, and times that do not strictly increase in that dtype.
        """
        if not len(ts_list):
            raise ValueError("at least one trial is needed, got none")
        if np.ndim(ts_list[0]) == 0:  # one vector for all
            ts_list = [ts_list] * len(xs_list)
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

    @classmethod
    def from_pairs(
        cls, x0: Any, x1: Any, h: Any = None, *, ts: Any = None, us: Any = None, **options: Any
    ) -> "Trajectories":
        """Pairs of states, the second the state `h` later: trials of two samples.

        **Arguments:** `x0`, `x1`: states `(N, d)`, or with any axes of batches before the last,
        `(..., d)`; `h`: the time between them, one positive number or one a pair `(N,)` (the
        shape of the batch); or `ts`: the two times, `(2,)` for all pairs, or `(N, 2)`; `us`: inputs
        `(N, 2, m)` at both times, or `(N, m)`, held; `options`: as of `from_trials`.

        **Returns** `N` trials that start at `t = 0` where `h` is given. Raises `ValueError` for
        states of different shape, for both or neither of `h` and `ts`, and as `from_trials`.
        """
        first, second = np.asarray(x0), np.asarray(x1)
        if first.shape != second.shape or first.ndim < 2:
            raise ValueError(
                f"pairs are states x0 and x1 of one shape (N, d), got {first.shape} and "
                f"{second.shape}"
            )
        if (h is None) == (ts is None):
            raise ValueError("pairs need either the time h between the states or both times ts")
        batch = first.shape[:-1]
        count = int(np.prod(batch))
        if ts is None:
            step = np.broadcast_to(np.asarray(h), batch).reshape(-1)
            ts = np.stack([np.zeros_like(step), step], axis=1)
        elif isinstance(ts, tuple):
            check_increasing("ts", ts)
        times = np.asarray(ts)
        if times.shape == (2,):
            times = np.broadcast_to(times, (*batch, 2))
        if times.size != 2 * count:
            raise ValueError(f"ts must be (2,) or {(*batch, 2)}, got {times.shape}")
        states = np.stack([first, second], axis=-2).reshape(count, 2, first.shape[-1])
        if us is not None:
            us = np.asarray(us)
            us = us if us.ndim == len(batch) + 2 else np.stack([us, us], axis=-2)
            us = us.reshape(count, 2, us.shape[-1])
        return cls.from_trials(list(times.reshape(count, 2)), states, us, **options)

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
        return jax.tree.map(jnp.asarray, _host_trial(self, index, n))

    def select(self, trials: Sequence[int]) -> "Trajectories":
        """The set of the given trials, in the given order."""
        every = numpy_trials(self)
        return self.with_trials([every[int(i)] for i in trials])

    def with_trials(self, trials: Sequence[Trial], **changes: Any) -> "Trajectories":
        """A set of other trials under the same names; `changes` replace `phase`, `names` ..."""
        keep: dict[str, Any] = {
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
    lengths = np.asarray(trajectories.lengths)
    return [_host_trial(trajectories, i, n) for i, n in enumerate(lengths)]


def _host_trial(trajectories: Trajectories, index, n) -> Trial:
    parts, at = trajectories, (index, slice(n))
    ts, xs = at_host(parts.ts, at), at_host(parts.xs, at)
    return Trial(ts, xs, at_host(parts.us, at), at_host(parts.dxs, at))


def at_host(array: AnyArray | None, index) -> Any:
    """Entries of an array, gathered on the host (no compilation per size); `None` stays `None`."""
    return None if array is None else np.asarray(array)[index]


def _float_dtype(arrays: Any) -> np.dtype:
    """The dtype that JAX gives to the states; its default floating one for integers."""
    kind = np.result_type(*[np.asarray(array) for array in arrays])
    if not jnp.issubdtype(kind, jnp.number):
        raise ValueError(f"xs must hold numbers, got an array of {kind}")
    if not jnp.issubdtype(kind, jnp.floating):
        return jnp.result_type(float)
    return jax.dtypes.canonicalize_dtype(kind)


def _times(index: int, ts: Any, dtype: np.dtype) -> np.ndarray:
    if isinstance(ts, tuple):
        check_increasing(f"ts of trial {index}", ts)
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


def _columns(name: str, arrays: Any, sizes: list[int], dtype) -> list[np.ndarray]:
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
