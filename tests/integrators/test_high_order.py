"""Coefficients meet their order conditions to round-off and are what Newton's method finds."""

import jax.numpy as jnp
import numpy as np
import pytest

from dynnets import energies as E, fields as F, integrators as I
from dynnets.analysis import observed_order

METHODS = [
    I.symplectic_euler,
    I.verlet_kdk,
    I.ruth3,
    I.mclachlan4,
    I.suzuki4,
    I.yoshida4,
    I.blanes_moan4,
    I.blanes_moan6,
    I.yoshida6,
    I.yoshida8,
    I.suzuki_umeno8,
]
methods = pytest.mark.parametrize("step", METHODS, ids=lambda step: step.name)


@methods
def test_order_conditions_hold_to_round_off_and_no_further(step):
    defects = I.splitting_defects(step.coefficients, step.order)
    # Weights up to 1.7 in absolute value: the powers that cancel are of this size.
    size = max(1.0, max(abs(c) for c in step.coefficients)) ** step.order
    assert max(abs(v) for v in defects.values()) <= 1e-14 * size
    # degree 9 alone has 512 words: left to the observed order below
    if step.order <= 6:
        assert I.splitting_order(step.coefficients) == step.order


@methods
def test_symmetry_and_evaluations(step):
    symmetric = step.order not in (1, 3)
    assert step.info.symmetric is symmetric
    assert step.info.evaluations == sum(1 for _ in step.coefficients[1::2])
    assert I.coefficients_of(I.sweeps_of(step.coefficients)) == pytest.approx(
        step.coefficients, abs=1e-14
    )


def _newton(residual, x, rounds=12):
    """Least-norm Newton iteration, Jacobian by complex differentiation."""
    x = np.asarray(x, float)
    for _ in range(rounds):
        shifts = np.eye(len(x)) * 1e-20j
        jacobian = np.stack([np.imag(residual(x + shift)) / 1e-20 for shift in shifts], 1)
        x = x - np.linalg.lstsq(jacobian, np.real(residual(x)), rcond=1e-8)[0]
    return x


def _composition_residual(order):
    def residual(half):
        weights = [*half, 1 - 2 * sum(half), *half[::-1]]
        substeps = [("verlet", 2, True, False, w) for w in weights]
        return np.array(list(I.composition_defects(substeps, order - 1)[0].values()))

    return residual


@pytest.mark.parametrize(
    ("weights", "order"),
    [(I.YOSHIDA6_WEIGHTS, 6), (I.YOSHIDA8_WEIGHTS, 8), (I.SUZUKI_UMENO8_WEIGHTS, 8)],
    ids=["yoshida6", "yoshida8", "suzuki_umeno8"],
)
def test_newton_finds_the_weights_from_three_digits(weights, order):
    half = np.array(weights[: len(weights) // 2])
    found = _newton(_composition_residual(order), [float(f"{w:.3g}") for w in half])
    # the conditions of solution D have a condition number of 6e4
    assert np.abs(found - half).max() <= 2e-12
    substeps = tuple(("verlet", 2, True, False, w) for w in weights)
    assert I.composition_order(substeps) == order


@pytest.mark.parametrize("step", [I.blanes_moan4, I.blanes_moan6], ids=lambda step: step.name)
def test_newton_leaves_the_blanes_moan_methods_where_they_are(step):
    free = {4: 5, 6: 9}[step.order]

    def residual(half):
        first, second = list(half[::2]), list(half[1::2])
        first.append(1 - 2 * sum(first))
        second.append(0.5 - sum(second))
        half = [c for pair in zip(first, second, strict=False) for c in pair]
        coefficients = [*half, first[-1], *half[::-1]]
        return np.array(list(I.splitting_defects(coefficients, step.order - 1).values()))

    half = np.array(step.coefficients[:free])
    assert np.abs(_newton(residual, half, 1) - half).max() <= 5e-15


def test_closed_forms():
    assert sum(w**3 for w in I.triple_jump_weights(2)) == pytest.approx(0, abs=1e-14)
    assert sum(w**5 for w in I.suzuki_weights(4)) == pytest.approx(0, abs=1e-14)
    assert I.symmetric_weights(2) == (1.0,)
    assert len(I.symmetric_weights(10)) == 45
    assert sum(I.symmetric_weights(10)) == pytest.approx(1, abs=1e-13)
    assert I.yoshida4.coefficients == pytest.approx(
        I.coefficients_of(tuple(w / 2 for w in I.symmetric_weights(4) for _ in range(2)))
    )
    for make in (I.triple_jump_weights, I.suzuki_weights, I.symmetric_weights):
        with pytest.raises(ValueError, match="even order, got 3"):
            make(3)


STEPS = {1: 16, 2: 16, 3: 16, 4: 8, 6: 10, 8: 16}


@methods
def test_observed_order(step):
    """On `H = (p^2 + p^4 / 2) / 2 - cos q + q sin(t) / 4`, all of whose brackets are alive."""
    field = F.SeparableHamiltonianField(
        E.FunctionEnergy(lambda t, p: (p[0] ** 2 + p[0] ** 4 / 2) / 2),
        E.FunctionEnergy(lambda t, q: -jnp.cos(q[0]) + q[0] * jnp.sin(t) / 4),
    )
    x0 = jnp.array([0.7, 0.4])
    duration = {8: 4.0, 6: 2.0}.get(step.order, 1.0)
    slope = observed_order(step, field, x0, duration, steps=STEPS[step.order], levels=3)
    assert abs(float(slope) - step.order) <= 0.25


def test_a_better_error_constant_is_a_smaller_error():
    """At the same number of kicks per unit of time, on the pendulum."""
    field = F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0])))
    x0 = jnp.array([1.0, 0.5])
    exact = I.rollout(I.suzuki_umeno8, field, x0, (0.05, 120)).xs[-1]

    def error(step):
        n = 240 // step.info.evaluations
        return float(jnp.abs(I.rollout(step, field, x0, (6.0 / n, n)).xs[-1] - exact).max())

    jump = error(I.yoshida4)
    assert error(I.suzuki4) < 0.5 * jump
    assert error(I.mclachlan4) < 0.1 * jump
    assert error(I.blanes_moan4) < 0.02 * jump
    assert error(I.blanes_moan6) < 0.2 * error(I.yoshida6)
