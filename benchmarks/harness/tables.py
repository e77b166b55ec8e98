"""Result tables: text for the terminal, Markdown for README, both from the stored JSON record.

README holds `<!-- table:NAME -->` ... `<!-- end -->` pairs; what stands between them is generated
from `benchmarks/results/NAME.json` and nothing else, and a test fails when the two drift apart.
"""

import json
import math
import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
_MARKED = re.compile(r"(<!-- table:([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def _number(value: float) -> str:
    """Three significant digits, plain between 0.01 and 10000."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    plain = value == 0 or 1e-2 <= abs(value) < 1e4
    if not plain:
        return f"{value:.2e}"
    digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def _cell(values: list[float]) -> str:
    """Median, and the range over the seeds behind it when there are several."""
    if not values:
        return ""
    bad = any(math.isnan(v) for v in values)
    middle = _number(math.nan if bad else statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({_number(min(values))} to {_number(max(values))})"


def table(record: dict) -> list[list[str]]:
    """Header and rows of a stored record as text cells; empty columns are left out."""
    names = list(dict.fromkeys(name for row in record["rows"] for name in row["baselines"]))
    lines = [["metric", "dynnets", *names, "bar", "holds"]]
    for row in record["rows"]:
        metric = f"{row['metric']} ({row['unit']})" if row["unit"] else row["metric"]
        others = [_cell(row["baselines"].get(name, [])) for name in names]
        verdict = {True: "yes", False: "NO", None: ""}[row["holds"]]
        lines.append([metric, _cell(row["ours"]), *others, row["bar"], verdict])
    kept = [any(cells) for cells in zip(*lines[1:], strict=True)]
    return [[cell for cell, keep in zip(line, kept, strict=True) if keep] for line in lines]


def as_text(record: dict) -> str:
    """The table aligned for a terminal, then costs, remarks and the environment."""
    lines = table(record)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    text.insert(1, "  ".join("-" * w for w in widths))
    clocks = "".join(f"\n  {seconds:9.1f} s  {name}" for name, seconds in record["clocks"].items())
    notes = "".join(f"\n  {note}" for note in record["notes"])
    cost = (
        f"{record['seconds']:.1f} s in all, {record['compile_seconds']:.1f} s of it compiling, "
        f"peak memory {record['peak_memory_mib']:.0f} MiB, {record['precision']}, "
        f"{record['processor']}, {record['device']}, {record['date']}"
    )
    return "\n".join(text) + f"{clocks}{notes}\n{cost}"


def as_markdown(record: dict) -> str:
    """The table for README, folded up behind its verdict, and where its numbers come from."""
    listed = {**record, "rows": [row for row in record["rows"] if row.get("listed", True)]}
    shown = record.get("matrix") or table(listed)
    header, *rows = [[cell.replace("|", "\\|") for cell in line] for line in shown]
    lines = [header, ["---"] * len(header), *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    versions = record["versions"]
    if record.get("matrix") and record["notes"]:
        body += "\n\n" + "; ".join(record["notes"]) + "."
    source = (
        f"Median (least to greatest) over {record['seeds']} seed{'s' * (record['seeds'] > 1)}, "
        f"{record['seconds']:.0f} s in all on {record['processor']}, {record['precision']}, "
        f"jax {versions['jax']}, {record['date'][:10]}: "
        f"`python -m benchmarks run {record['name']}`."
    )
    head = f"<details>\n<summary>{_verdict(record)}</summary>\n\n"
    return f"{head}{body}\n\n</details>\n\n{source}\n"


def _verdict(record: dict) -> str:
    """How many bars hold, and which do not."""
    bars = {row["metric"]: row["holds"] for row in record["rows"] if row["holds"] is not None}
    if not bars:
        return "The table"
    broken = [metric for metric, holds in bars.items() if not holds]
    missed = f"; missed: {'; '.join(broken)}" if broken else ""
    return f"{len(bars) - len(broken)} of {len(bars)} bars hold{missed}"


def load(name: str, results: Path = RESULTS) -> dict:
    """The stored record of a benchmark; a smoke-test record is refused (`ValueError`)."""
    record = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
    if record["fast"]:
        raise ValueError(f"{name}.json was written by a --fast run and proves nothing")
    return record


def regenerate(text: str, results: Path = RESULTS) -> str:
    """`text` with every marked table rewritten from its stored record."""

    def replace(match: re.Match) -> str:
        return f"{match[1]}{as_markdown(load(match[2], results))}{match[4]}"

    return _MARKED.sub(replace, text)
