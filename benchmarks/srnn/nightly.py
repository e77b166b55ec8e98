"""Three bodies at h = 1 with the published nets, batches and updates: 20 minutes a seed."""

from benchmarks.harness import Result, Settings
from benchmarks.srnn import bodies

NAME = "srnn-nightly"
X64 = True
SEEDS = 3


def run(settings: Settings) -> Result:
    """The published sizes and number of updates."""
    rows = bodies.rows(settings, 512, (2000, 18_750), batch=32, rate=3e-4, limit=0.26)
    notes = (
        "the recipe of srnn with the nets, batches and rate of the paper",
        "200 steps are chaotic: the true equations solved to 1e-9 leave the truth, solved to 1e-11",
        f"one law for all pairs: kinetic energy known, {bodies.SUBSTEPS} Yoshida steps to h",
    )
    return Result(rows, notes)
