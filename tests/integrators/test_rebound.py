"""Impacts inside a step: the reflection, exact walls, and a learned event."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import assert_close, tol

from dynnets.energies import FunctionEnergy, KineticEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import (
    LearnedRebound,
    Rebound,
    Walls,
    reflect,
    rollout,
    verlet_kdk,
    yoshida4,
)
from dynnets.systems import Billiard

TABLE = Billiard(gravity=1.3, mass=0.7, width=1.2, height=0.8)


def test_a_unit_normal_keeps_the_kinetic_energy_and_is_undone_by_itself():
    p = jr.normal(jr.key(0), (200, 3))
    n = jr.normal(jr.key(1), (200, 3))
    n = n / jnp.linalg.norm(n, axis=1, keepdims=True)
    after = jax.vmap(reflect)(p, n)
    size = np.asarray(jnp.sum(p**2, axis=1))
    assert np.abs(np.asarray(jnp.sum(after**2, axis=1)) / size - 1).max() <= 4e-15
    one = jnp.array([0.6, 0.8])
    square = jnp.sum(reflect(jnp.array([0.3, -0.4]), one) ** 2)
    assert abs(float(square) - 0.25) <= 1e-15
    assert_close(jax.vmap(reflect)(after, n), p)
    assert_close(reflect(p[0], jnp.zeros(3)), p[0])


@pytest.fixture(scope="module")
def bounced():
    """States along 60 steps of 0.1, rolled and exact, features first `(61, 4, 48)`."""
    x0 = jax.vmap(TABLE.sample)(jr.split(jr.key(0), 48)).T
    step = Rebound(verlet_kdk, TABLE.walls, most=4)
    path = jax.jit(lambda x: rollout(step, TABLE.field, x, (0.1, 60)).xs)(x0)
    truth = jax.vmap(lambda t: TABLE.solution(t, x0))(jnp.linspace(0.0, 6.0, 61))
    return path, truth


def test_steps_through_impacts_are_the_exact_motion(bounced):
    path, truth = bounced
    energy = jax.vmap(lambda x: TABLE.energy(0.0, x))(path)
    assert float(jnp.abs(energy - energy[:1]).max()) <= 1e-12
    # a bounce a rounding error early turns into no more than that: no chaos in a rectangle
    assert float(jnp.abs(path - truth).max()) <= tol(float, 60)
    sides = jnp.array([1.2, 0.8])[None, :, None]
    assert bool((path[:, :2] >= -1e-12).all() and (path[:, :2] <= sides + 1e-12).all())


def test_impact_times_are_roots_of_the_tentative_step(bounced):
    x = bounced[1].transpose(0, 2, 1).reshape(-1, 4)

    def first(x):
        motion = lambda s: verlet_kdk(TABLE.field, 0.0, x, s)  # noqa: E731
        return TABLE.walls(motion, x, jnp.asarray(0.1))

    normal, share = jax.jit(jax.vmap(first))(x)
    until = TABLE.time_to_impact(x.T)
    hit = until < 0.1
    assert 200 < int(hit.sum()) < len(x) - 200
    assert bool((jnp.sum(normal**2, axis=1) == jnp.where(hit, 1.0, 0.0)).all())
    assert float(jnp.abs(jnp.where(hit, 0.1 * share - until, 0)).max()) <= tol(float)
    assert bool((share[~hit] == 1).all())


def test_newton_finds_the_impact_where_the_force_is_not_constant():
    spring = FunctionEnergy(lambda t, q: jnp.sum(q**4) / 4 + jnp.cos(3 * q[0]))
    field = SeparableHamiltonianField(KineticEnergy(jnp.ones(1)), spring)
    x, h = jnp.array([0.2, 1.0]), jnp.asarray(0.7)
    motion = lambda s: yoshida4(field, 0.0, x, s)  # noqa: E731

    @jax.jit
    def gap(polish_none, polished):
        found = [walls(motion, x, h) for walls in (polish_none, polished)]
        return [(normal[0], share, motion(share * h)[0] - 0.5) for normal, share in found]

    rough, exact = gap(*(Walls(jnp.array([[1.0]]), jnp.array([0.5]), polish=n) for n in (0, 4)))
    assert rough[0] == exact[0] == 1 and 0 < exact[1] < 1
    assert abs(float(exact[2])) <= tol(float) < abs(float(rough[2]))


def test_restitution_takes_its_share_of_the_normal_momentum():
    walls = Walls(jnp.array([[0.0, -1.0]]), jnp.zeros(1), restitution=0.5)
    x = jnp.array([0.0, 0.05, 0.3, -1.0])
    field = Billiard(gravity=1e-9).field
    after = jax.jit(lambda x: Rebound(verlet_kdk, walls)(field, 0.0, x, 0.1))(x)
    assert_close(after, jnp.array([0.03, 0.025, 0.3, 0.5]), 1e4)  # gravity is not quite zero


def test_a_learned_event_gains_no_energy_and_is_trained():
    event = LearnedRebound(2, 8, 1, key=jr.key(0))
    field, x = Billiard(gravity=1e-12).field, jnp.array([0.5, 0.4, 0.7, -0.2])

    @jax.jit
    def measure(event):
        after = lambda e: Rebound(verlet_kdk, e)(field, 0.0, x, 0.1)  # noqa: E731
        slope = jax.grad(lambda e: jnp.sum(after(e) ** 2))(event)
        return after(event), event.guess(x[:2], x[:2] + 0.1), slope

    after, (normal, gate, share), slope = measure(event)
    assert float(field.energy(0.0, after)) <= float(field.energy(0.0, x)) + tol(float)
    assert 0 < gate < 1 and 0 < share < 1 and abs(float(jnp.sum(normal**2) - gate**2)) < tol(float)
    leaves = jax.tree.leaves(slope)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)
    assert any(float(jnp.abs(leaf).max()) > 0 for leaf in leaves)
    info = Rebound(verlet_kdk, event).info
    assert info.keeps == frozenset() and info.needs == {"kick", "drift"}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="most"):
        Rebound(verlet_kdk, TABLE.walls, most=0)
    with pytest.raises(ValueError, match=r"unit length, got \[2"):
        Walls(jnp.array([[2.0]]), jnp.zeros(1))
    with pytest.raises(ValueError, match="restitution"):
        Walls(jnp.array([[1.0]]), jnp.zeros(1), restitution=1.5)
    with pytest.raises(ValueError, match="shapes"):
        Walls(jnp.eye(2), jnp.zeros(3))
    with pytest.raises(ValueError, match="gravity must be positive"):
        Billiard(gravity=0.0)
