"""The learned potential of time and place: its derivatives, and its impulse."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.energies import FunctionEnergy, QuadraticEnergy, RateEnergy, SumEnergy, TimePotential
from dynnets.fields import HamiltonianField, SeparableHamiltonianField
from dynnets.structure import ENERGY, SYMPLECTIC, VOLUME

POTENTIAL = TimePotential(2, 5, 2, key=jr.key(0))


@pytest.mark.parametrize("shape", [(2,), (2, 3)], ids=["one", "many"])
def test_closed_forms_are_the_derivatives(shape, getkey):
    q, t = jr.normal(getkey(), shape), jr.normal(getkey(), shape[1:])
    total = lambda t, q: jnp.sum(POTENTIAL(t, q))  # noqa: E731
    rate, slope = jax.grad(total, argnums=(0, 1))(t, q)
    assert POTENTIAL(t, q).shape == shape[1:]
    assert jnp.abs(POTENTIAL.gradient(t, q) - slope).max() < tol(q.dtype)
    assert jnp.abs(POTENTIAL.time_derivative(t, q) - rate).max() < tol(q.dtype)
    change, same_rate = POTENTIAL.impulse(t, q)
    at_zero = POTENTIAL.gradient(0.0, q)
    assert jnp.abs(change - (slope - at_zero)).max() < tol(q.dtype)
    assert jnp.abs(same_rate - rate).max() < tol(q.dtype)
    assert change.shape == shape and same_rate.shape == shape[1:]


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("count", [1, 3, 100])
def test_no_impulse_at_time_zero_bit_for_bit(dtype, count, getkey):
    potential = jax.tree.map(lambda a: a.astype(dtype), POTENTIAL)
    q = jr.normal(getkey(), (2, count), dtype)
    for impulse in (potential.impulse, jax.jit(lambda t, q: potential.impulse(t, q))):
        change, _ = impulse(0.0, q)
        assert change.dtype == dtype and not change.any()
        assert not impulse(jnp.zeros(count, dtype), q)[0].any()


def test_a_field_of_a_time_dependent_energy_claims_no_energy(getkey):
    rate = RateEnergy(POTENTIAL)
    q, t = jr.normal(getkey(), (2,)), jnp.array(0.4)
    assert jnp.abs(rate.gradient(0.4, q) - jax.grad(rate, argnums=1)(t, q)).max() < tol(q.dtype)
    field = SeparableHamiltonianField(rate, rate)
    assert field.structure == {SYMPLECTIC, VOLUME}
    total = SumEnergy((POTENTIAL, QuadraticEnergy(jnp.eye(2))))
    assert ENERGY not in HamiltonianField(total).structure
    forced = FunctionEnergy(lambda t, x: t * x[0] ** 2 + x[1] ** 2, reads_time=True)
    assert ENERGY not in HamiltonianField(forced).structure
    steady = FunctionEnergy(lambda t, x: x[0] ** 2 + x[1] ** 2)
    assert ENERGY in HamiltonianField(steady).structure
