"""The benchmark harness: bars decide, and README says what the stored records say."""

import json
import math
import sys
import types

import pytest

from benchmarks import __main__ as command
from benchmarks.harness import (
    MissingData,
    Result,
    Row,
    Settings,
    at_least,
    at_most,
    experiment,
    median,
    registry,
    tables,
)

EARLIER = "1 of 1 parts were finished by earlier runs"


@pytest.fixture
def toy(monkeypatch):
    """A benchmark called `toy` whose result the test chooses."""
    module = types.ModuleType("toy_benchmark")
    entry = registry.Entry("toy", module.__name__, "A toy experiment.", x64=True, seeds=2)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(registry, "entries", lambda: {"toy": entry})
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    return module


def _main(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
    return command.main()


def test_readme_tables_are_those_of_the_stored_records():
    text = tables.README.read_text(encoding="utf-8")
    assert tables.regenerate(text) == text


def test_stored_records_belong_to_a_benchmark_and_were_no_smoke_test():
    known = registry.entries()
    for path in tables.RESULTS.glob("*.json"):
        assert tables.load(path.stem)["name"] == path.stem
        assert path.stem in known


def test_every_benchmark_is_described():
    entries = registry.entries()
    assert {"speed", "hnn"} <= set(entries)
    for entry in entries.values():
        assert entry.summary
        assert entry.seeds >= 3


def test_bars_are_kept_by_the_median_and_never_by_what_is_not_finite():
    assert at_most("a", [1.0, 2.0, 9.0], 2.0).holds
    assert not at_most("a", [1.0, 3.0], 1.5).holds
    assert not at_most("a", [0.0, math.nan, 0.0], 1.0).holds
    assert not at_most("a", [math.inf, math.inf, 0.0], 1.0).holds
    assert at_least("a", [3.0, 4.0], 3.0).holds
    assert not at_least("a", [math.inf, math.inf], 3.0).holds
    assert math.isnan(median([1.0, math.nan]))
    assert Result([Row("a", 1.0)]).holds
    assert not Result([Row("a", 1.0), at_most("b", 2.0, 1.0)]).holds


def test_a_part_is_made_once_and_remembered_with_its_clocks(tmp_path, capsys, monkeypatch):
    calls = []

    def run(fast=False, steps=(5, 7)):
        settings = Settings("toy", (0, 1), store=tmp_path, fast=fast)

        def measure():
            calls.append(steps)
            with settings.clock("all"):
                return {"error": [0.1, math.inf]}

        return settings, settings.part("pendulum: a/b", {"steps": steps}, measure)

    first, value = run()
    assert "toy: pendulum: a/b" in capsys.readouterr().err
    assert first.origin() == []
    again, kept = run()
    assert (kept, again.clocks, len(calls)) == (value, first.clocks, 1)
    assert (first.earlier, again.earlier) == (0, first.parts[0][1]) and again.earlier > 0
    assert again.origin() == [f"{EARLIER}; compilation and memory are of this run"]
    monkeypatch.setattr(experiment, "code_digest", lambda: "later")
    assert run()[0].origin() == [
        f"{EARLIER}, 1 of them by other code; compilation and memory are of this run"
    ]
    run(steps=(5, 8))
    run(fast=True)
    assert len(calls) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["pendulum-a-b.json"]


def test_a_bar_needs_a_verdict_and_a_row_a_number():
    with pytest.raises(ValueError, match="holds=None"):
        Row("a", 1.0, bar="<= 2")
    with pytest.raises(ValueError, match="no number"):
        Row("a", ())


@pytest.mark.parametrize(("limit", "status"), [(2.0, 0), (0.5, 1)])
def test_run_writes_the_record_and_exits_by_the_bars(
    toy, monkeypatch, tmp_path, capsys, limit, status
):
    def run(settings):
        with settings.clock("all"):
            rows = [at_most("error", [1.0] * len(settings.seeds), limit, {"MLP": 2.0}, unit="rad")]
        return Result(rows, ("a remark",))

    toy.run = run
    out = tmp_path / "deep" / "toy.json"
    assert _main(monkeypatch, "run", "toy", "--json", out) == status
    record = json.loads(out.read_text())
    assert record["holds"] is (status == 0)
    assert record["seeds"] == 2 and record["rows"][0]["baselines"] == {"MLP": [2.0]}
    assert record["versions"]["jax"] and record["device"] and record["peak_memory_mib"] > 0
    printed = capsys.readouterr().out
    assert "error (rad)" in printed and "a remark" in printed


def test_absent_data_and_unknown_names_are_told_without_a_traceback(toy, monkeypatch, capsys):
    monkeypatch.delenv("DYNNETS_DATA", raising=False)
    toy.run = lambda settings: settings.data_file("record.npz")
    assert _main(monkeypatch, "run", "toy") == command.ABSENT
    assert "DYNNETS_DATA" in capsys.readouterr().err
    assert _main(monkeypatch, "run", "toys") == command.USAGE
    assert "there are: toy" in capsys.readouterr().err
    assert _main(monkeypatch, "run", "toy", "--seeds", "0") == command.USAGE


def test_a_data_file_is_looked_for_by_name(tmp_path):
    settings = Settings("toy", (0,), data=tmp_path)
    with pytest.raises(MissingData, match="record.npz"):
        settings.data_file("record.npz")
    (tmp_path / "record.npz").touch()
    assert settings.data_file("record.npz").is_file()


def test_tables_are_regenerated_between_their_markers_only(tmp_path):
    record = {
        "name": "toy", "fast": False, "seeds": 3, "seconds": 12.0, "processor": "CPU x 2",
        "precision": "float64", "date": "2026-01-02 03:04 UTC", "versions": {"jax": "1.0"},
        "rows": [
            {"metric": "error", "ours": [1e-5, 2e-5, 3e-5], "baselines": {"MLP": [0.5]},
             "unit": "m", "bar": "<= 1", "holds": True},
        ],
    }  # fmt: skip
    (tmp_path / "toy.json").write_text(json.dumps(record))
    text = "before\n<!-- table:toy -->\nstale\n<!-- end -->\nafter\n"
    fresh = tables.regenerate(text, tmp_path)
    assert "<summary>1 of 1 bars hold</summary>\n\n| metric | dynnets | MLP | bar |" in fresh
    assert "| error (m) | 2.00e-05 (1.00e-05 to 3.00e-05) | 0.500 | <= 1 | yes |" in fresh
    assert fresh.endswith("<!-- end -->\nafter\n") and "stale" not in fresh
    assert tables.regenerate(fresh, tmp_path) == fresh
    (tmp_path / "toy.json").write_text(json.dumps(record | {"fast": True}))
    with pytest.raises(ValueError, match="proves nothing"):
        tables.regenerate(text, tmp_path)


def test_names_and_precision_are_read_without_importing(tmp_path):
    for folder in ("toy", "studies"):
        (tmp_path / folder).mkdir()
    (tmp_path / "toy" / "run.py").write_text(
        '"""A toy.\n\nMore."""\nraise SystemExit\nNAME = "toy"\nX64 = True\n'
    )
    (tmp_path / "toy" / "tasks.py").write_text('SYSTEM = "spring"\n')
    (tmp_path / "studies" / "zeta.py").write_text('NAME = "a-study"\n')
    found = registry.entries(tmp_path)
    assert [(e.name, e.module) for e in found.values()] == [
        ("a-study", "benchmarks.studies.zeta"),
        ("toy", "benchmarks.toy.run"),
    ]
    entry = found["toy"]
    assert (entry.summary, entry.x64, entry.seeds) == ("A toy.", True, 3)
    (tmp_path / "toy" / "nightly.py").write_text('NAME = "a-study"\n')
    with pytest.raises(ValueError, match="both say"):
        registry.entries(tmp_path)
