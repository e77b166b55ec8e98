"""What the tableaus say, against closed forms and against measurements."""

import math

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets import integrators as I

TABLE = [  # order, defect order, circle contractivity
    (I.explicit_euler, 1, 1, 1.0),
    (I.heun, 2, 3, 1.0),
    (I.explicit_midpoint, 2, 2, 0.0),
    (I.ralston, 2, 2, 0.7913),
    (I.kutta3, 3, 3, 0.5),
    (I.ssp3, 3, 3, 1.0),
    (I.rk4, 4, 4, 1.0),
    (I.RungeKutta(diffrax.Bosh3()), 3, 3, 0.8990),
    (I.RungeKutta(diffrax.Dopri5()), 5, 5, 0.0),
    (I.RungeKutta(diffrax.Tsit5()), 5, 5, 0.0),
]
rows = pytest.mark.parametrize("step, order, defect, radius", TABLE, ids=lambda v: str(v)[:12])


@rows
def test_facts_of_the_tableaus(step, order, defect, radius):
    info = step.info
    assert (info.order, info.defect_order) == (order, defect)
    assert info.contractivity == pytest.approx(radius, abs=6e-4)


def test_an_algebraically_stable_method_is_contractive_for_every_step():
    midpoint = diffrax.ButcherTableau(
        a_lower=(np.array([0.5]),),
        b_sol=np.array([0.5, 0.5]),
        b_error=np.array([0.5, -0.5]),
        c=np.array([0.75]),
        a_diagonal=np.array([0.25, 0.25]),
        a_predictor=(np.array([1.0]),),
        c1=0.25,
    )  # two half steps of the implicit midpoint rule
    assert math.isinf(I.circle_contractivity(midpoint))


@pytest.mark.parametrize(
    "step, defect", [row[::2] for row in TABLE[:7]], ids=[row[0].info.name for row in TABLE[:7]]
)
def test_the_norm_is_lost_at_the_defect_order(step, defect):
    weight = jr.normal(jr.key(0), (5, 4, 4))
    states = jr.normal(jr.key(1), (32, 4))

    def turning(t, x, args=None):
        matrix = jnp.tensordot(jnp.tanh(weight[0, 0] * x), weight[1:], 1)
        return (matrix - matrix.T) @ x

    def change(h):
        after = jax.vmap(lambda x: step(turning, 0.0, x, h))(states)
        return jnp.sqrt(jnp.mean((jnp.sum(after**2, 1) - jnp.sum(states**2, 1)) ** 2))

    change = jax.jit(change)
    slope = jnp.log2(change(0.02) / change(0.01))
    assert abs(float(slope) - (defect + 1)) <= 0.25


@pytest.mark.parametrize("step", [I.kutta3, I.ssp3, I.rk4, I.heun])
def test_no_expansion_up_to_the_bound(step):
    """`-A^T tanh(A x)`, 50 random pairs and weights at the bound of the step."""
    bound = 2 * step.info.contractivity

    def ratio(key):
        a, b, c = jr.split(key, 3)
        weight = 3 * jr.normal(a, (6, 3))
        x, y = jr.normal(b, (3,)), jr.normal(c, (3,))
        h = bound / jnp.linalg.norm(weight, 2) ** 2
        field = lambda t, z, args=None: -weight.T @ jnp.tanh(weight @ z)  # noqa: E731
        apart = step(field, 0.0, x, h) - step(field, 0.0, y, h)
        return jnp.linalg.norm(apart) / jnp.linalg.norm(x - y)

    assert float(jax.jit(jax.vmap(ratio))(jr.split(jr.key(2), 50)).max()) <= 1 + 1e-12


def test_orders_are_those_of_the_oscillator():
    """One step of `x' = i x` against `exp(i h)`: the error is `h^(order + 1)`."""

    def turn(t, x, args=None):
        return jnp.stack([x[1], -x[0]])

    def error(step, h):
        exact = jnp.stack([jnp.cos(h), -jnp.sin(h)])
        return jnp.linalg.norm(step(turn, 0.0, jnp.array([1.0, 0.0]), h) - exact)

    for step, order, _, _ in TABLE[:7]:
        slope = jnp.log2(error(step, jnp.array(0.1)) / error(step, jnp.array(0.05)))
        assert abs(float(slope) - (order + 1)) <= 0.1


def test_what_is_no_runge_kutta_method_is_refused():
    with pytest.raises(ValueError, match="Runge-Kutta"):
        I.RungeKutta(I.verlet_kdk)
