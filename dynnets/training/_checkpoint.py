"""Checkpoints of a run in one directory, written by orbax: each is whole or not there."""

import json
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._history import History
from ._serialisation import write_atomically

_RUN_FILE = "run.json"
_SECONDS_BETWEEN = 30.0


def _orbax():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import orbax.checkpoint as ocp
    except ImportError:
        raise ImportError("checkpoints need orbax: pip install 'dynnets[train]'") from None
    return ocp


def _is_key(leaf) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.extended)


def _to_numpy(leaf) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(saved: np.ndarray, leaf):
    """The saved values as an array like `leaf`."""
    if _is_key(leaf):
        return jax.random.wrap_key_data(jnp.asarray(saved), impl=jax.random.key_impl(leaf))
    if saved.shape != leaf.shape or saved.dtype != leaf.dtype:
        raise ValueError(f"{saved.dtype}{saved.shape} where {leaf.dtype}{leaf.shape} belongs")
    return jnp.array(saved, dtype=leaf.dtype, copy=True)


def _claim(directory: Path, identity: dict[str, str], resume: bool) -> None:
    """Make the directory this run's own, or find that it is; `ValueError` otherwise."""
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"the checkpoint directory {directory} is a file")
    run_file = directory / _RUN_FILE
    if not run_file.exists():
        others = [p.name for p in directory.iterdir()] if directory.exists() else []
        if any(not name.startswith(f".{_RUN_FILE}.") for name in others):
            raise ValueError(
                f"the checkpoint directory {directory} holds other files ({sorted(others)[0]}, "
                "...); nothing was overwritten"
            )
        directory.mkdir(parents=True, exist_ok=True)
        write_atomically(run_file, json.dumps(identity, indent=1).encode())
        return
    if not resume:
        raise ValueError(
            f"the checkpoint directory {directory} holds a run already: pass resume=True to "
            "continue it or name another directory; nothing was overwritten"
        )
    try:
        known = json.loads(run_file.read_bytes())
        differ = [k for k in identity if known.get(k) != identity[k]]
    except (ValueError, AttributeError):
        raise ValueError(f"{run_file} is damaged; nothing was overwritten") from None
    if differ:
        raise ValueError(
            f"the checkpoint directory {directory} belongs to another run: its "
            f"{', '.join(differ)} {'differs' if len(differ) == 1 else 'differ'}; "
            "nothing was overwritten"
        )


class Checkpoints:
    """The checkpoints of one run; the last two are kept.

    **Arguments:** `directory`: new, empty or this run's own; `identity`: the run's
    `fingerprint`; `resume`: whether it may hold checkpoints; `every`: steps between two
    checkpoints, `None` for 30 seconds.

    Raises `ValueError` that names the directory when it belongs to something else.
    """

    def __init__(self, directory, identity: dict[str, str], resume: bool, every: int | None):
        ocp = _orbax()
        self.directory = Path(directory).absolute()
        _claim(self.directory, identity, resume)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, create=False, enable_async_checkpointing=False
        )
        self._ocp = ocp
        self._manager = ocp.CheckpointManager(self.directory, options=options)
        self._every = every
        self._last_time = time.monotonic()
        self._last_step = self._manager.latest_step()

    @property
    def last_step(self) -> int | None:
        """The step of the newest checkpoint."""
        return self._last_step

    def next_due(self, step: int) -> int | None:
        """The next step at which a checkpoint is wanted, `None` if that depends on time."""
        return None if self._every is None else (step // self._every + 1) * self._every

    def is_due(self, step: int) -> bool:
        """Whether it is time for a checkpoint."""
        if self._every is not None:
            return step % self._every == 0
        return time.monotonic() - self._last_time >= _SECONDS_BETWEEN

    def save(self, step: int, tree: Any, history: History, seconds: float) -> None:
        """Write a checkpoint unless the newest one is of this step."""
        if step == self._last_step:
            return
        arrays = dict(enumerate(jax.tree.leaves(tree)))
        content = {f"leaf{i}": _to_numpy(a) for i, a in arrays.items() if a.size}
        content |= {f"history_{k}": v for k, v in history._asdict().items() if v.size}
        content["seconds"] = np.asarray(seconds)
        self._manager.save(step, args=self._ocp.args.StandardSave(content))
        self._manager.wait_until_finished()
        self._last_step, self._last_time = step, time.monotonic()

    def restore(self, like: Any, history: History) -> tuple[Any, History, float] | None:
        """The newest checkpoint that can be read, `None` if there is none yet.

        **Arguments:** `like`, `history`: the state and the history before the first step.
        Raises `ValueError` that names the directory if no checkpoint can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        failures = []
        for step in steps:
            try:
                found = self._read(step, like, history)
            except Exception as error:
                # orbax raises errors of many kinds for a file cut short by a full disk
                failures.append(f"{step}: {str(error).splitlines()[0]}")
                continue
            for bad in [s for s in steps if s > step]:
                self._manager.delete(bad)
            self._last_step = step
            return found
        if failures:
            raise ValueError(f"no checkpoint in {self.directory} can be read ({failures[0]})")
        return None

    def _read(self, step, like, history):
        content = self._manager.restore(step, args=self._ocp.args.StandardRestore())
        leaves, structure = jax.tree.flatten(like)
        leaves = [
            _like(np.asarray(content[f"leaf{i}"]), a) if a.size else a for i, a in enumerate(leaves)
        ]
        parts = {
            k: np.asarray(content[f"history_{k}"]) if f"history_{k}" in content else v
            for k, v in history._asdict().items()
        }
        return jax.tree.unflatten(structure, leaves), History(**parts), float(content["seconds"])

    def close(self) -> None:
        """Release what orbax holds."""
        self._manager.close()
