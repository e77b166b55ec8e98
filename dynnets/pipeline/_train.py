"""Training of one candidate of a task, or what an earlier part of the same run has kept of it."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, PRNGKeyArray

from dynnets.training import load_model, read_metadata, save_model

from ._folder import slug
from ._task import Candidate, Task, Trained


class _Kept(eqx.Module):
    """The arrays that a finished candidate leaves behind for a run that is resumed."""

    models: Any
    starts: Array | None
    validation: Array | None


def train_candidate(
    task: Task, candidate: Candidate, folder: Path | None, *, key: PRNGKeyArray, **options
) -> Trained:
    """Train a candidate of `task`, unless its file in `folder` holds it finished.

    **Arguments:** `folder`: that of the run, which belongs to one data set, key and settings, so
    that the file holds what training would give, bit by bit; `None` keeps nothing; `options`: of
    `Task.train`.
    """
    if folder is None:
        return task.train(candidate, key=key, checkpoint=None, **options)
    checkpoint = folder / "checkpoints" / slug(candidate.name)
    path = checkpoint.with_name(f"{checkpoint.name}.dynnets")
    if path.exists():
        kept, known = load_model(path, _Kept), read_metadata(path)["metadata"]
        found = Trained(candidate.name, kept.models, **known)
        return found._replace(starts=kept.starts, validation=kept.validation)
    found = task.train(candidate, key=key, checkpoint=checkpoint, **options)
    path.parent.mkdir(exist_ok=True)
    known = {"seconds": found.seconds, "parameters": found.parameters}
    save_model(path, _Kept(found.models, found.starts, found.validation), known)
    return found


def count_parameters(model: eqx.Module) -> int:
    """How many real numbers a model holds: the sizes of all its floating arrays."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
