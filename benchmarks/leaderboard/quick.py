"""The leaderboard of mechanics at a quarter of the budget on three of its systems: minutes.

The pendulum, Henon-Heiles and the nonseparable oscillator with noise, and the measured pendulum;
three seeds, 1000 updates. Everything else is `leaderboard-mechanics`.
"""

from benchmarks.harness import Result, Settings
from benchmarks.leaderboard.run import compare
from benchmarks.leaderboard.tasks import NOISE

NAME = "leaderboard-quick"
X64 = True
SEEDS = 3

SYSTEMS = ("pendulum", "Henon-Heiles", "nonseparable oscillator")


def run(settings: Settings) -> Result:
    """All learners on three systems."""
    return compare(settings, SYSTEMS, (NOISE,), 1000)
