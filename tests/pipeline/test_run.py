"""`run` on a task of one's own: the contract, what is kept for a resumed run, what is written."""

import json

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from records import oscillator

from dynnets.data import Trajectories
from dynnets.models import NeuralODE
from dynnets.pipeline import (
    BASELINE,
    Advice,
    Candidate,
    Memory,
    Row,
    Task,
    Trained,
    certify_saved,
    forecast_saved,
    remembered,
    run,
)
from dynnets.plotting import plot_forecast
from dynnets.training import stack_models, unstack

NAMES = ("first", "second")


def random_models(calls: list[str], still: float = 9.0) -> Task:
    """Linear systems with random weights, judged by where they are after one sample."""
    ts, xs = oscillator(count=8, step=0.25)
    record = Trajectories.from_trials([ts], [xs], names=("a", "b"))

    def train(candidate, *, seeds, key, checkpoint, progress):
        calls.append(candidate.name)
        return Trained(candidate.name, stack_models(candidate.make, jr.split(key, seeds)), 1.5, 6)

    def score(trained):
        paths = eqx.filter_vmap(lambda m: m.predict(jnp.asarray(xs[0]), jnp.asarray(ts)))
        found = np.asarray(paths(trained.models))
        return {"miss": np.abs(found[:, 1] - xs[1]).max(axis=1)}, found

    def advise(learned, rows):
        least = min(rows, key=lambda row: row.median("miss"))
        return Advice(least.name, (f"Take {least.name}.",), {"lines": len(rows)})

    def figures(learned, chosen):
        best = learned[chosen]
        path = best.forecast[best.best]
        return {"path": plot_forecast(ts, xs, {chosen: (ts, path)}, names=("a", "b"))[0]}

    def make(key):
        return NeuralODE(2, 1, 0, key=key)

    return Task(
        kind="random",
        title="Random models",
        columns=("miss",),
        criterion="miss",
        whole=record,
        step=0.25,
        time_name="t",
        settings={"models": list(NAMES)},
        # the numbers belong to the names: leaving one out changes no other
        candidates={3: Candidate(NAMES[0], make, BASELINE, "luck"),
                    5: Candidate(NAMES[1], make, BASELINE, "luck")},
        train=train,
        score=score,
        references=lambda: [Row("still", BASELINE, "rest", {"miss": np.array([still])}, 0.0, 0)],
        advise=advise,
        memory=lambda chosen: Memory(xs[-1], float(ts[-1]), xs[:2]),
        figures=figures,
    )  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    calls, out = [], tmp_path_factory.mktemp("own") / "run"
    return run(random_models(calls), key=jr.key(1), out=out, seeds=2), out, calls


def test_the_least_is_chosen_and_every_candidate_has_its_own_key(done):
    report, _, calls = done
    assert calls == list(NAMES)
    miss = {name: np.median(report[name].metrics["miss"]) for name in NAMES}
    assert report.chosen == min(miss, key=miss.get)
    assert [row.name for row in report.rows] == [*NAMES, "still"]
    best = int(np.argmin(report["second"].metrics["miss"]))
    keys = jr.split(jr.fold_in(jr.key(1), 5), 2)
    expected = unstack(stack_models(lambda key: NeuralODE(2, 1, 0, key=key), keys), best)
    assert eqx.tree_equal(report.models["second"], expected)


def test_the_folder_holds_what_the_task_says(done):
    report, out, _ = done
    numbers = json.loads((out / "report.json").read_text())
    assert numbers["lines"] == 3 and numbers["verdict"] == [f"Take {report.chosen}."]
    assert [path.name for path in (out / "figures").iterdir()] == ["path.png"]
    assert set(json.loads((out / "run.json").read_text())) == {"models", "seeds", "key"}
    known = remembered(out / "model.dynnets")
    assert known["kind"] == "random" and known["candidate"] == report.chosen
    found = forecast_saved(out / "model.dynnets", 2.0)
    assert found.names == ("a", "b") and found.ts[0] == 1.75


def test_a_saved_certificate_is_the_report_s(done):
    """Both are sampled at the states that the task's memory holds."""
    report, out, _ = done
    assert certify_saved(out / "model.dynnets").to_json() == report.certificate.to_json()


def test_finished_candidates_are_not_trained_again(done, tmp_path):
    """Killed while the second candidate trains: the first is taken from its file, bit-equal."""
    report, whole, _ = done
    calls, out = [], tmp_path / "run"
    task = random_models(calls)

    def killed(candidate, **how):
        if candidate.name == NAMES[1]:
            raise KeyboardInterrupt
        return task.train(candidate, **how)

    with pytest.raises(KeyboardInterrupt):
        run(task._replace(train=killed), key=jr.key(1), out=out, seeds=2)
    assert not (out / "report.json").exists()
    again = run(task, key=jr.key(1), out=out, seeds=2, resume=True)
    assert calls == list(NAMES)
    assert (out / "report.json").read_text() == (whole / "report.json").read_text()
    assert (out / "model.dynnets").read_bytes() == (whole / "model.dynnets").read_bytes()
    assert eqx.tree_equal(again.models["first"], report.models["first"])


def test_a_model_is_chosen_even_where_a_reference_wins():
    report = run(random_models([], still=0.0), key=jr.key(1), seeds=1)
    assert report.verdict == ("Take still.",) and report.chosen in NAMES


def test_a_run_needs_a_seed():
    with pytest.raises(ValueError, match="seeds"):
        run(random_models([]), key=jr.key(0), seeds=0)
