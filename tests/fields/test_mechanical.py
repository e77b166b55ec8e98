"""Mass-matrix mechanics against its canonical form, potentials against automatic derivatives."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from dynnets.energies import (
    ConstantMass,
    FunctionEnergy,
    MLPEnergy,
    MLPMass,
    PeriodicEnergy,
    PolynomialPotential,
    SumEnergy,
)
from dynnets.fields import MassMatrixField, MLPDamping, PortHamiltonianField, initial_damping
from dynnets.nn import angle_features


def make_field(n, getkey, *, damped=True, inputs=1):
    angles = tuple(range(n))
    return MassMatrixField(
        MLPMass(n, 8, 2, angles=angles, key=getkey()),
        PeriodicEnergy(MLPEnergy(2 * n, 8, 2, key=getkey()), angles),
        MLPDamping(n, 8, 1, scale=0.5, key=getkey()) if damped else None,
        jr.normal(getkey(), (n, inputs)) if inputs else None,
    )


def mass_matrix(mass, q):
    return jax.vmap(lambda e: mass(q, e))(jnp.eye(q.shape[0], dtype=q.dtype)).T


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_the_canonical_port_hamiltonian_field(n, getkey):
    field = make_field(n, getkey)
    q, v, u = jr.normal(getkey(), (n,)), jr.normal(getkey(), (n,)), jr.normal(getkey(), (1,))

    def hamiltonian(t, x):
        q, p = x[:n], x[n:]
        return p @ jnp.linalg.solve(mass_matrix(field.mass, q), p) / 2 + field.potential(t, q)

    canonical = PortHamiltonianField(FunctionEnergy(hamiltonian), field.damping, field.input_matrix)
    rate = canonical(0.0, jnp.concatenate([q, field.mass(q, v)]), u)
    ours = field(0.0, jnp.concatenate([q, v]), u)
    _, momentum_rate = jax.jvp(field.mass, (q, v), (ours[:n], ours[n:]))
    assert jnp.abs(jnp.concatenate([ours[:n], momentum_rate]) - rate).max() < 1e-12


@pytest.mark.parametrize("damped", [True, False])
def test_energy_changes_by_damping_and_input_only(damped, getkey):
    field = make_field(2, getkey, damped=damped)
    x, u = jr.normal(getkey(), (4,)), jr.normal(getkey(), (1,))
    energy, v = field.energy, x[2:]
    change = energy.gradient(0.0, x) @ field(0.0, x, u)
    lost = v @ field.damping(x[:2], v) if damped else 0.0
    assert abs(change - (v @ (field.input_matrix @ u) - lost)) < 1e-12
    assert energy.gradient(0.0, x) @ field(0.0, x) <= 1e-12


def test_batches_are_columns(getkey):
    field = make_field(2, getkey)
    xs, us = jr.normal(getkey(), (4, 5)), jr.normal(getkey(), (1, 5))
    each = jax.vmap(lambda x, u: field(0.0, x, u), in_axes=-1, out_axes=-1)(xs, us)
    assert jnp.abs(field(0.0, xs, us) - each).max() < 1e-12
    energies = jax.vmap(lambda x: field.energy(0.0, x), in_axes=-1)(xs)
    assert jnp.abs(field.energy(0.0, xs) - energies).max() < 1e-12


def test_mass_is_positive_definite_periodic_and_solved(getkey):
    for mass in (
        MLPMass(3, 8, 2, angles=(0, 2), key=getkey()),
        ConstantMass(jr.normal(getkey(), (3, 3))),
    ):
        q, v = jr.normal(getkey(), (3,)), jr.normal(getkey(), (3,))
        matrix = mass_matrix(mass, q)
        assert jnp.abs(matrix - matrix.T).max() < 1e-12
        assert jnp.linalg.eigvalsh(matrix).min() > 0
        assert jnp.abs(mass.solve(q, mass(q, v)) - v).max() < 1e-10
        assert abs(mass.kinetic(q, v) - v @ matrix @ v / 2) < 1e-12
        turned = q + 2 * jnp.pi * jnp.array([1.0, 0.0, -2.0])
        assert jnp.abs(mass_matrix(mass, turned) - matrix).max() < 1e-12


def test_potentials_have_their_gradients(getkey):
    spring = PolynomialPotential(jr.normal(getkey(), (2, 4)))
    periodic = PeriodicEnergy(MLPEnergy(3, 8, 1, key=getkey()), (1,))
    q = jr.normal(getkey(), (2,))
    for energy in (spring, periodic, SumEnergy((spring, periodic))):
        exact = jax.grad(lambda y, energy=energy: energy(0.0, y))(q)
        assert jnp.abs(energy.gradient(0.0, q) - exact).max() < 1e-12
        columns = jnp.stack([q, 2 * q], axis=1)
        assert jnp.abs(energy.gradient(0.0, columns)[:, 0] - exact).max() < 1e-12
    assert angle_features(q, (1,)).tolist() == [q[0], jnp.cos(q[1]), jnp.sin(q[1])]


def test_bad_arguments_are_named(getkey):
    with pytest.raises(ValueError, match="got \\(-1,\\)"):
        PeriodicEnergy(MLPEnergy(3, 4, 1, key=getkey()), (-1,))
    with pytest.raises(ValueError, match="no input_matrix"):
        make_field(1, getkey, inputs=0)(0.0, jnp.ones(2), jnp.ones(1))
    with pytest.raises(ValueError, match="got \\(3,\\)"):
        PolynomialPotential(jnp.ones(3))
    with pytest.raises(ValueError, match="at least one term"):
        SumEnergy(())


def test_float32_stays_float32(getkey):
    field = MassMatrixField(
        ConstantMass(jnp.zeros((1, 1), jnp.float32)),
        PolynomialPotential(jnp.ones((1, 3), jnp.float32)),
        jax.tree.map(lambda a: a.astype(jnp.float32), initial_damping(1, 0.1, key=getkey())),
    )
    assert field(0.0, jnp.ones(2, jnp.float32)).dtype == jnp.float32
