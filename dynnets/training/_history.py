"""What happened during a run: the record of every step and evaluation."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np


class Record(NamedTuple):
    """What a callback is told after every chunk.

    - `step`, `steps`: how many updates were made and how many there will be; `loss`: that of the
      last update.
    - `validation`: loss on the validation data at this step, `None` when it was not evaluated.
    - `best`: the least validation loss so far, `None` before the first evaluation.
    - `seconds`: since the start of the run, earlier parts of a resumed run included.
    - `model`: a function that returns the model as it is now (a copy: call it when needed).

    Values are floats, or arrays `(k,)` for an ensemble.
    """

    step: int
    steps: int
    loss: Any
    validation: Any
    best: Any
    seconds: float
    model: Callable[[], eqx.Module]


class History(NamedTuple):
    """The losses of a run as NumPy arrays.

    - `loss`: that of every update, shape `(updates,)`, for an ensemble `(updates, k)`; taken before
      the step's update.
    - `validation`: shape `(evaluations,)` or `(evaluations, k)`; `validation_step`: when.
    """

    loss: np.ndarray
    validation: np.ndarray
    validation_step: np.ndarray


class Recorder:
    """Collects a `History` while a run goes on."""

    def __init__(self, history: History):
        self._loss = [history.loss]
        self._validation = list(history.validation)
        self._validation_step = [int(s) for s in history.validation_step]
        self._empty = history.validation[:0]

    def add_losses(self, losses: np.ndarray) -> None:
        """The losses of the steps just taken."""
        self._loss.append(losses)

    def add_validation(self, step: int, value: np.ndarray) -> None:
        """One evaluation."""
        self._validation.append(value)
        self._validation_step.append(step)

    @property
    def last_validation_step(self) -> int | None:
        """When the validation data were last evaluated."""
        return self._validation_step[-1] if self._validation_step else None

    def history(self) -> History:
        """All that was collected, as arrays."""
        self._loss = [np.concatenate(self._loss)]
        validation = np.stack(self._validation) if self._validation else self._empty
        return History(self._loss[0], validation, np.asarray(self._validation_step, int))


def empty_history(lead: tuple[int, ...], dtype) -> History:
    """The history before the first step; `lead` is `(k,)` for an ensemble, else `()`."""
    return History(np.zeros((0, *lead), dtype), np.zeros((0, *lead), dtype), np.zeros(0, int))
