"""The learners of the outer solar system before training."""

import math
from typing import NamedTuple

import diffrax
import jax.numpy as jnp
import jax.random as jr

from dynnets.energies import CorrectedPowerLaw, PowerLaw
from dynnets.integrators import RungeKutta
from dynnets.models import NeuralODE, PairwiseForce, PairwiseHamiltonian, newtonian_bodies

from .._task import BASELINE, CONSERVATIVE, Candidate
from ._data import SolarData, accelerations, masses_at_rest

PAIRWISE = "pairwise Hamiltonian"
NEWTON = "Newton (fitted masses)"
FORCE = "pair force net"
NEURAL = "neural ODE"
KEPLER = "Kepler ellipses"
LAWS = (PAIRWISE, NEWTON)
"""Those that hold masses and a law of force, and fit their first state too."""
SOLAR_CANDIDATES = (PAIRWISE, NEWTON, KEPLER, FORCE, NEURAL)
"""The learners of `train_solar_system`, structured ones first."""


class SolarBudget(NamedTuple):
    """How long each candidate trains.

    - `law_steps`: how many updates of Adam the law alone gets.
    - `arc_steps`: how many steps of Levenberg-Marquardt follow on all fifty years, first with the
      pure power law and then once more with its correction.
    - `net_steps`: how many updates of Adam the nets without structure get.
    - `width`: the width of these nets.
    """

    law_steps: int = 200
    arc_steps: int = 8
    net_steps: int = 1000
    width: int = 32


SOLAR_FULL = SolarBudget()
SOLAR_QUICK = SolarBudget(law_steps=40, arc_steps=3, net_steps=10, width=8)


def solar_candidates(data: SolarData, budget: SolarBudget = SOLAR_FULL) -> dict[str, Candidate]:
    """The candidates by name, in the order of `SOLAR_CANDIDATES`; the ellipses have no weights.

    The force law starts from a random exponent in [-2, -0.3] and a random strength over two
    decades, the correction's net from random weights; the masses from `masses_at_rest`. Nothing
    else of celestial mechanics is put in.
    """
    xs = data.train.xs[0]
    guess, middle = masses_at_rest(xs), math.sqrt(data.close * data.far)
    # order 3 is enough for a net that is off by degrees, at half the cost of order 5
    pulls, step = accelerations(data.train), RungeKutta(diffrax.Bosh3())

    def pairwise(key):
        law_key, strength_key, net_key = jr.split(key, 3)
        exponent = jr.uniform(law_key, minval=-2.0, maxval=-0.3)
        strength = jnp.exp(jr.uniform(strength_key, minval=math.log(0.02), maxval=math.log(2.0)))
        power = PowerLaw(strength, exponent, middle)
        law = CorrectedPowerLaw(power, data.close, data.far, 8, 1, key=net_key)
        return PairwiseHamiltonian(law, guess)

    def newton(key):
        # the force at the middle distance starts as random as above
        strength = jnp.exp(jr.uniform(key, minval=math.log(0.02), maxval=math.log(2.0)))
        return newtonian_bodies(strength * middle**2, guess)

    def force(key):
        return PairwiseForce(
            pulls, 3, data.close, data.far, budget.width, 2, step=step, substeps=1, key=key
        )

    def neural(key):
        return NeuralODE(data.whole.dim, 2 * budget.width, 2, step=step, key=key)

    by_pairs = "bodies act in pairs along their line"
    found = (
        Candidate(PAIRWISE, pairwise, CONSERVATIVE, f"{by_pairs} by one law; energy is conserved"),
        Candidate(
            NEWTON, newton, CONSERVATIVE, "Newton's law; only masses and strength are learned"
        ),
        Candidate(KEPLER, None, BASELINE, "each planet on a fixed ellipse"),
        Candidate(FORCE, force, BASELINE, by_pairs),
        Candidate(NEURAL, neural, BASELINE, "nothing"),
    )
    return {candidate.name: candidate for candidate in found}
