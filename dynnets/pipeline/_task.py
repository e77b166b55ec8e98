"""What a job is made of: a record, candidates to train, scores, advice, figures."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, PRNGKeyArray

from dynnets.data import Trajectories

from ._report import Row

CONSERVATIVE, DAMPED, BASELINE = "conservative", "damped", "baseline"
"""The kinds of candidates: what each says about the energy of the motion."""


class Candidate(NamedTuple):
    """A model to try.

    - `name`: how tables, verdicts and files call it.
    - `make`: `make(key)` builds it with random weights; `None` for a closed-form fit.
    - `kind`: `CONSERVATIVE`, `DAMPED` or `BASELINE`.
    - `assumes`: what must hold for it to be right.
    """

    name: str
    make: Callable[[PRNGKeyArray], Any] | None
    kind: str
    assumes: str


class Trained(NamedTuple):
    """A candidate after training.

    - `name`: of the candidate.
    - `models`: a stack over the seeds, in the units of the record; a candidate that draws nothing
      at random is a stack of one.
    - `seconds`: what training took for all seeds, compilation included.
    - `parameters`: how many numbers one seed has learned.
    - `starts`: states at the beginning of the record that were fitted too, `(seeds, d)`, or `None`
      where forecasts start from measured states.
    - `validation`: the error over the validation part, `(seeds,)`, if training has measured it.
    """

    name: str
    models: Any
    seconds: float
    parameters: int
    starts: Array | None = None
    validation: Array | None = None


class Learned(NamedTuple):
    """A candidate that was trained and scored.

    `row`: its line of the table; `trained`: all its seeds; `forecast`: what the task's `score`
    gave besides the numbers; `best`: the seed of least validation error; `model`: that member.
    """

    row: Row
    trained: Trained
    forecast: Any
    best: int
    model: Any


class Advice(NamedTuple):
    """Which model to trust: its name, the sentences that say why, and numbers for the report."""

    chosen: str
    verdict: tuple[str, ...]
    details: dict[str, Any]


class Memory(NamedTuple):
    """What a saved model keeps of its record besides the names of the columns.

    `start (d,)`, `time`: where its forecasts begin if nothing else is asked; `states (n, d)`: where
    its certificate is sampled.
    """

    start: Any
    time: float
    states: np.ndarray


class Task(NamedTuple):
    """One job for `run`: learn from a record and say which model to trust.

    What it is:

    - `kind`: a word that tells tasks apart; `title`: the headline of the report.
    - `columns`: the metrics that the table shows; `criterion`: the one to choose by, least is best.
    - `whole`: the record; `step`: the time between two samples; `time_name`: of the time column.
    - `settings`: what makes two runs the same run besides seeds and key, as JSON holds it.
    - `candidates`: by the numbers that are folded into the key of the run for them.

    What it does:

    - `train(candidate, seeds=, key=, checkpoint=, progress=)` gives a `Trained`. `checkpoint` is a
      folder for `fit` to keep its state in, or `None`; `progress` says whether to show bars.
    - `score(trained)` gives metrics by name, each `(seeds,)` and `criterion` among them, and the
      forecast: anything that the functions below read.
    - `references()` gives lines of the table that need no training, such as "nothing moves".
    - `advise(learned, rows)` gives an `Advice`, from the candidates by name and all lines.
    - `memory(chosen)` gives the `Memory` of the chosen `Learned`.
    - `figures(learned, chosen)` gives figures by name; `chosen` is a name too.

    And besides: `is_quick`, whether the budget is so small that the report must warn of it;
    `uses_clock`, whether forecasts depend on the origin of time; `differenced`, whether the
    velocities are differences of measured coordinates.
    """

    kind: str
    title: str
    columns: tuple[str, ...]
    criterion: str
    whole: Trajectories
    step: float
    time_name: str
    settings: dict[str, Any]
    candidates: dict[int, Candidate]
    train: Callable[..., Trained]
    score: Callable[[Trained], tuple[dict[str, np.ndarray], Any]]
    references: Callable[[], list[Row]]
    advise: Callable[[dict[str, Learned], list[Row]], Advice]
    memory: Callable[[Learned], Memory]
    figures: Callable[[dict[str, Learned], str], dict[str, Any]]
    is_quick: bool = False
    uses_clock: bool = False
    differenced: bool = False
