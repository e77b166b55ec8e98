"""Dependence read off the program: what is separable is seen, what is not is never passed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynnets._core import half_dependence
from dynnets.fields import canonical_matrix, join_phase, split_phase

Y = jnp.zeros(4)
J = canonical_matrix(2)
MASS = jnp.array([[2.0, 0.5], [0.5, 1.0]])
TABLE = jnp.array([1.0, -1.0, 0.5])


def energy(y):
    return 0.5 * y[2:] @ MASS @ y[2:] - jnp.cos(y[0]) * y[1] + jnp.sum(jax.nn.softplus(y[:2]))


def force(q):
    return -jnp.sin(q) - jnp.flip(q) ** 3


def by_scan(y):
    q, p = split_phase(y)
    f, rows = jax.lax.scan(lambda f, a: (f - a * jnp.tanh(q), f[0]), q, TABLE)
    return join_phase(p * jnp.sum(TABLE), f + rows[0])


def by_loop(y):
    q, p = split_phase(y)
    f = jax.lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] + q), (0, q))[1]
    return join_phase(jnp.linalg.solve(MASS, p), f)


def by_places(y):
    rate = jnp.zeros(4).at[jnp.array([0, 1])].set(y[jnp.array([3, 2])])
    return rate.at[2:].add(-y[:2])


SEPARABLE = {
    "matrix times gradient": lambda y: J @ jax.grad(energy)(y),
    "matrix made inside": lambda y: canonical_matrix(2) @ jax.grad(energy)(y),
    "einsum": lambda y: jnp.einsum("ij,j->i", J, jax.grad(energy)(y)),
    "zero block": lambda y: jnp.zeros((4, 4)).at[:2, 2:].set(MASS).at[2, 0].set(-1.0) @ y,
    "masks": lambda y: jnp.roll(y, 2) * jnp.array([1.0, 1, -1, -1]) + y * jnp.zeros(4),
    "mask by where": lambda y: jnp.where(np.arange(4) < 2, jnp.roll(y, 2), -jnp.roll(y, 2)),
    "vmap": lambda y: join_phase(jax.vmap(jnp.sin)(y[2:]), jax.vmap(jax.grad(jnp.cos))(y[:2])),
    "jit and custom rules": lambda y: join_phase(jax.nn.relu(y[2:]), jax.jit(force)(y[:2])),
    "remat": lambda y: join_phase(y[2:], jax.checkpoint(force)(y[:2])),
    "where on q": lambda y: join_phase(y[2:], jnp.where(y[:2] > 0, -y[:2], TABLE[:2])),
    "cond on q": lambda y: join_phase(
        y[2:], jax.lax.cond(y[0] > 0, jnp.sin, lambda q: 0.0 * q, y[:2])
    ),
    "table in q": lambda y: join_phase(y[2:], TABLE[jnp.argmax(y[:2])] * y[:2]),
    "scan": by_scan,
    "loop and solve": by_loop,
    "gather and scatter": by_places,
}

COUPLED = {
    "friction": (lambda y: join_phase(y[2:], -y[:2] - 0.1 * y[2:]), "p"),
    "matrix times gradient": (lambda y: J @ jax.grad(lambda y: energy(y) * y[2])(y), "qp"),
    "where on p": (lambda y: join_phase(y[2:], jnp.where(y[2:] > 0, -1.0, 1.0)), "p"),
    "dry friction": (lambda y: join_phase(y[2:], -y[:2] - jnp.sign(y[2:])), "p"),
    "cond on p": (
        lambda y: join_phase(y[2:], jax.lax.cond(y[2] > 0, lambda: -Y[:2], lambda: 1 - Y[:2])),
        "p",
    ),
    "switch on q": (
        lambda y: join_phase(
            jax.lax.switch(jnp.argmax(y[:2]), [jnp.sin, jnp.cos], y[2:]), force(y[:2])
        ),
        "q",
    ),
    "table in p": (lambda y: join_phase(y[2:], TABLE[y[2:].astype(int)]), "p"),
    "sliced at p": (
        lambda y: join_phase(
            y[2:], jax.lax.dynamic_slice(TABLE, (jnp.argmax(y[2:]),), (2,)) - y[:2]
        ),
        "p",
    ),
    "put at p": (
        lambda y: join_phase(y[2:], jnp.zeros(2).at[jnp.argmax(y[2:])].set(1.0)),
        "p",
    ),
    "rounds counted by p": (
        lambda y: join_phase(
            y[2:], jax.lax.fori_loop(0, jnp.argmax(y[2:]) + 1, lambda i, f: 2 * f, y[:2])
        ),
        "p",
    ),
    "carried by a scan": (
        lambda y: join_phase(y[2:], jax.lax.scan(lambda c, x: (x, c), 0.0, y[1:])[1][1:]),
        "p",
    ),
    "sorted": (lambda y: jnp.sort(jnp.roll(y, 2)), "qp"),
    "solved": (lambda y: jnp.linalg.solve(jnp.eye(4) + jnp.outer(y, y), y), "qp"),
    "convolved": (lambda y: jnp.convolve(jnp.roll(y, 2), TABLE, mode="same"), "qp"),
}


def own_halves(function):
    found = half_dependence(function, Y)
    return {
        "q": found.on_first[:2].any(),
        "p": found.on_second[2:].any(),
    }


@pytest.mark.parametrize("name", SEPARABLE)
def test_what_separates_is_seen_to(name):
    assert not any(own_halves(SEPARABLE[name]).values())


@pytest.mark.parametrize("name", COUPLED)
def test_what_does_not_separate_is_never_passed(name):
    function, letters = COUPLED[name]
    found = own_halves(function)
    assert {letter for letter in found if found[letter]} == set(letters)


def test_dependence_covers_what_differences_find():
    """Against finite changes of the argument: no entry that moves is called independent."""
    for function in (*SEPARABLE.values(), *(pair[0] for pair in COUPLED.values())):
        found = half_dependence(function, Y)
        said = np.stack([found.on_first, found.on_second])
        run = jax.jit(jax.vmap(function))
        for seed in range(3):
            y = np.random.default_rng(seed).normal(size=4)
            moved = np.stack([y, *(y + step for step in 1.5 * np.eye(4)), *(y - np.eye(4))])
            values = np.asarray(run(moved))
            changed = values[1:] != values[0]
            first = changed[[0, 1, 4, 5]].any(axis=0)
            second = changed[[2, 3, 6, 7]].any(axis=0)
            assert (said[0] | ~first).all() and (said[1] | ~second).all()


def test_a_matrix_that_is_only_known_at_run_time_mixes():
    def inside(matrix):
        separable = own_halves(lambda y: matrix @ y)
        assert all(separable.values())
        return matrix

    jax.jit(inside)(J)
    assert not any(own_halves(lambda y: J @ y).values())
