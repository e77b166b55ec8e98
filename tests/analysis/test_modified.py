"""Modified fields and energies against closed forms, and along rollouts."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I
from dynnets.analysis import mismatch, modified_energy, modified_field, warn_if_mismatched

PENDULUM = F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0])))
OSCILLATOR = F.mechanical_field(jnp.ones(1), E.QuadraticEnergy(jnp.eye(1)))
X0 = jnp.array([0.9, 0.4])


def test_symplectic_euler_of_the_oscillator_keeps_its_closed_form():
    """`H~ = (q^2 + p^2 - h q p) / 2` up to a factor `1 + O(h^2)`: kept exactly."""
    h = 0.1
    energy = modified_energy(I.symplectic_euler, OSCILLATOR, h, 2)
    q, p = X0
    assert float(energy(0.0, X0)) == pytest.approx(float(q**2 + p**2 - h * q * p) / 2, abs=1e-15)
    after = I.symplectic_euler(OSCILLATOR, 0.0, X0, h)
    assert float(abs(energy(0.0, after) - energy(0.0, X0))) <= tol(X0.dtype)
    # the factor is h~/h of the rotation: cos(h~) = 1 - h^2/2, as an arcsine over a sine
    angle = np.arccos(1 - h**2 / 2)
    full = modified_energy(I.symplectic_euler, OSCILLATOR, h, 6)
    ratio = float(full(0.0, X0) / energy(0.0, X0))
    assert ratio == pytest.approx(angle / np.sin(angle), abs=10 * h**6)


def test_verlet_of_the_pendulum_has_the_classic_terms():
    """`H + h^2 (T_p V_qq T_p / 12 - V_q T_pp V_q / 24)` for kick-drift-kick... and its dual."""
    h, (q, p) = 0.2, X0
    plain = float(PENDULUM.energy(0.0, X0))
    twist, push = float(p**2 * jnp.cos(q)), float(jnp.sin(q) ** 2)
    kdk = float(modified_energy(I.verlet_kdk, PENDULUM, h, 4)(0.0, X0))
    dkd = float(modified_energy(I.verlet_dkd, PENDULUM, h, 4)(0.0, X0))
    assert kdk == pytest.approx(plain + h**2 * (twist / 12 - push / 24), abs=1e-14)
    assert dkd == pytest.approx(plain + h**2 * (push / 12 - twist / 24), abs=1e-14)


@pytest.mark.parametrize(
    ("step", "order", "expected"),
    [
        (I.symplectic_euler, 2, 2),
        (I.symplectic_euler, 4, 4),
        (I.verlet_kdk, 4, 4),
        (I.ImplicitMidpoint(), 4, 4),
    ],
    ids=["euler2", "euler4", "verlet4", "midpoint4"],
)
def test_the_modified_energy_varies_at_its_order(step, order, expected):
    def spread(h, n):
        energy = modified_energy(step, PENDULUM, h, order)
        xs = I.rollout(step, PENDULUM, X0, (h, n)).xs
        values = jax.vmap(lambda x: energy(0.0, x))(xs)
        return values.max() - values.min()

    run = eqx.filter_jit(spread)
    wide, narrow = float(run(0.2, 30)), float(run(0.1, 60))
    assert np.log2(wide / narrow) == pytest.approx(expected, abs=0.4)


def test_the_modified_field_is_the_logarithm_of_the_map():
    """Of a linear map it is the matrix logarithm; its flow makes the step."""
    h, spin = 0.1, jnp.array([[0.0, 1.0], [-1.0, 0.0]])
    field = F.HamiltonianField(E.QuadraticEnergy(jnp.eye(2)))
    matrix = jnp.eye(2) + h * spin  # explicit Euler: log = log|1 + ih| + i atan h
    logarithm = (np.log(1 + h**2) / 2 * np.eye(2) + np.arctan(h) * np.asarray(spin)) / h
    found = modified_field(I.explicit_euler, field, h, 8)(0.0, X0)
    # the next term of the series is |i h|^9 / 9 / h
    assert float(jnp.abs(found - logarithm @ X0).max()) <= 2e-9
    assert float(jnp.abs(matrix @ X0 - I.explicit_euler(field, 0.0, X0, h)).max()) <= 1e-15

    def gap(h):
        modified = modified_field(I.verlet_kdk, PENDULUM, h, 4)
        flown = I.rollout(I.rk4, modified, X0, (h / 4, 4)).xs[-1]
        return jnp.abs(flown - I.verlet_kdk(PENDULUM, 0.0, X0, h)).max()

    run = eqx.filter_jit(gap)
    assert np.log2(float(run(0.2)) / float(run(0.1))) >= 4.5  # h f~ to O(h^5), odd terms vanish


def test_both_ways_to_the_energy_agree():
    ray = modified_energy(I.variational_trapezoid, PENDULUM, 0.1, 6, reference=jnp.zeros(2))
    series = modified_energy(I.verlet_kdk, PENDULUM, 0.1, 6)
    at = lambda f, x: f(0.0, x) - f(0.0, jnp.zeros(2))  # noqa: E731
    assert float(abs(at(ray, X0) - at(series, X0))) <= 1e-7  # both to O(h^6)


def test_a_mismatch_is_the_leading_term_and_warns():
    xs, h = jr.normal(jr.key(0), (16, 2)), 0.1
    # the oscillator: f~ - f = (h/2) (-q, p) + O(h^2), of relative size h/2
    found = float(mismatch(I.symplectic_euler, OSCILLATOR, xs, h))
    assert found == pytest.approx(h / 2, rel=0.05)
    same = mismatch(I.verlet_kdk, PENDULUM, xs, h, data_step=I.verlet_kdk)
    assert float(same) == 0
    with pytest.warns(UserWarning, match="symplectic_euler with h = 0.1.*exact flow.* 5 %"):
        warn_if_mismatched(I.symplectic_euler, OSCILLATOR, xs, h)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert warn_if_mismatched(I.yoshida4, PENDULUM, xs, h) < 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: modified_energy(I.rk4, PENDULUM, 0.1), "RK4.*not symplectic"),
        (lambda: modified_field(I.verlet_kdk, PENDULUM, -0.1), "-0.1"),
        (lambda: modified_field(I.verlet_kdk, PENDULUM, 0.0), "0.0"),
        (lambda: modified_field(I.verlet_kdk, PENDULUM, 0.1, 9), "9"),
        (
            lambda: modified_field(I.verlet_kdk, F.NeuralField(2, 4, 1, key=jr.key(0)), 0.1),
            "kick",
        ),
        (
            lambda: warn_if_mismatched(I.rk4, PENDULUM, jnp.ones((2, 2)), 0.1, threshold=0.0),
            "threshold",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
