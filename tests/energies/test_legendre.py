"""The Legendre transform: closed forms, involution, derivatives by the envelope theorem."""

import jax
import jax.numpy as jnp
import pytest
from helpers import assert_close

from dynnets import energies as E

Q, P = jnp.array([0.4, -0.7]), jnp.array([1.3, 0.6])
X = jnp.concatenate([Q, P])
MASS, LIGHT = 1.5, 2.0


def potential(q):
    return jnp.cos(q[0]) + q[0] * q[1] ** 2


def vector_potential(q):
    return jnp.stack([q[1] ** 2, -q[0]])


def kepler(t, q, v):
    return MASS * jnp.sum(v**2) / 2 - potential(q)


def charged(t, q, v):
    return MASS * jnp.sum(v**2) / 2 + 0.5 * jnp.dot(vector_potential(q), v)


def relativistic(t, q, v):
    return -MASS * LIGHT**2 * jnp.sqrt(1 - jnp.sum(v**2) / LIGHT**2)


def quartic(t, q, v):
    return jnp.sum(v**4) / 4


def spinning(t, q, v):
    """A mass matrix that depends on `q`, a gyroscopic term, and time."""
    mass = v[0] ** 2 + (1 + q[0] ** 2) * v[1] ** 2 + v[0] * v[1] * jnp.cos(q[1])
    return mass / 2 + q[1] * v[0] - (1 + t) * potential(q)


CLOSED = {
    "mechanical": (kepler, {}, jnp.sum(P**2) / (2 * MASS) + potential(Q)),
    "mechanical, one solve": (
        kepler,
        {"quadratic": True},
        jnp.sum(P**2) / (2 * MASS) + potential(Q),
    ),
    "charged": (charged, {}, jnp.sum((P - 0.5 * vector_potential(Q)) ** 2) / (2 * MASS)),
    "relativistic": (
        relativistic,
        {},
        jnp.sqrt(jnp.sum(P**2) * LIGHT**2 + MASS**2 * LIGHT**4),
    ),
    "quartic": (quartic, {"guess": lambda t, q, p: p}, 0.75 * jnp.sum(jnp.abs(P) ** (4 / 3))),
}


def test_closed_forms():
    @jax.jit
    def values():
        found = {}
        for name, (lagrangian, options, _) in CLOSED.items():
            energy = E.legendre(lagrangian, **options)
            p = jax.grad(lagrangian, 2)(0.0, Q, energy.velocity(0.0, Q, P))
            found[name] = energy(0.0, X), p
        return found

    for name, (value, p) in values().items():
        assert_close(value, CLOSED[name][2])
        assert_close(p, P)


def test_involution():
    """Both transforms after one another, each by Newton's method on the other's."""
    energy = E.legendre(spinning, reads_time=True)
    back = E.inverse_legendre(energy)

    @jax.jit
    def both(q, p):
        v = energy.velocity(0.3, q, p)
        return back(0.3, q, v), spinning(0.3, q, v), back.momentum(0.3, q, v)

    value, expected, p = both(Q, P)
    assert_close(value, expected)
    assert_close(p, P)
    assert not energy.autonomous and E.legendre(kepler).autonomous


def test_the_envelope_theorem():
    """First and second derivatives of `H`, in time and in parameters of the Lagrangian too."""
    energy = E.legendre(spinning, reads_time=True)
    t, h = jnp.asarray(0.3), 1e-5

    def with_mass(mass):
        return E.legendre(lambda t, q, v: mass * jnp.sum(v**2) / 2)(0.0, X)

    @jax.jit
    def values(t, x):
        v = energy.velocity(t, Q, P)
        column = (energy.gradient(t, x.at[0].add(h)) - energy.gradient(t, x.at[0].add(-h))) / 2 / h
        return {
            "slopes": jax.grad(energy, argnums=(0, 1))(t, x),
            "of L": (v, *jax.grad(spinning, argnums=(0, 1))(t, Q, v)),
            "gradient": energy.gradient(t, x),
            "second": jax.jacfwd(energy.gradient, argnums=1)(t, x),
            "by the rule": jax.jvp(jax.grad(energy, argnums=1), (t, x), (0 * t, x))[1],
            "column": column,
            "inverse": jnp.linalg.inv(jax.hessian(spinning, 2)(t, Q, v)),
            "in the mass": jax.grad(with_mass)(jnp.asarray(2.0)),
        }

    found = values(t, X)
    slope_t, slope = found["slopes"]
    v, l_t, l_q = found["of L"]
    assert_close(slope_t, -l_t)
    assert_close(slope, jnp.concatenate([-l_q, v]))
    assert_close(found["gradient"], slope)
    second = found["second"]
    assert_close(second, second.T)
    assert_close(found["by the rule"], second @ X)
    assert_close(second[2:, 2:], found["inverse"])
    assert float(jnp.abs(second[:, 0] - found["column"]).max()) <= 1e-8  # h^2, round-off / h
    assert_close(found["in the mass"], -jnp.sum(P**2) / 8)


def test_batches_and_single_precision():
    energy = E.legendre(charged, quadratic=True)
    batch = jnp.stack([X, 2 * X, -X], axis=1)

    @jax.jit
    def values(batch):
        rows = [energy.gradient(0.0, x) for x in batch.T]
        return energy.gradient(0.0, batch), jnp.stack(rows, axis=1), energy(0.0, batch)

    together, columns, heights = values(batch)
    assert_close(together, columns)
    single = jax.jit(E.legendre(charged))(0.0, X.astype(jnp.float32))
    assert single.dtype == jnp.float32
    assert_close(single, heights[0].astype(jnp.float32))


def test_degenerate_lagrangians_are_refused():
    def massless(t, q, v):
        return v[0] ** 2 - potential(q)

    energy = E.legendre(massless, quadratic=True)
    with pytest.raises(ValueError, match="L_vv is regular.*nan"):
        energy(0.0, X)
    found = jax.jit(lambda x: (energy(0.0, x), E.legendre(massless)(0.0, x)))(X)
    assert bool(jnp.isnan(jnp.stack(found)).all())  # no value is known while compiling
    with pytest.raises(ValueError, match="H_pp is regular.*nan"):
        E.inverse_legendre(lambda t, x: x[2] ** 2, quadratic=True)(0.0, Q, P)
    with pytest.raises(ValueError, match="max_steps.*0"):
        E.legendre(kepler, max_steps=0)
