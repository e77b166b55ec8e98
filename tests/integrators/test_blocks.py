"""Many steps in one go, block by block: the same values as one step after the other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.integrators import (
    Reversible,
    rollout,
    rollout_blocks,
    symplectic_euler,
    verlet_dkd,
    verlet_kdk,
    yoshida4,
)
from dynnets.systems import HenonHeiles

SYSTEM = HenonHeiles()


def _batch(key, size, dtype=float):
    return jax.vmap(SYSTEM.sample, out_axes=-1)(jr.split(key, size)).astype(dtype)


@pytest.mark.parametrize(
    "step", [verlet_kdk, verlet_dkd, symplectic_euler, yoshida4], ids=lambda step: step.info.name
)
def test_substeps_are_steps_whose_shared_parts_are_merged(step, getkey):
    x0 = SYSTEM.sample(getkey())
    one = eqx.filter_jit(rollout)(step, SYSTEM.field, x0, (0.1, 12)).xs[::4]
    many = eqx.filter_jit(rollout)(step, SYSTEM.field, x0, (0.4, 3), substeps=4).xs
    assert float(jnp.abs(one - many).max()) <= tol(x0.dtype)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_blocks_are_the_whole_batch(dtype, getkey):
    """A batch that is no multiple of the block, states at several times."""
    x0 = _batch(getkey(), 37, dtype)
    whole = rollout(verlet_kdk, SYSTEM.field, x0, (0.2, 3), substeps=5)
    parts = rollout_blocks(verlet_kdk, SYSTEM.field, x0, (0.2, 3), substeps=5, block=16)
    assert parts.xs.shape == (4, 4, 37) and parts.xs.dtype == dtype
    assert float(jnp.abs(whole.xs - parts.xs).max()) <= tol(dtype)
    assert jnp.array_equal(whole.ts, parts.ts)


def test_gradients_pass_through_blocks(getkey):
    x0 = _batch(getkey(), 10)

    def end(x0, run, **options):
        path = run(verlet_kdk, SYSTEM.field, x0, (1.0, 1), substeps=10, **options)
        return jnp.sum(path.xs[-1] ** 3)

    whole = jax.grad(end)(x0, rollout)
    parts = jax.grad(end)(x0, rollout_blocks, block=4, adjoint=Reversible())
    assert float(jnp.abs(whole - parts).max()) <= tol(x0.dtype)


def test_bad_batches(getkey):
    field, x0 = SYSTEM.field, _batch(getkey(), 3)
    with pytest.raises(ValueError, match=r"got a state of shape \(4,\)"):
        rollout_blocks(verlet_kdk, field, x0[:, 0], (0.1, 2))
    with pytest.raises(ValueError, match="block must be an integer of at least 1, got 0"):
        rollout_blocks(verlet_kdk, field, x0, (0.1, 2), block=0)
    with pytest.raises(ValueError, match="nan at index"):
        rollout_blocks(verlet_kdk, field, x0.at[0, 1].set(jnp.nan), (0.1, 2))
