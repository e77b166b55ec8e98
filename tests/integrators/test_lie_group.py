"""Lie-group steps: rotations for every width, order, and the fields that they refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets import fields as F, integrators as I
from dynnets.fields import AbstractField
from dynnets.structure import NORM, ORTHOGONAL

STEPS = [I.cayley, I.cayley_midpoint, I.lie_euler, I.lie_midpoint]
steps = pytest.mark.parametrize("step", STEPS, ids=lambda s: s.name)


class Skewed(AbstractField):
    """`x' = S(x) x` with `S = sum_i tanh(first entries) (W_i - W_i^T)`."""

    weight: jax.Array
    tag: object = NORM

    @property
    def structure(self):
        return frozenset({self.tag})

    def skew(self, t, x, args=None):
        matrix = jnp.tensordot(jnp.tanh(x.reshape(x.shape[0], -1)[:, 0]), self.weight, 1)
        return matrix - matrix.T

    def __call__(self, t, x, args=None):
        return self.skew(t, x) @ x


FIELD = Skewed(jr.normal(jr.key(0), (3, 3, 3)))
X = jr.normal(jr.key(1), (3,))


@steps
def test_norm_and_columns_are_kept_for_long_steps(step):
    @jax.jit
    def ends(x, q, h):
        turned = step(Skewed(FIELD.weight, ORTHOGONAL), 0.0, q, h)
        return step(FIELD, 0.0, x, h), turned

    q = jnp.linalg.qr(jr.normal(jr.key(2), (3, 3)))[0]
    for h in (0.1, 3.0, -3.0, 0.0):
        y, turned = ends(X, q, h)
        assert float(jnp.abs(y @ y - X @ X)) <= tol(X.dtype)
        assert float(jnp.abs(turned.T @ turned - jnp.eye(3)).max()) <= tol(X.dtype)
    single = step(
        jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_array(a) else a, FIELD),
        0.0,
        X.astype(jnp.float32),
        0.1,
    )
    assert single.dtype == jnp.float32


@steps
def test_order(step):
    run = eqx.filter_jit(lambda s, n: I.rollout(s, FIELD, X, (0.5 / n, n)).xs[-1])
    exact = run(I.Gauss(3), 16)
    errors = [float(jnp.abs(run(step, n) - exact).max()) for n in (32, 64)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(step.order, abs=0.3)


def test_constant_matrices_turn_exactly():
    spin = jnp.array([[0.0, -2.0], [2.0, 0.0]])
    x, h = jnp.array([1.0, 0.0]), 0.4
    angle = {"lie_euler": 0.8, "cayley": 2 * np.arctan(0.4)}

    class Spin(AbstractField):
        structure = frozenset({NORM})

        def skew(self, t, x, args=None):
            return spin

        def __call__(self, t, x, args=None):
            return spin @ x

    for step in (I.lie_euler, I.cayley):
        y = step(Spin(), 0.0, x, h)
        assert float(y[0]) == pytest.approx(np.cos(angle[step.name]), abs=1e-14)
        assert float(y[1]) == pytest.approx(np.sin(angle[step.name]), abs=1e-14)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="cayley needs .* skew; NeuralField"):
        I.cayley(F.NeuralField(3, 4, 1, key=jr.key(0)), 0.0, X, 0.1)
    with pytest.raises(ValueError, match="kayley"):
        I.LieGroupStep("wrong", "kayley", 1)
    with pytest.raises(ValueError, match="3"):
        I.LieGroupStep("wrong", "cayley", 3)
