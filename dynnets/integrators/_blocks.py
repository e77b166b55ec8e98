"""Rollouts of batches that are larger than the cache, block by block."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dynnets._core import check_finite, check_size
from dynnets.fields import AbstractField

from ._reversible import Reversible
from ._rollout import Rollout, rollout
from ._step import AbstractStep

_CACHED = 2**15
"""Bytes of state per block: about what the first-level cache of a core holds."""


def block_size(x0) -> int:
    """Columns of a `(d, N)` batch whose states fill 32 KiB, a power of two, 64 at least."""
    columns = _CACHED // (x0.shape[0] * x0.dtype.itemsize)
    return max(64, 1 << (max(columns, 1).bit_length() - 1))


def rollout_blocks(
    step: AbstractStep | Callable,
    field: AbstractField | Callable,
    x0,
    ts,
    args=None,
    *,
    substeps: int = 1,
    adjoint: Reversible | None = None,
    block: int | None = None,
) -> Rollout:
    """`rollout` of a features-first batch `(d, N)`, `block` trajectories at a time.

    Every block goes through all times before the next one begins, so its state stays in the cache
    and the run is bound by arithmetic, not by memory traffic. The values are those of
    `rollout(step, field, x0, ts, args)`. With `ts = (n * h, 1)` and `substeps=n` the final states
    alone are kept, and the parts of a splitting that meet between two steps act as one.

    **Arguments:** as of `rollout`; `field` takes `(d, N)` (`features_first`), `args` is shared by
    all trajectories; `block`: columns at a time, by default as many as fill 32 KiB with state.
    A batch that is no multiple of it is filled up with copies of its last column.

    **Returns** a `Rollout` with `xs (times, d, N)`. Raises `ValueError` as `rollout` does, for a
    state that is not `(d, N)`, and for a field that is declared for single states only.
    On several devices call it inside `jax.shard_map` over the columns: no block needs another.

    ```python
    >>> import jax, jax.numpy as jnp
    >>> from dynnets.integrators import rollout_blocks, verlet_kdk
    >>> from dynnets.systems import HenonHeiles
    >>> x0 = jax.vmap(HenonHeiles().sample, out_axes=-1)(jax.random.split(jax.random.key(0), 300))
    >>> field = HenonHeiles().field
    >>> rollout_blocks(verlet_kdk, field, x0, (1.0, 1), substeps=100, block=128).xs.shape
    (2, 4, 300)

    ```
    """
    if x0.ndim != 2:
        raise ValueError(f"blocks are cut from a batch (d, N), got a state of shape {x0.shape}")
    if isinstance(field, AbstractField) and not field.features_first:
        raise ValueError(f"{type(field).__name__} takes single states (d,), not a batch (d, N)")
    check_finite("x0", x0)
    dim, columns = x0.shape
    block = block_size(x0) if block is None else block
    check_size("block", block)
    block = min(block, columns)
    missing = -columns % block
    padded = jnp.concatenate([x0, jnp.repeat(x0[:, -1:], missing, axis=1)], axis=1)
    blocks = jnp.moveaxis(padded.reshape(dim, -1, block), 1, 0)

    def one(x):
        return rollout(step, field, x, ts, args, substeps=substeps, adjoint=adjoint)

    paths = jax.lax.map(one, blocks)
    xs = jnp.moveaxis(paths.xs, 0, 2).reshape(paths.xs.shape[1], dim, -1)[..., :columns]
    drift = None if paths.drift is None else jnp.max(paths.drift)
    return Rollout(paths.ts[0], xs, drift)
