"""Which model to trust, and why, in words."""

from collections.abc import Callable

import numpy as np

from .._energies import energies_along
from .._report import Row, number
from .._task import BASELINE, CONSERVATIVE, DAMPED, Advice, Learned
from ._record import Record
from ._scores import SCORE, THRESHOLD, energy_scale

# Validation errors within this factor of the least one do not tell models apart.
TIE = 1.15
# A change of the learned energy along the record by less than this is not called damping.
NOTICEABLE = 0.05
# A structured model whose error is less than this factor above the least one is an alternative.
NEAR = 3.0
_FOOTNOTE = (
    "Errors: RMS in units of the spread of each column, over that share of the held-out end; "
    "drifts: over the energy of the motion; median [range] over seeds; * recommended."
)


def energy_change(record: Record, energy: Callable) -> float:
    """Change of an energy along the measured record, first to last eighth, median over trials.

    Relative to the energy of the motion in the first eighth; -0.6 says that 60 % were lost.
    """
    changes = []
    for trial in record.whole:
        values = energies_along(energy, trial)[1]
        k = max(1, len(values) // 8)
        size = float(energy_scale(energy, trial.xs[:k], record.units.centre))
        changes.append((values[-k:].mean() - values[:k].mean()) / (size or 1.0))
    return float(np.median(changes))


def advise(record: Record, learned: dict[str, Learned], rows: list[Row]) -> Advice:
    """Choose by the validation error; among equals prefer structure that the record confirms.

    **Arguments:** `learned`: the trained candidates by name; `rows`: their lines of the table and
    those of the references.
    """
    tested = [row for row in rows if SCORE in row.metrics]
    least = min(row.median(SCORE) for row in tested)
    equal = [row for row in tested if row.median(SCORE) <= TIE * least]
    damped = next((row for row in tested if row.kind == DAMPED), None)
    change = None if damped is None else energy_change(record, learned[damped.name].model.energy)
    has_input = record.whole.input_dim > 0
    loses = change is not None and not has_input and change < -NOTICEABLE
    order = [CONSERVATIVE, DAMPED, BASELINE]
    if loses:
        order = [DAMPED, BASELINE, CONSERVATIVE]
    chosen = min(equal, key=lambda row: (order.index(row.kind), row.median(SCORE)))
    verdict = [_choice(chosen, tested, least)]
    verdict += _about_energy(tested, damped, change, has_input)
    verdict += _about_structure(record, chosen, tested)
    verdict += _about_horizon(record, chosen)
    details = {
        "source": record.whole.source,
        "names": record.whole.names,
        "phase": record.whole.phase,
        "parts": _parts(record),
        "energy_change_along_record": change,
    }
    return Advice(chosen.name, (*verdict, _FOOTNOTE), details)


def _parts(record: Record) -> dict[str, list[float]]:
    """Begin and end of the three parts of the first trial."""
    parts = {"train": record.train, "validation": record.validation, "held out": record.held_out}
    trials = {name: next(iter(part)) for name, part in parts.items()}
    return {name: [float(t.ts[0]), float(t.ts[-1])] for name, t in trials.items()}


def _choice(chosen: Row, tested: list[Row], least: float) -> str:
    error = chosen.median(SCORE)
    text = f"Trust {chosen.name} (it assumes: {chosen.assumes}): validation error {number(error)}"
    others = sorted((row.median(SCORE), row.name) for row in tested if row is not chosen)
    if others and error > least:
        return text + f", not told apart from the least, {number(least)} of {others[0][1]}."
    return text + (f", next {number(others[0][0])} of {others[0][1]}." if others else ".")


def _about_energy(tested, damped, change, has_input) -> list[str]:
    if damped is None or has_input:
        return []
    kept = [row for row in tested if row.kind == CONSERVATIVE]
    if not kept:
        return []
    names = " and ".join(row.name for row in kept)
    if change < -NOTICEABLE:
        ratio = min(row.median("error 100%") for row in kept) / damped.median("error 100%")
        lost = (
            f"Along the measured record the energy learned by {damped.name} falls by "
            f"{-change:.0%}: the motion is damped"
        )
        compared = f"on the held-out end their error is {number(ratio)} times that of {damped.name}"
        if ratio > 1.0:
            return [f"{lost}, and conservative models ({names}) are wrong here; {compared}."]
        return [
            f"{lost}. Conservative models ({names}) leave that out, which costs nothing as far "
            f"as the record goes ({compared}) and ever more beyond it."
        ]
    if change > NOTICEABLE:
        return [
            f"Along the measured record the learned energy rises by {change:.0%}, which neither "
            "friction nor conservation explains: an input is missing, or this is no phase space."
        ]
    return [
        f"Along the measured record the learned energy changes by {change:+.1%} only: a "
        f"conservative model ({names}) suits it and cannot drift in energy."
    ]


def _about_structure(record: Record, chosen: Row, tested: list[Row]) -> list[str]:
    if chosen.kind != BASELINE:
        return []
    if not record.is_phase_space:
        return ["The state is no phase space (q, p), so that only models without structure apply."]
    if all(row.kind == BASELINE for row in tested):
        return ["No model with structure was among those to train."]
    least, name = min((row.median(SCORE), row.name) for row in tested if row.kind != BASELINE)
    ratio = least / chosen.median(SCORE)
    beyond = "Nothing bounds the forecast of a model without structure beyond the record"
    if ratio < NEAR:
        return [
            f"{beyond}: where that counts, take {name}, whose validation error is "
            f"{number(ratio)} times as large."
        ]
    return [
        f"No structured model comes near (the best, {name}, errs {number(ratio)} times as much): "
        "what they assume does not hold for these columns, or they were trained too little. "
        f"{beyond}."
    ]


def _about_horizon(record: Record, chosen: Row) -> list[str]:
    trial = next(iter(record.held_out))
    span = float(trial.ts[-1] - trial.ts[0])
    valid = chosen.median("valid time")
    text = f"Its forecast of the held-out end ({number(span)} units of time) is valid "
    if valid >= 0.99 * span:
        return [text + f"throughout (error below {THRESHOLD:.0%} of the spread)."]
    return [text + f"for {number(valid)} of them (error below {THRESHOLD:.0%} of the spread)."]
