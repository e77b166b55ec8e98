"""Gauss collocation: coefficients, order, invariants, and the volume that three stages lose."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.structure import volume_defect


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 5])
def test_coefficients_meet_the_order_conditions(stages):
    matrix, weights, nodes = I.gauss_tableau(stages)
    for k in range(1, 2 * stages + 1):  # B(2s)
        assert weights @ nodes ** (k - 1) == pytest.approx(1 / k, abs=1e-14)
    for k in range(1, stages + 1):  # C(s)
        assert np.abs(matrix @ nodes ** (k - 1) - nodes**k / k).max() <= 1e-14
    scaled = weights[:, None] * matrix  # symplectic
    assert np.abs(scaled + scaled.T - np.outer(weights, weights)).max() <= 1e-14


def test_two_stages_have_the_classic_closed_form():
    matrix, weights, nodes = I.gauss_tableau(2)
    root = 3**0.5 / 6
    assert np.abs(matrix - [[1 / 4, 1 / 4 - root], [1 / 4 + root, 1 / 4]]).max() <= 1e-15
    assert np.abs(nodes - [1 / 2 - root, 1 / 2 + root]).max() <= 1e-15
    assert np.abs(weights - 1 / 2).max() <= 1e-15


def test_a_forced_oscillator_converges_at_the_order():
    """`q'' = -q + cos 2t` from rest: `q = (cos t - cos 2 t) / 3`."""

    def forced(t, x, args=None):
        return jnp.stack([x[1], -x[0] + jnp.cos(2 * t)])

    exact = jnp.stack([(jnp.cos(2.0) - jnp.cos(4.0)) / 3, (2 * jnp.sin(4.0) - jnp.sin(2.0)) / 3])
    run = eqx.filter_jit(lambda s, n: I.rollout(s, forced, jnp.zeros(2), (2.0 / n, n)).xs[-1])
    for stages in (2, 3):
        errors = [float(jnp.abs(run(I.Gauss(stages), n) - exact).max()) for n in (4, 8)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2 * stages, abs=0.3)


def test_quadratic_invariants_and_the_volume_of_shears():
    keys = jr.split(jr.key(0), 4)
    up, down = jr.normal(keys[0], (2, 3)), jr.normal(keys[1], (3, 2))
    weight = jr.normal(keys[2], (4, 5, 5))
    x = jr.normal(keys[3], (5,))

    def shear(t, x, args=None):
        return jnp.concatenate([jnp.tanh(up @ x[2:]), jnp.tanh(down @ x[:2])])

    def turning(t, x, args=None):
        matrix = jnp.tensordot(jnp.tanh(weight[0, 0, :3] * x[:3]), weight[1:], 1)
        return (matrix - matrix.T) @ x

    points = jr.normal(jr.key(1), (32, 5))

    @eqx.filter_jit
    def volume(step, h):
        defect = lambda y: volume_defect(lambda z: step(shear, 0.0, z, h), y)  # noqa: E731
        return jnp.sqrt(jnp.mean(jax.vmap(defect)(points) ** 2))

    assert float(volume(I.Gauss(2), jnp.array(0.8))) <= tol(x.dtype)
    lost = [float(volume(I.Gauss(3), jnp.array(h))) for h in (0.4, 0.2)]
    assert np.log2(lost[0] / lost[1]) == pytest.approx(7, abs=0.5)
    after = I.Gauss(3)(turning, 0.0, x, 0.3)
    assert float(jnp.abs(after @ after - x @ x)) <= tol(x.dtype)


def test_one_stage_is_the_midpoint_rule():
    field = F.HamiltonianField(E.FunctionEnergy(lambda t, x: x[0] ** 4 + x[1] ** 2 * x[0]))
    x = jnp.array([0.4, -0.3])
    gap = I.Gauss(1)(field, 0.0, x, 0.3) - I.ImplicitMidpoint()(field, 0.0, x, 0.3)
    assert float(jnp.abs(gap).max()) <= tol(x.dtype)
    assert bool((I.Gauss(2)(field, 0.0, x, 0.0) == x).all())


@pytest.mark.parametrize("stages", [0, 6])
def test_other_stages_are_refused(stages):
    with pytest.raises(ValueError, match=str(stages)):
        I.Gauss(stages)


def test_volume_of_a_diagonal_times_a_skew_matrix():
    """The other kind of field that is declared to be like a sum of shears."""
    field, points = F.AntisymmetricField(5, scale=3.0, key=jr.key(0)), jr.normal(jr.key(1), (8, 5))
    for step in (I.ImplicitMidpoint(), I.Gauss(2)):
        assert T.verdict(step, field, T.VOLUME).holds
        one = lambda x, step=step: volume_defect(lambda y: step(field, 0.0, y, 0.8), x)  # noqa: E731
        assert float(jax.jit(jax.vmap(one))(points).max()) <= tol(points.dtype)
