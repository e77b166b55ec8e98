"""Models of bodies that act in pairs, and Kepler ellipses."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.fields import canonical_matrix
from dynnets.models import (
    KeplerEllipses,
    PairwiseForce,
    fit_ellipses,
    newtonian_bodies,
)
from dynnets.structure import MOMENTUM, SYMPLECTIC, VOLUME


def _two_bodies(e: float = 0.3):
    """A light planet at its pericentre: semi-axis 1, period 1 about the centre of mass."""
    mass, total = 1e-3, 1.001
    model = newtonian_bodies(jnp.array(4 * jnp.pi**2 / total), jnp.array([1.0, mass]), substeps=4)
    speed = 2 * jnp.pi * ((1 + e) / (1 - e)) ** 0.5
    r, v = jnp.array([1 - e, 0.0, 0.0]), jnp.array([0.0, speed * 0.8, speed * 0.6])
    share = jnp.array([-mass / total, 1 / total])
    return model, jnp.concatenate([jnp.outer(share, r).ravel(), jnp.outer(share, v).ravel()])


def test_newtonian_bodies_close_their_orbit():
    model, x0 = _two_bodies()
    ts = jnp.linspace(0.0, 1.0, 201)
    xs = model.predict(x0, ts)
    assert jnp.abs(xs[-1] - x0).max() < 1e-4  # order 4, 800 steps an orbit
    energy = jax.vmap(lambda x: model.energy(0.0, x))(xs)
    assert jnp.abs(energy / energy[0] - 1).max() < 1e-6
    momentum = model.field.momentum(xs.T)
    assert jnp.abs(momentum - momentum[:, :1]).max() < tol(xs.dtype)


def test_structure_and_canonical_form():
    model, x0 = _two_bodies()
    assert {VOLUME, MOMENTUM} <= model.structure
    canonical = model.canonical
    assert SYMPLECTIC in canonical.structure
    mass = model.potential.mass_per_coordinate()
    z0 = jnp.concatenate([x0[:6], mass * x0[6:]])
    jacobian = jax.jacfwd(lambda z: canonical.step(canonical.field, 0.0, z, 0.02))(z0)
    form = canonical_matrix(6, z0.dtype)
    assert jnp.abs(jacobian.T @ form @ jacobian - form).max() < tol(z0.dtype, 1e3)


def test_pair_force_forecasts(getkey):
    model = PairwiseForce(jnp.ones(2), 3, 0.5, 2.0, 8, 1, key=getkey())
    xs = model.predict(jr.normal(getkey(), (12,)), jnp.linspace(0.0, 0.1, 4))
    assert xs.shape == (4, 12) and jnp.isfinite(xs).all()
    assert model.energy is None and VOLUME not in model.structure


@pytest.mark.parametrize("centre", ["sun", "barycentre"])
def test_ellipses_fit_a_kepler_orbit(centre):
    model, x0 = _two_bodies()
    ts = jnp.linspace(0.0, 2.0, 161)
    xs = model.predict(x0, ts)
    found = fit_ellipses(ts[:81], xs[:81], centre)
    # to the error of the measured orbit, an ellipse in both frames
    assert jnp.abs(found.predict(None, ts) - xs).max() < 5e-3
    axis, mean_motion = jnp.exp(found.elements[0, 0]), jnp.exp(found.elements[0, 6])
    assert jnp.abs(axis - (1.0 if centre == "sun" else 1 / 1.001)) < 1e-4
    assert jnp.abs(mean_motion - 2 * jnp.pi) < 1e-3
    assert jnp.abs(jnp.hypot(found.elements[0, 1], found.elements[0, 2]) - 0.3) < 1e-4


def test_ellipses_name_bad_data():
    ts, xs = jnp.linspace(0.0, 1.0, 5), jnp.ones((5, 12))
    with pytest.raises(ValueError, match="moon"):
        fit_ellipses(ts, xs, "moon")
    with pytest.raises(ValueError, match=r"\(5, 10\)"):
        fit_ellipses(ts, xs[:, :10])
    with pytest.raises(ValueError, match="nan"):
        fit_ellipses(ts, xs.at[2, 3].set(jnp.nan))
    with pytest.raises(ValueError, match="moon"):
        KeplerEllipses(jnp.zeros((1, 7)), jnp.zeros(1), 0.0, "moon")
