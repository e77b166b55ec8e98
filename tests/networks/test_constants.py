"""Constants of layers and of their compositions, against closed forms and measured Jacobians."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets import fields as F, integrators as I, networks as N


def test_contraction_is_attained_by_orthonormal_columns(getkey):
    """The sharp factor of `max(x, x / 2)`: 1/3 at h = 4/3, which leaves h = 2 to expansion."""
    a = jnp.linalg.qr(jr.normal(getkey(), (5, 3)))[0]
    for h in (0.5, 4 / 3, 1.9):
        factor = float(I.contraction_factor(h, 0.5, 1.0))
        jacobians = (jnp.eye(3) - h * slope * a.T @ a for slope in (0.5, 1.0))
        attained = max(float(jnp.linalg.norm(jacobian, 2)) for jacobian in jacobians)
        assert attained == pytest.approx(factor, abs=1e-12)
    assert float(I.contraction_factor(4 / 3, 0.5, 1.0)) == pytest.approx(1 / 3)
    assert float(N.expansion_limit(1 / 3, 1.0)) == pytest.approx(2.0)
    assert float(N.expansion_limit(3**0.5 / 2, 1.0)) == pytest.approx(2 / 3**0.5 - 1)


def test_averagedness_composes():
    total = 0.6
    for _ in range(4):
        total = N.compose_averagedness(total, 0.6)
    assert float(total) == pytest.approx(5 / (5 - 1 + 1 / 0.6))
    assert float(N.compose_averagedness(1.0, 0.3)) == pytest.approx(1.0)
    assert float(N.compose_averagedness(1.0, 1.0)) == 1.0
    nu = 3.0
    assert I.euler_averagedness(1 / nu, nu) == 0.5
    assert I.midpoint_averagedness(2 / nu, nu) == 0.5
    assert I.implicit_euler_averagedness(1e9, nu) == pytest.approx(0.5)


@pytest.mark.parametrize("h", [0.5, 2.0, 2.05])
def test_euler_at_its_bound_is_sharp(h, getkey):
    """Linear `s`, `|A| = 1`: exactly one at h = 2, beyond it more than one."""
    field = lambda key: F.NonExpansiveField(3, 3, activation="identity", key=key)  # noqa: E731
    net = N.flow_network(field, 1, I.explicit_euler, h, key=getkey())
    jacobian = jax.jacfwd(net)(jr.normal(getkey(), (3,)))
    measured = float(jnp.linalg.norm(jacobian, 2))
    assert measured == pytest.approx(float(N.lipschitz_bound(net)), abs=1e-12)
    alpha = float(N.averagedness(net))
    assert alpha == pytest.approx(h / 2) if h <= 2 else alpha == float("inf")
    if h < 2:  # the definition: what is left of the map after its share of the identity
        rest = (jacobian - (1 - alpha) * jnp.eye(3)) / alpha
        assert float(jnp.linalg.norm(rest, 2)) <= 1 + tol(jacobian.dtype)


def test_bounds_of_networks(getkey):
    x = jr.normal(getkey(), (3,))
    free = N.flow_network(lambda key: F.ExpansiveField(3, 4, key=key), 3, I.heun, 0.2, key=getkey())
    assert float(N.lipschitz_bound(free)) == float("inf")
    euler = N.FlowNetwork(free.fields, (I.explicit_euler,), free.step_sizes)
    assert float(N.lipschitz_bound(euler)) == pytest.approx(1.2**3)
    wave = N.flow_network(
        lambda key: F.AntisymmetricField(4, damping=0.3, scale=2.0, key=key),
        3,
        I.explicit_euler,
        -0.2,
        key=getkey(),
        lift=N.ZeroPadding(3, 4),
        project=N.SumTruncation(4, 2),
    )
    norm = float(jnp.linalg.norm(jax.jacfwd(wave)(x), 2))
    assert norm <= float(N.lipschitz_bound(wave))
    with pytest.raises(ValueError, match="a space into itself"):
        N.averagedness(wave)
    field = lambda key: F.NonExpansiveField(4, 4, key=key)  # noqa: E731
    ends = {"lift": N.ZeroPadding(3, 4), "project": N.Truncation(4, 3)}
    for step, h, alpha in [
        (I.explicit_euler, 1.0, 0.5),
        (I.ImplicitMidpoint(), 2.0, 0.5),
        (I.rk4, 1.999, 1.0),
        (I.rk4, 2.0, float("inf")),  # |A| is one up to rounding, and so is the limit two
    ]:
        net = N.flow_network(field, 1, step, h, key=getkey(), **ends)
        assert float(N.averagedness(net)) == pytest.approx(alpha)
        known = float(N.lipschitz_bound(net, evaluated=False))
        assert known == (1 if alpha <= 1 else float("inf"))


def test_resizing(getkey):
    x = jr.normal(getkey(), (5, 3))
    padded = N.ZeroPadding(5, 7)(x)
    assert bool((N.ZeroPadding(5, 7).undo(padded) == x).all())
    assert bool((N.Truncation(5, 2)(x) == x[:2]).all())
    spread = N.SumTruncation(5, 2)
    assert jnp.allclose(jnp.sum(spread(x), axis=0), jnp.sum(x, axis=0), atol=1e-14, rtol=0)
    assert float(jnp.linalg.norm(jax.jacfwd(spread)(x[:, 0]), 2)) == pytest.approx(spread.norm)
    for wrong in (lambda: N.ZeroPadding(5, 3), lambda: N.SumTruncation(3, 5)):
        with pytest.raises(ValueError, match="between 5 and 3"):
            wrong()
    with pytest.raises(ValueError, match="of 5 components, got 4"):
        N.ZeroPadding(5, 7)(jnp.ones(4))
