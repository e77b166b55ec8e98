"""What each learner of mechanics can do: every yes of the table is a check that has passed.

After the table of Xiong et al., Nonseparable Symplectic Neural Networks, ICLR 2021, for the
learners of this library. An empty cell is what a learner does not promise; that a learner which
cannot represent an energy does not learn it is checked too.
"""

from benchmarks.capabilities.table import (
    CAPABILITIES,
    LEARNERS,
    NO,
    NONSEPARABLE,
    SEPARABLE,
    by_construction,
    by_learning,
)
from benchmarks.harness import Result, Row, Settings

NAME = "capabilities"
X64 = True
SEEDS = 3


def run(settings: Settings) -> Result:
    """All checks of all learners, the fits once a seed."""
    rows, lines = [], [["", *[learner.name for learner in LEARNERS]]]
    cells = {}
    steps = settings.scaled(1500, fast=20)
    for learner in LEARNERS:
        with settings.clock(learner.name):
            fixed = by_construction(learner)
            fits = by_learning(learner, settings.seeds, steps=steps)
        for capability in CAPABILITIES:
            checks = {
                "trained": fits.get(capability, []),
                "by construction": [fixed[capability]] if capability in fixed else [],
            }
            cells[learner.name, capability] = _cell(learner, capability, checks, rows)
    for capability in CAPABILITIES:
        lines.append([capability, *[cells[learner.name, capability] for learner in LEARNERS]])
    reasons = [
        f"{learner.name}: {capability} partly: {reason}"
        for learner in LEARNERS
        for capability, reason in learner.half.items()
    ]
    return Result(rows, reasons, lines)


def _cell(learner, capability, checks, rows) -> str:
    """The word of the table, and the rows behind it."""
    word = learner.declared(capability)
    verdicts = []
    for kind, found in checks.items():
        values = [value for value, _ in found]
        metric = f"{learner.name}: {capability}, {kind}"
        if word != NO and found:
            verdicts.append(all(good for _, good in found))
            rows.append(Row(metric, values, bar=word, holds=verdicts[-1]))
        elif found and capability in (NONSEPARABLE, SEPARABLE):  # out of reach, not just unsaid
            rows.append(Row(metric, values, bar="cannot: > .05", holds=min(values) > 0.05))
    if word == NO:
        return ""
    return word if verdicts and all(verdicts) else "NOT MET"
