"""The leaderboard: finished cells are kept and read again, columns are the learners."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.harness import Row, Settings, tables
from benchmarks.leaderboard import figures as drawing, run as mechanics
from benchmarks.leaderboard.figures import figures
from benchmarks.leaderboard.learner import MEASURES, Budget, Learner, Training, cell, learners
from benchmarks.leaderboard.tasks import WINDOW, simulated
from dynnets.integrators import verlet_kdk
from dynnets.models import FieldModel
from dynnets.systems import Pendulum

BUDGET = Budget(3, 20)


@pytest.fixture(scope="module")
def task():
    return simulated("pendulum", 0.01, Settings("toy", (0, 1), fast=True))


@pytest.fixture
def oracle(task):
    """A learner that knows the answer up to units: the true pendulum under Verlet."""
    calls = []

    def train(task, keys, budget):
        calls.append(budget)
        model = FieldModel(Pendulum().field, verlet_kdk)
        stack = jax.tree.map(lambda a: jnp.full(len(keys), a) if isinstance(a, float) else a, model)
        return Training(stack, 1.0)

    return Learner("oracle", train), calls


def test_tasks_are_of_order_one_and_equally_spaced(task):
    xs = np.asarray(task.train.xs)
    assert xs.shape[1] == WINDOW + 1
    np.testing.assert_allclose(np.sqrt(np.mean(xs**2, axis=(0, 1))), 1, atol=0.05)
    steps = np.diff(np.asarray(task.ts))
    np.testing.assert_allclose(steps, task.interval, rtol=1e-6)
    assert task.label == "pendulum (noisy)"


def test_a_cell_has_every_measure_and_is_not_computed_twice(task, oracle, tmp_path):
    learner, calls = oracle
    keys = jax.random.split(jax.random.key(0), 2)
    settings = Settings("toy", (0, 1), store=tmp_path)
    first = cell(settings, task, learner, keys, BUDGET)
    assert set(first) == set(MEASURES)
    assert len(first["error at 1x"]) == 2
    assert max(first["symplecticity defect"]) < 1e-12
    again = cell(settings, task, learner, keys, BUDGET)
    assert json.dumps(again) == json.dumps(first) and len(calls) == 1
    cell(settings, task, learner, keys, Budget(4, 20))
    assert len(calls) == 2


def test_every_file_of_the_folder_is_a_learner():
    names = [learner.name for learner in learners()]
    assert len(names) == len(set(names)) >= 10
    assert {"HNN", "SRNN", "NSSNN"} <= set(names)


def test_rows_compare_learners_by_columns(monkeypatch, task, oracle, tmp_path):
    learner, _ = oracle
    refused = Learner("refused", learner.train, lambda task: "it has no bodies")
    monkeypatch.setattr(mechanics, "learners", lambda: [learner, refused])
    monkeypatch.setattr(mechanics, "tasks", lambda *_: [task])
    settings = Settings("toy", (0, 1), store=tmp_path, fast=True)
    found = mechanics.run(settings)
    assert any("it has no bodies" in note for note in found.notes)
    listed = [row for row in found.rows if row.listed]
    shown = ["energy drift", "valid time"]  # the task is shorter than ten horizons
    assert [row.metric for row in listed[:2]] == [f"pendulum (noisy): {name}" for name in shown]
    assert all(set(row.baselines) == {"oracle"} for row in found.rows)
    again = Settings("toy", (0, 1), store=tmp_path, fast=True)
    assert repr(mechanics.run(again).rows) == repr(found.rows)
    assert again.origin() == [
        "1 of 1 parts were finished by earlier runs; compilation and memory are of this run"
    ]


def test_columns_without_numbers_are_left_out():
    rows = [{"metric": "a", "ours": [], "baselines": {"x": [1.0]}, "unit": "", "bar": ""}]
    record = {"rows": [row | {"holds": None} for row in rows]}
    assert tables.table(record) == [["metric", "x"], ["a", "1.00"]]
    with pytest.raises(ValueError, match="no number"):
        Row("a", ())


def test_figures_have_a_panel_per_task_that_has_numbers(tmp_path):
    cells = {name: {m: [0.5, 0.7] for m in MEASURES} for name in ("a", "b")}
    short = {name: {**measures, "error at 100x": []} for name, measures in cells.items()}
    settings = Settings("toy", (0,), figures=tmp_path)
    figures(settings, {"pendulum (clean)": cells, "pendulum (measured)": short})
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["toy-cost.png", "toy-energy.png", "toy-errors.png"]


def test_a_learner_has_one_colour_in_every_panel(tmp_path, monkeypatch):
    """Also where another one, asked elsewhere only, comes before it."""
    panels = []
    monkeypatch.setattr(drawing, "plot_scaling", lambda c, **_: panels.append(list(c)))
    measures = {m: [0.5] for m in MEASURES}
    found = {
        "pendulum (clean)": {"b": measures},
        "4 vortices (clean)": {"a": measures, "b": measures},
    }
    figures(Settings("toy", (0,), figures=tmp_path), found)
    assert len(panels) == 6 and all(names == panels[0] for names in panels)
    assert sorted(panels[0]) == ["a", "b"]
