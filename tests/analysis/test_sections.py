"""Poincare sections: crossings land on the plane at the right time, curves are told from clouds."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets.analysis import poincare_section, section_spread
from dynnets.integrators import rollout, yoshida4
from dynnets.systems import Harmonic, HenonHeiles

SYSTEM = Harmonic()
TS = jnp.arange(0.0, 30.0, 0.07)
XS = jnp.stack([jnp.cos(TS), -jnp.sin(TS)], axis=1)


@pytest.mark.parametrize(
    ("direction", "first", "gap"), [("up", 1.5, 2), ("down", 0.5, 2), ("both", 0.5, 1)]
)
def test_an_oscillator_crosses_twice_a_period(direction, first, gap):
    found = poincare_section(SYSTEM.field, TS, XS, 0, direction=direction)
    times = jnp.pi * jnp.arange(first, 30 / jnp.pi, gap)
    assert found.ts.shape == times.shape
    assert jnp.abs(found.ts - times).max() < 1e-13
    assert not found.xs[:, 0].any()
    assert jnp.abs(jnp.abs(found.xs[:, 1]) - 1).max() < 1e-13
    if direction != "both":
        assert bool(((found.xs[:, 1] > 0) == (direction == "up")).all())


def test_a_level_that_is_not_zero_and_one_that_is_never_met():
    found = poincare_section(SYSTEM.field, TS, XS, 1, level=0.5)
    assert jnp.abs(found.xs[:, 1] - 0.5).max() == 0
    assert jnp.abs(jnp.sin(found.ts) + 0.5).max() < 1e-13
    empty = poincare_section(SYSTEM.field, TS, XS, 1, level=2.0)
    assert empty.ts.shape == (0,) and empty.xs.shape == (0, 2)


def test_precision_and_energy_of_henon_heiles_sections():
    system = HenonHeiles()
    c = 12**-0.5
    orbit = rollout(yoshida4, system.field, jnp.array([0.0, 0.1, c, c]), (0.1, 2500))
    found = poincare_section(system.field, orbit.ts, orbit.xs, 0)
    assert len(found.ts) > 20
    values = system.energy(0.0, found.xs.T)
    assert jnp.abs(values - system.energy(0.0, orbit.xs[0])).max() < 1e-6
    assert bool((found.xs[:, 2] > 0).all())
    points = found.xs[:, jnp.array([1, 3])]
    assert section_spread(points) < 0.05
    small = poincare_section(
        system.field, orbit.ts.astype(jnp.float32), orbit.xs.astype(jnp.float32), 0
    )
    assert small.xs.dtype == jnp.float32


def test_a_curve_is_told_from_a_cloud():
    angle = jnp.sort(jr.uniform(jr.key(0), (200,), maxval=2 * jnp.pi))
    curve = (1 + 0.2 * jnp.cos(3 * angle))[None, :] * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
    cloud = jr.normal(jr.key(1), (200, 2))
    assert section_spread(curve.T + 5.0) < 0.01
    assert section_spread(cloud) > 0.2


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="direction"):
        poincare_section(SYSTEM.field, TS, XS, 0, direction="sideways")
    with pytest.raises(ValueError, match="component"):
        poincare_section(SYSTEM.field, TS, XS, 2)
    with pytest.raises(ValueError, match="one state per time"):
        poincare_section(SYSTEM.field, TS[:-1], XS, 0)
    with pytest.raises(ValueError, match="increase"):
        poincare_section(SYSTEM.field, TS[::-1], XS, 0)
    with pytest.raises(ValueError, match="finite"):
        poincare_section(SYSTEM.field, TS, np.full(XS.shape, np.nan), 0)
    with pytest.raises(ValueError, match="five points"):
        section_spread(jnp.ones((4, 2)))
