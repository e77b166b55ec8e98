"""`make attack ARGS="--count 500 --seed 1 --store attack.jsonl"`: see `--help`."""

import argparse
import collections
import gc
import json
import os
import sys
import traceback
from pathlib import Path

# as the tests: programs that run once are not optimised, and are kept for later runs; all this
# must be said before jax is imported
if __name__ == "__main__":
    cache = str(Path(__file__).parents[2] / ".jax_cache")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", cache)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
    os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

import jax

from .cases import KINDS, run_case
from .judge import BROKEN, VERDICTS

_PROGRAMS = 10
"""Cases after which compiled programs are dropped."""


def _plain(outcome) -> dict:
    record = outcome._asdict()
    record["findings"] = [finding._asdict() for finding in outcome.findings]
    return record


def _stored(path: Path | None, seed: int) -> dict[int, dict]:
    """The finished cases of this seed; a line that was cut off in the middle is none."""
    found = {}
    if path is not None and path.exists():
        for line in path.read_text().splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if record["seed"] == seed:
                found[record["index"]] = record
    return found


def _table(records, name, rows, row_of, cells) -> str:
    counts = collections.Counter(
        (row_of(record), verdict) for record in records for verdict in cells(record)
    )
    lines = ["  ".join([name.ljust(12), *(v.rjust(9) for v in VERDICTS)])]
    for row in [*rows, "all"]:
        numbers = [
            sum(n for (r, v), n in counts.items() if v == verdict and row in (r, "all"))
            for verdict in VERDICTS
        ]
        lines.append("  ".join([row.ljust(12), *(str(n).rjust(9) for n in numbers)]))
    return "\n".join(lines)


def report(records) -> str:
    """The counts of cases and of claims, and every broken one."""
    records = sorted(records, key=lambda record: record["index"])
    parts = [
        _table(records, "cases", KINDS, lambda r: r["kind"], lambda r: [r["verdict"]]),
        _table(
            records,
            "claims",
            KINDS,
            lambda r: r["kind"],
            lambda r: [finding["verdict"] for finding in r["findings"]],
        ),
        _table(
            records,
            "precision",
            ("float32", "float64"),
            lambda r: r["precision"],
            lambda r: [r["verdict"]],
        ),
    ]
    for record in records:
        for finding in record["findings"]:
            if finding["verdict"] == BROKEN:
                parts.append(
                    f"BROKEN {record['seed']}/{record['index']} {record['kind']} "
                    f"{record['precision']}: {record['name']}\n    {finding['name']}: defect "
                    f"{finding['defect']:.3g}, slack {finding['slack']:.3g}, h "
                    f"{finding['h']:.3g}; {finding['note']}"
                )
    return "\n\n".join(parts)


def main() -> int:
    """Run the cases that the store lacks; 1 if a claim is broken."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="cases, from index 0 on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", type=Path, help="JSON lines: finished cases are not run again")
    parser.add_argument("--only", type=int, help="replay one case and say everything of it")
    options = parser.parse_args()
    if options.only is not None:
        outcome = run_case(options.seed, options.only)
        print(json.dumps(_plain(outcome), indent=1))
        return int(outcome.verdict == BROKEN)
    records = {k: r for k, r in _stored(options.store, options.seed).items() if k < options.count}
    for index in range(options.count):
        if index in records:
            continue
        outcome = run_case(options.seed, index)
        records[index] = _plain(outcome)
        if options.store is not None:
            with options.store.open("a") as store:
                store.write(json.dumps(records[index]) + "\n")
        print(f"{index} {outcome.kind} {outcome.precision} {outcome.verdict} ", end="")
        print(f"{outcome.seconds} s {outcome.name[:110]}", flush=True)
        if index % _PROGRAMS == _PROGRAMS - 1:
            jax.clear_caches()
            gc.collect()
    print("\n" + report(records.values()))
    return int(any(record["verdict"] == BROKEN for record in records.values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        traceback.print_exc()
        sys.exit(130)
