"""What a run gives back."""

import enum
from typing import Any, NamedTuple

import numpy as np

from ._history import History


class Status(enum.StrEnum):
    """Why a run ended."""

    COMPLETED = "completed"
    STOPPED_EARLY = "stopped early"  # no better validation loss within the patience
    STOPPED_BY_CALLBACK = "stopped by callback"
    DIVERGED = "diverged"  # a value was not finite; for an ensemble: in every member
    INTERRUPTED = "interrupted"


class FitResult(NamedTuple):
    """The story of a run. For an ensemble the models are stacks and the numbers arrays `(k,)`.

    - `model`: the last state whose values were all finite.
    - `best_model`: the one of least validation loss; `model` if there are no validation data.
    - `best_value`, `best_step`: that loss and when, `None` without validation data.
    - `step`: the optimiser steps that went into `model`.
    - `diverged`: whether step `step + 1` gave a value that is not finite.
    - `status`: why the run ended; `history`: the losses; `seconds`: wall time.
    """

    model: Any
    best_model: Any
    best_value: Any
    best_step: Any
    step: Any
    diverged: Any
    status: Status
    history: History
    seconds: float

    @property
    def message(self) -> str:
        """One sentence: how the run ended, which members diverged and where."""
        steps, bad = np.atleast_1d(self.step), np.atleast_1d(self.diverged)
        text = f"{self.status} after {steps.max()} steps"
        if np.ndim(self.step) == 0:
            return f"diverged at step {steps[0] + 1}" if bad[0] else text
        where = [f"member {i} at step {steps[i] + 1}" for i in np.flatnonzero(bad)]
        return f"{text}; diverged: {', '.join(where)}" if where else text
