"""`learn` from a record to files; a killed run goes on bit-equal; nothing is overwritten."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.random as jr
import numpy as np
import pytest
from records import oscillator, write_csv

from dynnets.data import Trajectories
from dynnets.pipeline import (
    Budget,
    SavedForecast,
    certify_saved,
    forecast_saved,
    learn,
    load_learned,
    prepare,
    table_task,
)

TINY = Budget(derivative_steps=60, window_steps=10, window=6, batch=8, width=8, most=16)
MODELS = ("port-Hamiltonian", "linear ODE")


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("record") / "oscillator.csv"
    write_csv(path, *oscillator(), "t [s],angle [rad],velocity [rad/s]")
    return path


@pytest.fixture(scope="module")
def run(csv, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    report = learn(csv, out=out, key=jr.key(0), seeds=2, budget=TINY, models=MODELS)
    return report, out


def test_the_report_says_which_model_to_trust_and_why(run):
    report, _ = run
    assert [row.name for row in report.rows] == [*MODELS, "persistence"]
    assert report.chosen in MODELS
    text = str(report)
    assert "Trust" in text and "error 100%" in text and "energy drift" in text
    assert report[report.chosen].metrics["validation"].shape == (2,)
    assert all(np.isfinite(row.metrics["error 100%"]).all() for row in report.rows)
    with pytest.raises(ValueError, match="no model 'HNN'"):
        report["HNN"]


def test_a_model_without_structure_is_named_with_its_alternative(csv, tmp_path):
    """Briefly trained, the linear ODE wins, and the words say what structure would cost."""
    models = ("HNN", "linear ODE")
    report = learn(csv, out=tmp_path / "run", key=jr.key(0), seeds=1, budget=TINY, models=models)
    assert report.chosen == "linear ODE"
    hnn, linear = (float(report[name].metrics["validation"][0]) for name in models)
    assert 1 < hnn / linear < 3
    text = " ".join(report.verdict)
    assert f"take HNN, whose validation error is {hnn / linear:.2g} times as large" in text
    assert "No structured model comes near" not in text and "quick run" not in text


def test_files_are_written_and_agree_with_the_report(run):
    report, out = run
    numbers = json.loads((out / "report.json").read_text())
    assert numbers["chosen"] == report.chosen
    assert json.loads((out / "certificate.json").read_text())["holds"] is True
    figures = {path.stem for path in (out / "figures").glob("*.png")}
    assert figures == {"forecast", "phase_portrait", "energy", "error"}
    assert {p.stem for p in (out / "models").glob("*.dynnets")} == {
        "port-hamiltonian",
        "linear-ode",
    }


def test_the_saved_model_forecasts_by_itself(run):
    report, out = run
    found = forecast_saved(out / "model.dynnets", 20.0)
    ts, xs = oscillator()
    assert found.names == ("angle [rad]", "velocity [rad/s]")
    assert found.time_name == "t [s]"
    assert found.ts[0] == ts[-1] and found.ts[-1] == 20.0
    np.testing.assert_allclose(found.xs[0], xs[-1], rtol=1e-12)
    model, _ = load_learned(out / "model.dynnets")
    np.testing.assert_array_equal(
        model.field(0.0, report.model.units.centre), report.model.field(0.0, model.units.centre)
    )
    assert certify_saved(out / "model.dynnets").holds


def test_a_forecast_starts_where_it_is_told(run, csv, tmp_path):
    _, out = run
    path = out / "model.dynnets"
    started = forecast_saved(path, 3.0, initial=(0.5, 0.0), start=1.0, interval=0.5)
    np.testing.assert_allclose(started.ts, [1.0, 1.5, 2.0, 2.5, 3.0])
    np.testing.assert_allclose(started.xs[0], [0.5, 0.0])
    np.testing.assert_array_equal(
        forecast_saved(path, 20.0, table=csv).xs, forecast_saved(path, 20.0).xs
    )
    started.save(tmp_path / "f.csv")
    with pytest.raises(ValueError, match="exists already"):
        started.save(tmp_path / "f.csv")
    for bad, message in (
        ({"to": 1.0}, "must end later"),
        ({"to": 20.0, "initial": (1.0,)}, "2 finite components"),
        ({"to": 20.0, "interval": 0.0}, "interval must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            forecast_saved(path, **bad)


def test_a_table_of_a_forecast_has_the_digits_that_its_numbers_have():
    ts, xs = np.linspace(29.9, 30.9, 11), np.full((11, 1), 0.1, np.float32)
    file = io.StringIO()
    SavedForecast(ts, xs, ("x",), "t").write(file)
    lines = file.getvalue().splitlines()
    assert lines[0] == "t,x"
    assert lines[1:] == [f"{29.9 + 0.1 * i:.1f},0.1" for i in range(11)]
    file = io.StringIO()
    SavedForecast(np.array([1763868000.123, 2451545.1234567]), xs[:2], ("x",), "t").write(file)
    assert file.getvalue() == "t,x\n1763868000.123,0.1\n2451545.1234567,0.1\n"


def test_the_time_of_a_single_precision_record_is_the_one_of_its_file(tmp_path):
    ts = 0.1 * np.arange(300)
    options = {"key": jr.key(0), "seeds": 1, "budget": TINY, "models": ["linear ODE"]}
    table, driven = tmp_path / "single.csv", tmp_path / "driven.csv"
    table.write_text("\n".join(["t,x", *(f"{t:.1f},{np.cos(t):.5f}" for t in ts)]))
    driven.write_text(
        "\n".join(["t,x,force", *(f"{t:.1f},{np.cos(t):.5f},{np.sin(2 * t):.5f}" for t in ts)])
    )
    with jax.enable_x64(False):
        learn(table, out=tmp_path / "free", **options)
        free = tmp_path / "free" / "model.dynnets"
        assert load_learned(free)[1]["time"] == 29.9
        assert forecast_saved(free, 31.0, table=table).ts[0] == 29.9
        learn(driven, out=tmp_path / "forced", **options, inputs="force")
        forced = forecast_saved(tmp_path / "forced" / "model.dynnets", 29.9, table=driven)
        np.testing.assert_array_equal(forced.ts, [float(f"{t:.1f}") for t in ts])


def test_nothing_of_another_run_is_overwritten(run, csv, tmp_path):
    _, out = run
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    options = {"key": jr.key(0), "seeds": 2, "budget": TINY, "models": MODELS}
    with pytest.raises(ValueError, match="finished run of these settings"):
        learn(csv, out=out, **options)
    with pytest.raises(ValueError, match="another run \\(other key\\)"):
        learn(csv, out=out, resume=True, **(options | {"key": jr.key(1)}))
    foreign = tmp_path / "thesis"
    foreign.mkdir()
    (foreign / "chapter.txt").write_text("words")
    with pytest.raises(ValueError, match="not empty and holds no run"):
        learn(csv, out=foreign, overwrite=True, **options)
    assert (foreign / "chapter.txt").read_text() == "words"
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}


SCRIPT = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
import jax.random as jr
from dynnets.pipeline import Budget, learn
learn(sys.argv[1], out=sys.argv[2], key=jr.key(0), seeds=2, models=["linear ODE"],
      budget=Budget(60, 10, 6, 8, 8, 16), resume=True)
"""


def test_a_killed_run_goes_on_bit_equal(csv, tmp_path):
    """Killed after the first checkpoint, by a signal that no program can catch."""
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", SCRIPT, str(csv)]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen([*command, str(killed)], env=environment)
    folder = killed / "checkpoints" / "linear-ode" / "derivatives"
    end = time.monotonic() + 240
    while not any(p.name.isdigit() for p in folder.glob("*")) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "report.json").exists()
    for out in (killed, whole):
        subprocess.run([*command, str(out)], env=environment, check=True, timeout=280)
    assert (killed / "model.dynnets").read_bytes() == (whole / "model.dynnets").read_bytes()
    first, second = (json.loads((out / "report.json").read_text()) for out in (killed, whole))
    for report in (first, second):
        for row in report["models"]:
            row.pop("seconds")
    assert first == second


def trajectories(phase: str, names, columns, inputs=None):
    ts, xs = oscillator(count=40)
    return Trajectories.from_trials(
        [ts], [np.asarray(xs)[:, columns]], inputs and [inputs(ts)], names=names, phase=phase
    )


def names_of(task) -> list[str]:
    return [candidate.name for candidate in task.candidates.values()]


def test_candidates_suit_the_columns():
    alone = table_task(trajectories("coordinates only", ("q",), [0]))
    assert alone.differenced and alone.whole.phase == "velocities"
    assert names_of(alone) == [
        "separable Hamiltonian",
        "HNN",
        "port-Hamiltonian",
        "neural ODE",
        "linear ODE",
    ]
    forced = table_task(trajectories("momenta", ("q", "p"), [0, 1], lambda t: np.sin(t)[:, None]))
    assert names_of(forced) == ["port-Hamiltonian", "neural ODE", "linear ODE"]
    unknown = table_task(trajectories("state", ("a", "b"), [0, 1]))
    assert names_of(unknown) == ["neural ODE", "linear ODE"]
    two = table_task(trajectories("velocities", ("q", "r", "v", "w"), [0, 1, 1, 0]))
    assert "mechanical port-Hamiltonian" in names_of(two)


def test_inputs_and_trials_of_unequal_length(tmp_path):
    """A driven record: the saved model forecasts from a table that holds the inputs."""
    lines = ["trial,t,x,force"]
    for trial, count in ((1, 50), (2, 40)):
        ts, xs = oscillator(count=count)
        lines += [
            f"{trial},{t:.3f},{x:.6f},{np.sin(0.7 * t + trial):.6f}"
            for t, x in zip(ts, xs[:, 0], strict=True)
        ]
    table, out = tmp_path / "driven.csv", tmp_path / "run"
    table.write_text("\n".join(lines))
    report = learn(table, out=out, key=jr.key(0), seeds=1, budget=TINY, models=["port-Hamiltonian"])
    assert np.isfinite(report["port-Hamiltonian"].metrics["error 100%"]).all()
    found = forecast_saved(out / "model.dynnets", 5.0, table=table)
    assert found.names == ("x", "dx") and found.ts[-1] <= 5.0 and len(found.ts) == 26
    with pytest.raises(ValueError, match="needs the inputs force"):
        forecast_saved(out / "model.dynnets", 5.0)
    with pytest.raises(ValueError, match="up to time"):
        forecast_saved(out / "model.dynnets", 50.0, table=table)


def test_units_keep_what_the_columns_mean():
    """With velocities `q' = v` in the units of training too; with momenta every pair one area."""
    record = prepare(trajectories("velocities", ("q", "v"), [0, 1]))
    scale, unit = np.asarray(record.units.scale), float(record.units.time)
    np.testing.assert_allclose(scale[0] / scale[1], unit)
    record = prepare(trajectories("momenta", ("q", "r", "p", "s"), [0, 1, 1, 0]))
    scale = np.asarray(record.units.scale)
    np.testing.assert_allclose(scale[0] * scale[2], scale[1] * scale[3])
    assert (np.asarray(record.units.centre)[2:] == 0).all()


def test_records_that_cannot_be_learned_are_refused():
    ts, xs = oscillator(count=40)
    short = Trajectories.from_trials([ts[:12]], [xs[:12]], phase="momenta")
    with pytest.raises(ValueError, match="12 samples; at least 20"):
        prepare(short)
    still = Trajectories.from_trials([ts], [xs * [1.0, 0.0]], phase="momenta", names=("q", "p"))
    with pytest.raises(ValueError, match="'p' never changes"):
        prepare(still)
    with pytest.raises(ValueError, match="sum to 1"):
        prepare(Trajectories.from_trials([ts], [xs]), (0.5, 0.2, 0.2))
    with pytest.raises(ValueError, match="models must be one of"):
        learn(Trajectories.from_trials([ts], [xs]), key=jr.key(0), models=["HNN"])
