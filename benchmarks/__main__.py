"""Command line: `python -m benchmarks list | run NAME | tables`.

    run NAME [--seeds N] [--json FILE] [--figures DIR] [--data DIR] [--store DIR] [--fast]
    run all  ...        every benchmark, each in a process of its own; FILE and DIR are folders
    tables [--check]    rewrite README's tables from benchmarks/results, or fail if they drifted

Exit status of `run`: 0 every bar holds, 1 a bar does not, 2 wrong usage, 3 data or peer absent.
"""

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import MissingData, Settings, registry, tables

FAILED, USAGE, ABSENT = 1, 2, 3


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name the benchmarks")
    run = commands.add_parser("run", help="run one benchmark, or all")
    run.add_argument("name")
    run.add_argument("--seeds", type=int, help="how many seeds, 0 to N-1")
    run.add_argument("--json", type=Path, help="write the record here")
    run.add_argument("--figures", type=Path, help="write figures into this folder")
    run.add_argument("--data", type=Path, help="folder of measured data (else DYNNETS_DATA)")
    run.add_argument("--store", type=Path, help="keep finished parts here and resume from them")
    run.add_argument("--fast", action="store_true", help="smoke test: tiny sizes, no proof")
    write = commands.add_parser("tables", help="rewrite README's tables from stored records")
    write.add_argument("--check", action="store_true", help="only fail if they drifted")
    return parser


def _list() -> int:
    for entry in registry.entries().values():
        print(f"{entry.name:26s} {entry.summary}")
    return 0


def _settings(arguments: argparse.Namespace, entry: registry.Entry):
    count = entry.seeds if arguments.seeds is None else arguments.seeds
    if count < 1:
        raise ValueError(f"--seeds must be at least 1, got {count}")
    folder = arguments.data or os.environ.get("DYNNETS_DATA")
    data = Path(folder) if folder else None
    seeds = tuple(range(count))
    return Settings(entry.name, seeds, arguments.figures, data, arguments.store, arguments.fast)


def _run_one(arguments: argparse.Namespace) -> int:
    entry = registry.find(arguments.name)
    # The precision is this process's: it must stand before JAX is imported for the first time.
    os.environ["JAX_ENABLE_X64"] = "1" if entry.x64 else "0"
    from benchmarks.harness import environment

    settings = _settings(arguments, entry)
    module = importlib.import_module(entry.module)
    compiling, start = environment.CompileClock(), time.perf_counter()
    try:
        result = module.run(settings)
    except MissingData as reason:
        print(f"{entry.name}: not run: {reason}", file=sys.stderr)
        return ABSENT
    record = {
        "name": entry.name,
        "summary": entry.summary,
        "holds": result.holds,
        "fast": arguments.fast,
        "seeds": len(settings.seeds),
        "rows": [dataclasses.asdict(row) for row in result.rows],
        "notes": [*result.notes, *settings.origin()],
        "matrix": [list(line) for line in result.matrix],
        "clocks": settings.clocks,
        "seconds": time.perf_counter() - start + settings.earlier,
        "compile_seconds": compiling.seconds,
        "peak_memory_mib": environment.peak_memory_mib(),
        **environment.describe(),
    }
    print(f"{entry.name}: {entry.summary}\n{tables.as_text(record)}")
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 0 if result.holds else FAILED


def _run_all(arguments: argparse.Namespace) -> int:
    """Each benchmark in its own process; the worst exit status is returned."""
    worst = 0
    for name in registry.entries():
        command = [sys.executable, "-m", "benchmarks", "run", name]
        for option in ("seeds", "figures", "data", "store"):
            value = getattr(arguments, option)
            command += [f"--{option}", str(value)] if value is not None else []
        command += ["--json", str(arguments.json / f"{name}.json")] if arguments.json else []
        command += ["--fast"] if arguments.fast else []
        worst = max(worst, subprocess.run(command, check=False).returncode)
    return worst


def _write_tables(check: bool) -> int:
    text = tables.README.read_text(encoding="utf-8")
    fresh = tables.regenerate(text)
    if fresh == text:
        return 0
    if check:
        print("README's tables differ from benchmarks/results: run `python -m benchmarks tables`")
        return FAILED
    tables.README.write_text(fresh, encoding="utf-8")
    return 0


def main() -> int:
    """Run the command line and return its exit status."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "list":
            return _list()
        if arguments.command == "tables":
            return _write_tables(arguments.check)
        return _run_all(arguments) if arguments.name == "all" else _run_one(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
