"""A function `H(t, x)` will do wherever an energy is expected; nothing is drawn then."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import assert_close

from dynnets import energies as E, fields as F, models as M
from dynnets.integrators import ImplicitMidpoint, rollout, verlet_kdk

X = jnp.array([0.3, -0.7])


def square(t, x):
    return jnp.sum(x**2) / 2


def wave(t, q):
    return jnp.sum(jnp.cos(q))


def _unit():
    return E.ConstantMass(jnp.zeros((1, 1)))


FIELDS = {
    "HamiltonianField": lambda e: F.HamiltonianField(e(square)),
    "SeparableHamiltonianField": lambda e: F.SeparableHamiltonianField(e(square), e(wave)),
    "mechanical_field": lambda e: F.mechanical_field(jnp.ones(1), e(wave)),
    "PoissonField": lambda e: F.PoissonField(e(square), jnp.array([[0.0, 2.0], [-2.0, 0.0]])),
    "PortHamiltonianField": lambda e: F.PortHamiltonianField(
        e(square), F.ConstantDamping(jnp.ones((1, 1)))
    ),
    "HelmholtzField": lambda e: F.HelmholtzField(e(square), e(wave)),
    "GradientField": lambda e: F.GradientField(e(wave)),
    "MassMatrixField": lambda e: F.MassMatrixField(_unit(), e(wave)),
    "sum": lambda e: F.HamiltonianField(E.SumEnergy((e(square), e(wave)))),
    "known": lambda e: F.HamiltonianField(E.KnownEnergy(e(square))),
    "separable": lambda e: F.HamiltonianField(E.SeparableEnergy(e(square), e(wave))),
    "velocity": lambda e: F.HamiltonianField(E.VelocityEnergy(_unit(), e(wave))),
    "periodic": lambda e: F.HamiltonianField(E.PeriodicEnergy(e(square), (0,))),
    "HNN": lambda e: M.HNN(2, learned=e(square)).field,
    "HelmholtzHNN": lambda e: M.HelmholtzHNN(2, learned=e(square), dissipation=e(wave)).field,
    "SRNN": lambda e: M.SRNN(2, kinetic=e(square), potential=e(wave)).field,
    "NSSNN": lambda e: M.NSSNN(2, learned=e(square)).field,
    "SSINN": lambda e: M.SSINN(e(square), e(wave)).field,
    "PortHamiltonianNetwork": lambda e: (
        M.PortHamiltonianNetwork(
            2, learned=e(square), damping="none", input_matrix=jnp.ones((1, 1))
        ).field
    ),
    "MechanicalPortHamiltonian": lambda e: (
        M.MechanicalPortHamiltonian(2, mass=_unit(), potential=e(wave), damping="none").field
    ),
}


def test_fields_and_models_of_functions_are_those_of_the_wrapped_functions():
    @jax.jit
    def rates(x, xs):
        bare = {name: make(lambda h: h) for name, make in FIELDS.items()}
        wrapped = {name: make(E.FunctionEnergy) for name, make in FIELDS.items()}
        return [
            {name: (field(0.0, x), field(0.0, xs)) for name, field in fields.items()}
            for fields in (bare, wrapped)
        ]

    bare, wrapped = rates(X, jnp.stack([X, 2 * X, -X], axis=1))
    for name in FIELDS:
        for one, other in zip(bare[name], wrapped[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def test_steps_find_the_parts_of_a_field_of_functions():
    field = F.SeparableHamiltonianField(square, wave)
    assert isinstance(field.energy, E.SeparableEnergy)
    for step in (verlet_kdk, ImplicitMidpoint()):
        assert int(rollout(step, field, X, (0.1, 2)).finite_steps) == 2


def test_what_is_no_energy_is_refused_in_words():
    with pytest.raises(ValueError, match="AbstractEnergy or a function.*float"):
        E.as_energy(1.0)
    with pytest.raises(ValueError, match="got str"):
        E.as_energy("H")
    energy = E.QuadraticEnergy(jnp.eye(2))
    assert E.as_energy(energy) is energy


DRAWN = {
    "HNN": lambda: M.HNN(2),
    "HelmholtzHNN": lambda: M.HelmholtzHNN(2, learned=square),
    "SRNN": lambda: M.SRNN(2, kinetic=square),
    "NSSNN": lambda: M.NSSNN(2),
    "PortHamiltonianNetwork": lambda: M.PortHamiltonianNetwork(2, learned=square),
    "MechanicalPortHamiltonian": lambda: M.MechanicalPortHamiltonian(2, mass="constant"),
    "TaylorNet": lambda: M.TaylorNet(2, potential=wave),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_key_is_asked_for_where_something_is_drawn(name):
    with pytest.raises(ValueError, match="key is missing: it draws"):
        DRAWN[name]()


def test_a_given_potential_stays_as_drawn_parts_are():
    """Giving one part does not change what the key draws of the others."""
    both = M.SRNN(2, 4, key=jr.key(0))
    one = M.SRNN(2, 4, kinetic=square, key=jr.key(0))
    for a, b in zip(
        jax.tree.leaves(eqx.filter(both.potential, eqx.is_array)),
        jax.tree.leaves(eqx.filter(one.potential, eqx.is_array)),
        strict=True,
    ):
        assert_close(a, b)


def test_an_input_matrix_is_given():
    matrix = jnp.array([[2.0]])
    model = M.PortHamiltonianNetwork(2, learned=square, damping="none", input_matrix=matrix)
    assert_close(model.field(0.0, X, jnp.array([3.0])), jnp.array([-0.7, -0.3 + 6.0]))
    with pytest.raises(ValueError, match=r"input_matrix must have shape \(1, m\).*\(2, 1\)"):
        M.PortHamiltonianNetwork(2, learned=square, input_matrix=jnp.ones((2, 1)))
