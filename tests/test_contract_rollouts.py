"""The contracts of many steps: measured order, agreement with bare steps and with diffrax."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from contract import make_step, sampled
from helpers import assert_close
from registry import STEPS

from dynnets.integrators import Relaxation, as_solver, rollout, step_info

pytestmark = pytest.mark.usefixtures("few_programs_at_once")

# A step without an order of its own (an impact in it, a flow that is exact) has no slope.
ORDERED = [row for row in STEPS if step_info(row.step).order > 0 and row.name != "exact_flow"]


@sampled(ORDERED, 2)
def test_observed_order(row):
    field, x = make_step(row, jnp.float64)
    if row.start is None:
        x = jnp.asarray(0.5 * np.asarray(x))
    info = step_info(row.step)
    orbit = eqx.filter_jit(lambda h: rollout(row.step, field, x, (h, 32)).xs)
    ends = [np.asarray(orbit(jnp.asarray(row.span / n)))[n] for n in (8, 16, 32)]
    coarse, fine = (np.abs(a - b).max() for a, b in zip(ends, ends[1:], strict=False))
    slope = np.log2(coarse / fine)
    assert abs(slope - info.order) <= 0.3, slope


@sampled(STEPS, 4, 1)
def test_rollout_agrees_with_bare_steps_and_with_diffrax(row):
    field, x = make_step(row, jnp.float64)
    xs = eqx.filter_jit(rollout)(row.step, field, x, (0.1, 5)).xs
    # a bare step on pairs makes the other state of the pair afresh, a relaxed one has no lag yet
    if not (row.step.on_pair is not None or isinstance(row.step, Relaxation)):
        y = x
        one = eqx.filter_jit(row.step)
        for i in range(5):
            y = one(field, 0.1 * i, y, 0.1)
        assert_close(xs[-1], y)
    if row.start is not None:
        return  # diffrax takes the states of the field
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), as_solver(row.step, field), 0.0, 0.5, 0.1, x
    )
    assert_close(solution.ys[-1], xs[-1])
