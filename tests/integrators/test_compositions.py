"""Compositions, adjoints and scaled steps: derived order, symmetry, memory, inverse."""

import diffrax
import jax.numpy as jnp
import pytest
from helpers import assert_close

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.analysis import observed_order
from dynnets.structure import NON_EXPANSIVE, SYMPLECTIC

X0 = jnp.array([0.4, -0.3])


def pendulum():
    potential = E.FunctionEnergy(lambda t, q: -jnp.cos(q[0]) + q[0] * jnp.sin(t) / 2)
    return F.mechanical_field(jnp.ones(1), potential)


euler = I.symplectic_euler
gyration = I.compose(I.strang, I.suzuki_weights(2), name="suzuki_strang")

DERIVED = [
    (I.compose([euler, I.adjoint(euler)], (0.5, 0.5)), 2, True),
    (I.compose([euler, euler], (0.5, 0.5)), 1, False),
    (I.compose(I.verlet_kdk, I.triple_jump_weights(2)), 4, True),
    (I.compose(I.strang, I.YOSHIDA6_WEIGHTS), 6, True),
    (I.compose(I.yoshida4, I.suzuki_weights(4)), 6, True),
    (I.compose(I.ImplicitMidpoint(), I.SUZUKI_UMENO8_WEIGHTS), 8, True),
    (I.compose([I.lie, I.lie_adjoint] * 5, I.sweeps_of(I.mclachlan4.coefficients)), 4, True),
    (I.compose([I.verlet_kdk, I.verlet_dkd, I.verlet_kdk], I.triple_jump_weights(2)), 2, True),
    (I.compose([I.ruth3, I.adjoint(I.ruth3)], (0.5, 0.5)), 4, True),
    (I.compose([I.scale(I.verlet_kdk, 0.25), I.scale(I.yoshida4, 0.75)]), 2, False),
    (I.compose(I.RungeKutta(diffrax.Heun()), (0.5, 0.5)), 2, False),
    (I.scale(I.verlet_kdk, 0.5), 0, False),
]


@pytest.mark.parametrize(("step", "order", "symmetric"), DERIVED)
def test_order_and_symmetry_are_derived(step, order, symmetric):
    assert step.info.order == order
    assert step.info.symmetric is symmetric


def test_a_composition_of_verlet_steps_is_the_merged_splitting():
    step = I.compose(I.verlet_kdk, I.triple_jump_weights(2))
    orbit = I.rollout(step, pendulum(), X0, (0.1, 5)).xs
    assert_close(orbit, I.rollout(I.yoshida4, pendulum(), X0, (0.1, 5)).xs)
    assert step.info.evaluations == 3
    assert len(step.steps) == 1
    assert SYMPLECTIC in T.structure_of(step, pendulum())


@pytest.mark.parametrize("index", [3, 6, 8], ids=["strang6", "sweeps4", "ruth4"])
def test_observed_order(index):
    step, order, _ = DERIVED[index]
    slope = observed_order(step, pendulum(), X0, 2.0, steps=8, levels=3)
    assert abs(float(slope) - order) <= 0.3


def test_adjoint_undoes_the_step_of_minus_h():
    field = pendulum()
    half, two = I.scale(I.ruth3, 0.5), I.compose([euler, I.ruth3], (1, 1))
    for step, width in ((euler, 1.0), (I.lie, 1.0), (half, 0.5), (two, 2.0)):
        partner = I.adjoint(step)
        assert_close(partner(field, 0.3, step(field, 0.3 + 0.2 * width, X0, -0.2), 0.2), X0)
        assert partner.info.order == step.info.order
        assert_close(step.inverse(field, 0.3, step(field, 0.3, X0, 0.2), 0.2), X0)
    assert I.adjoint(I.verlet_kdk) is I.verlet_kdk
    assert I.adjoint(euler) == I.symplectic_euler_adjoint
    wrapped = I.Adjoint(euler)
    assert I.adjoint(wrapped) is euler
    assert_close(wrapped(field, 0.3, X0, 0.2), I.symplectic_euler_adjoint(field, 0.3, X0, 0.2))
    assert_close(wrapped.inverse(field, 0.3, wrapped(field, 0.3, X0, 0.2), 0.2), X0)


def test_one_sided_guarantees_need_positive_weights():
    heun = I.heun
    assert I.compose(heun, (0.5, 0.5)).info.contractivity == 2 * heun.info.contractivity
    assert I.compose(heun, (1.5, -0.5)).info.contractivity == 0
    assert NON_EXPANSIVE in I.compose(I.strang, (0.5, 0.5)).info.keeps
    assert NON_EXPANSIVE not in gyration.info.keeps


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: I.compose([]), "got none"),
        (lambda: I.compose([euler], (0.5, 0.5)), "got 2"),
        (lambda: I.compose(euler, (1.0, 0.0)), "got 0.0"),
        (lambda: I.scale(euler, float("nan")), "got nan"),
        (lambda: I.compose([lambda f, t, x, h: x]), "AbstractStep"),
        (lambda: I.compose(I.Tao(5.0), (0.5, 0.5)), "order=4"),
        (lambda: I.adjoint(I.RungeKutta(diffrax.Heun())), "implicit"),
        (lambda: I.compose(I.heun, (1.0,)).inverse(pendulum(), 0.0, X0, 0.1), "exact inverse"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
