"""The capability table: what learners are said to do holds by construction, on random weights.

What takes training is checked by `python -m benchmarks run capabilities`, whose stored record is
the table of README; here, that the record says what is declared.
"""

import json

import jax.random as jr
import pytest

from benchmarks.capabilities import table
from benchmarks.harness import tables

learners = pytest.mark.parametrize("learner", table.LEARNERS, ids=lambda learner: learner.name)


@learners
def test_what_holds_by_construction(learner):
    for capability, (value, holds) in table.by_construction(learner).items():
        assert holds, f"{learner.name}, {capability}: {value}"


def test_the_checks_can_fail():
    """A separable model mixes nothing, a Runge-Kutta model keeps no form."""
    by_name = {learner.name: learner for learner in table.LEARNERS}
    value, mixed = table.mixes(by_name["SRNN"].make(jr.key(0)))
    assert value == 0 and not mixed
    value, kept = table.keeps_form(by_name["neural ODE"].make(jr.key(0)))
    assert value > 1e-6 and not kept


def test_the_stored_table_is_what_is_declared():
    record = tables.load("capabilities")
    header, *rows = record["matrix"]
    assert header[1:] == [learner.name for learner in table.LEARNERS]
    for name, *words in rows:
        declared = [learner.declared(name) for learner in table.LEARNERS]
        assert words == ["" if word == table.NO else word for word in declared]
    assert record["holds"], json.dumps([row for row in record["rows"] if row["holds"] is False])
