"""The contracts of every system: its field, its energy, its sampler, its solution."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from contract import flow_defects, sampled
from helpers import assert_close, tol
from system_rows import SYSTEMS

from dynnets.systems import Billiard

pytestmark = pytest.mark.usefixtures("few_programs_at_once")
system_rows = pytest.mark.parametrize("row", SYSTEMS, ids=lambda row: row.name)


@eqx.filter_jit
def measure(system, key):
    """All that is asked of a system, at a sampled state, in one program."""
    x = system.sample(key)
    defects = flow_defects(system.field, x)
    energy = system.energy
    found = {
        "x": x,
        "defects": defects,
        "energy": energy(0.3, x),
        "gradients": (energy.gradient(0.3, x), jax.grad(energy, argnums=1)(0.3, x)),
        "batch": (energy(0.3, jnp.stack([x, 0.9 * x], -1))[0], energy(0.3, x)),
    }
    if system.solution is not None:
        there = lambda t: system.solution(t, x)  # noqa: E731
        for name, time in (("start", 0.0), ("later", 0.7)):
            t = jnp.asarray(time)
            state, rate = jax.jvp(there, (t,), (jnp.ones_like(t),))
            found[name] = state, rate, system.field(t, state)
    return found


@system_rows
def test_system(row):
    """What its field claims, what its energy is, and that its solution solves its equation."""
    system = row.system
    found = measure(system, jr.key(3))
    assert found["x"].shape == (system.dim,)
    assert np.isfinite(found["x"]).all() and np.isfinite(found["energy"])
    for tag, (defect, scale) in found["defects"].items():
        assert defect <= tol(float, float(scale)), tag
    for pair in (found["gradients"], found["batch"]):
        assert_close(*pair, 1 + np.abs(np.asarray(pair[1])).max())
    if system.solution is not None:
        assert_close(found["start"][0], found["x"], 10.0)
        for name in ("start", "later"):
            _, rate, expected = found[name]
            assert_close(rate, expected, 10.0 * (1 + np.abs(np.asarray(expected)).max()))


@sampled(SYSTEMS, 2)
def test_samples_lie_where_they_are_said_to(row):
    """Twenty states, all different, each inside."""
    draw = jax.jit(jax.vmap(row.system.sample))
    keys = jr.split(jr.key(5), 20)
    xs = np.asarray(draw(keys))
    assert np.isfinite(xs).all()
    assert len(np.unique(xs.round(12), axis=0)) == 20
    for x in xs:
        assert row.inside(x), x


def test_a_state_outside_is_seen():
    row = next(row for row in SYSTEMS if isinstance(row.system, Billiard))
    assert not row.inside(np.array([1.5, 0.5, 0.0, 0.0]))
