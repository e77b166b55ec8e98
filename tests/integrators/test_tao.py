"""Tao's step of even orders, and as a splitting of the doubled field."""

import jax
import jax.numpy as jnp
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.analysis import observed_order
from dynnets.structure import REVERSIBLE, ROWS, SYMMETRIC, SYMPLECTIC, VOLUME

X0 = jnp.array([0.4, -0.3])
PAIR = jnp.array([0.4, 0.5, -0.3, -0.2])


def general():
    """`(q^2 + 1)(p^2 + 1) / 2 + q sin(t) / 4`: does not separate, depends on time."""
    return F.HamiltonianField(
        E.FunctionEnergy(lambda t, x: (x[0] ** 2 + 1) * (x[1] ** 2 + 1) / 2 + x[0] * jnp.sin(t) / 4)
    )


@pytest.mark.parametrize("order", [2, 4, 6])
def test_even_orders_on_the_pair(order):
    step, field = I.Tao(2.0, order), general()
    assert step.info.order == order
    slope = observed_order(step, field, X0, 2.0, steps={2: 32, 4: 16, 6: 16}[order], levels=3)
    assert abs(float(slope) - order) <= 0.3
    there = step.on_pair(field, 0.3, PAIR, 0.2)
    back = step.inverse_on_pair(field, 0.3, there, 0.2)
    assert float(jnp.abs(back - PAIR).max()) <= tol(X0.dtype)
    for tag in T.structure_of(step, field):
        assert float(ROWS[tag].oracle(step, field, 0.3, X0, 0.2)) <= tol(X0.dtype), tag


def test_it_is_strang_over_the_flows_of_the_doubled_field():
    field = general()
    doubled = I.TaoField(field, 2.0)
    pair = I.Tao(2.0).on_pair(field, 0.3, PAIR, 0.2)
    assert float(jnp.abs(I.strang(doubled, 0.3, PAIR, 0.2) - pair).max()) <= tol(X0.dtype)
    fourth = I.compose(I.strang, I.symmetric_weights(4))(doubled, 0.3, PAIR, 0.2)
    expected = I.Tao(2.0, order=4).on_pair(field, 0.3, PAIR, 0.2)
    assert float(jnp.abs(fourth - expected).max()) <= tol(X0.dtype)
    assert T.structure_of(I.strang, doubled) == {SYMPLECTIC, VOLUME, SYMMETRIC, REVERSIBLE}


def test_the_doubled_field_is_the_sum_of_its_flows_and_follows_the_field():
    field = general()
    doubled = I.TaoField(field, 2.0)
    rates = [
        jax.jvp(lambda h, flow=flow: flow(0.3, PAIR, h), (0.0,), (1.0,))[1]
        for flow in doubled.flows
    ]
    assert float(jnp.abs(sum(rates) - doubled(0.3, PAIR)).max()) <= tol(X0.dtype)
    on_diagonal = doubled.first(doubled(0.3, doubled.double(X0)))
    assert float(jnp.abs(on_diagonal - field(0.3, X0)).max()) <= tol(X0.dtype)
    for flow in doubled.flows:
        back = flow(0.3, flow(0.3, PAIR, 0.4), -0.4)
        assert float(jnp.abs(back - PAIR).max()) <= tol(X0.dtype)


def test_bad_arguments_are_named(getkey):
    with pytest.raises(ValueError, match="even order, got 3"):
        I.Tao(5.0, 3)
    with pytest.raises(ValueError, match="NeuralField is not"):
        I.TaoField(F.NeuralField(2, 4, 1, key=getkey()))
    with pytest.raises(ValueError, match="-1.0"):
        I.TaoField(general(), -1.0)
