"""Tao's step on pairs: the same map as the splitting of the doubled field, at fewer evaluations."""

import jax
import jax.numpy as jnp
import pytest
from helpers import assert_close

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.structure import SYMPLECTIC

PAIR = jnp.array([0.4, 0.5, -0.3, -0.2])
FIELD = F.HamiltonianField(
    E.FunctionEnergy(lambda t, x: (x[0] ** 2 + 1) * (x[1] ** 2 + 1) / 2 + x[0] * jnp.sin(t) / 4)
)
DOUBLED = I.TaoField(FIELD, 2.0)


@pytest.mark.parametrize("order", [2, 4])
def test_it_is_the_splitting_of_the_doubled_field(order):
    reference = I.strang if order == 2 else I.compose(I.strang, I.symmetric_weights(4))
    ours = I.rollout(I.TaoPairs(order), DOUBLED, PAIR, (0.1, 20)).xs
    assert_close(ours, I.rollout(reference, DOUBLED, PAIR, (0.1, 20)).xs, 20.0)
    step = I.TaoPairs(order)
    there = step(DOUBLED, 0.3, PAIR, 0.2)
    assert_close(step.inverse(DOUBLED, 0.3, there, 0.2), PAIR)
    assert SYMPLECTIC in T.structure_of(step, DOUBLED)


def test_three_evaluations_a_step_in_a_rollout():
    count = []

    def energy(t, x):
        jax.debug.callback(lambda: count.append(1))
        return (x[0] ** 2 + 1) * (x[1] ** 2 + 1) / 2

    def gradient(t, x):
        jax.debug.callback(lambda: count.append(1))
        return jnp.stack([x[0] * (x[1] ** 2 + 1), x[1] * (x[0] ** 2 + 1)])

    field = F.HamiltonianField(E.FunctionEnergy(energy, gradient))
    I.rollout(I.TaoPairs(), I.TaoField(field, 2.0), PAIR, (0.1, 50)).xs.block_until_ready()
    jax.effects_barrier()
    assert len(count) == 1 + 3 * 50


def test_the_binding_rotates_exactly_and_vanishes():
    binding = DOUBLED.flows[2]
    assert_close(binding(0.0, binding(0.0, PAIR, 0.3), -0.3), PAIR)
    loose = I.TaoField(FIELD, 1e-300)  # no binding left: the uncoupled splitting of two copies
    flow_a, flow_b, _ = loose.flows
    expected = PAIR
    for t, flow in ((0.0, flow_a), (0.0, flow_b), (0.1, flow_b), (0.1, flow_a)):
        expected = flow(t, expected, 0.05)
    assert_close(I.TaoPairs()(loose, 0.0, PAIR, 0.1), expected, 10.0)


def test_it_needs_a_doubled_field():
    with pytest.raises(ValueError, match="offers omega; HamiltonianField does not"):
        I.TaoPairs()(FIELD, 0.0, PAIR, 0.1)
    with pytest.raises(ValueError, match="3"):
        I.TaoPairs(3)
