"""The command line: the three commands work; bad input ends in one line and the status 2."""

import csv
import subprocess
import sys

import pytest
from records import oscillator, write_csv

from dynnets.cli import main

HEADER = "t [s],angle [rad],velocity [rad/s]"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "oscillator.csv"
    write_csv(path, *oscillator(), HEADER)
    return path


@pytest.fixture(scope="module")
def folder(table):
    out = table.parent / "run"
    options = ["--quick", "--seeds", "1", "--precision", "double", "--models", "linear ODE"]
    assert main(["learn", str(table), "--out", str(out), *options]) == 0
    return out


def fails(capsys, *arguments) -> str:
    """Run a command that must fail, and return the one line that it leaves on standard error."""
    assert main([str(a) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dynnets: error: ") and error.count("\n") == 1
    assert "Traceback" not in error
    return error


def test_learn_forecast_certify(folder, capsys, tmp_path):
    assert (folder / "report.json").exists()
    model, out = str(folder / "model.dynnets"), tmp_path / "forecast.csv"
    assert main(["forecast", model, "--to", "20", "--out", str(out)]) == 0
    with open(out, newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == HEADER.split(",")
    assert float(rows[-1][0]) == 20.0 and len(rows) > 20
    assert main(["forecast", model, "--to", "3", "--initial", "-0.5", "0.1"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "0.0,-0.5,0.1"
    assert main(["forecast", model, "--to", "20", "--out", str(tmp_path / "f.png")]) == 0
    assert main(["certify", model, "--json", str(tmp_path / "c.json")]) == 0
    assert "Certificate of" in capsys.readouterr().out


def test_a_model_with_inputs_says_that_its_forecast_needs_them(capsys, tmp_path):
    path, out = tmp_path / "driven.csv", tmp_path / "run"
    ts, xs = oscillator()
    lines = [f"{t},{x[0]},{x[1]}" for t, x in zip(ts, xs, strict=True)]
    path.write_text("\n".join(["t,x,force", *lines]))
    options = ["--quick", "--seeds", "1", "--precision", "double", "--models", "linear ODE"]
    assert main(["learn", str(path), "--out", str(out), *options]) == 0
    text = capsys.readouterr().out
    assert text.count("A quick run:") == 1
    assert "No model with structure was among those to train" in text
    hint = text.splitlines()[-1].split()
    assert hint[:2] == ["dynnets", "forecast"] and "--from-file" in hint
    given = {"TIME": str(ts[-1]), "INPUTS.csv": str(path), "forecast.csv": str(tmp_path / "f.csv")}
    assert main([given.get(word, word) for word in hint[1:]]) == 0
    with open(tmp_path / "f.csv", newline="") as file:
        assert len(list(csv.reader(file))) == len(ts) + 1


def test_nothing_is_overwritten(folder, table, capsys, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    model = folder / "model.dynnets"
    assert "exists already" in fails(capsys, "forecast", model, "--to", "20", "--out", kept)
    assert "exists already" in fails(capsys, "certify", model, "--json", kept)
    assert kept.read_text() == "mine"
    options = ("--quick", "--precision", "double", "--seeds", "1", "--models", "linear ODE")
    assert str(folder) in fails(capsys, "learn", table, "--out", folder, *options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (HEADER + "\n", "no data"),
        (HEADER + "\n0,1,2\n1,nan,2\n", "row 2"),
        (HEADER + "\n0,1,2\n1,x,2\n", "row 2"),
        (HEADER + "\n0,1,2\n-1,1,2\n", "decreases"),
        (HEADER + "\n0,1,2\n1,1\n", "line 3"),
        (HEADER + "\n0,1,2\n", "at least two samples"),
        (HEADER + "\n0,1,2\n1,2,3\n2,1,0\n", "at least 20"),
        ("a,b,c\n0,1,2\n1,2,3\n", "no column is named like"),
    ],
)
def test_bad_tables(text, message, capsys, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    error = fails(capsys, "learn", path, "--out", tmp_path / "out", "--precision", "double")
    assert message in error and "bad.csv" in error
    assert not (tmp_path / "out").exists()


def test_bad_arguments(table, folder, capsys, tmp_path):
    out = ("--out", tmp_path / "out", "--precision", "double")
    assert "no such file" in fails(capsys, "learn", tmp_path / "none.csv", *out)
    assert "did you mean" in fails(capsys, "learn", table, "--time", "t [m]", *out)
    assert "models must be one of" in fails(capsys, "learn", table, "--models", "HMM", *out)
    assert "seeds" in fails(capsys, "learn", table, "--seeds", "0", *out)
    model = folder / "model.dynnets"
    assert "--to TIME" in fails(capsys, "forecast", model)
    assert "must end later" in fails(capsys, "forecast", model, "--to", "0")
    assert "2 finite components" in fails(capsys, "forecast", model, "--to", "9", "--initial", "1")
    with pytest.raises(SystemExit) as stopped:
        main(["learn", str(table), "--sedes", "3"])
    assert stopped.value.code == 2


def test_foreign_and_truncated_models(folder, table, capsys, tmp_path):
    assert "not a model" in fails(capsys, "forecast", table, "--to", "9")
    content = (folder / "model.dynnets").read_bytes()
    cut = tmp_path / "cut.dynnets"
    cut.write_bytes(content[:-40])
    assert "truncated" in fails(capsys, "certify", cut)
    cut.write_bytes(content[:60])
    assert "truncated" in fails(capsys, "forecast", cut, "--to", "9")
    assert "none.dynnets" in fails(capsys, "certify", tmp_path / "none.dynnets")


def test_the_command_is_installed_and_ends_without_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dynnets.cli", "learn", "none.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert done.stderr == "dynnets: error: none.csv: no such file\n"
    assert not list(tmp_path.iterdir())
