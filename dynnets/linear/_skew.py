"""Skew-symmetric matrices from their free entries or from factors, one or a batch of them."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import check_size


def skew_size(n: int) -> int:
    """`n (n - 1) / 2`: the number of free entries of a skew matrix of size `n`."""
    return n * (n - 1) // 2


def _check_entries(entries, n):
    check_size("n", n, 2)  # of size one there is only zero
    if entries.shape[0] != skew_size(n):
        raise ValueError(
            f"a skew matrix of size {n} has {skew_size(n)} entries, got {entries.shape[0]}"
        )


def skew_from_entries(entries: Float[Array, " m *batch"], n: int) -> Float[Array, "n n *batch"]:
    """The skew matrix whose entries above the diagonal are `entries`, row by row.

    Skew to the last bit for every value of the entries. Gathers, never scatters. Raises
    `ValueError` unless there are `n (n - 1) / 2` entries.
    """
    _check_entries(entries, n)
    index = np.zeros((n, n), int)
    index[np.triu_indices(n, 1)] = np.arange(skew_size(n))
    sign = jnp.asarray(np.sign(np.subtract(*np.indices((n, n)))) * -1, entries.dtype)
    sign = sign.reshape((n, n) + (1,) * (entries.ndim - 1))
    return entries[index + index.T] * sign


def pair_sums(
    entries: Float[Array, " m *batch"], n: int, weights: Float[Array, " n"] | None = None
) -> Float[Array, " n *batch"]:
    """`S g` for the skew matrix `S` of `skew_from_entries`, without forming it.

    **Arguments:** `weights`: `g`, ones if `None`. Cost: `O(n^2)`.
    """
    _check_entries(entries, n)
    first, second = np.triu_indices(n, 1)
    to_first = to_second = entries
    if weights is not None:
        tail = (1,) * (entries.ndim - 1)
        to_first = entries * weights[second].reshape((-1,) + tail)
        to_second = entries * weights[first].reshape((-1,) + tail)
    zero = jnp.zeros((n,) + entries.shape[1:], entries.dtype)
    return zero.at[first].add(to_first).at[second].add(-to_second)


def low_rank_skew(
    u: Float[Array, "n r *batch"], v: Float[Array, "n r *batch"]
) -> Float[Array, "n n *batch"]:
    """`U V^T - V U^T`, skew-symmetric of rank at most `2 r`. Cost: `O(n^2 r)`."""
    product = jnp.einsum("ir...,jr...->ij...", u, v)
    return product - jnp.swapaxes(product, 0, 1)


def low_rank_skew_product(
    u: Float[Array, "n r *batch"], v: Float[Array, "n r *batch"], x: Float[Array, " n *batch"]
) -> Float[Array, " n *batch"]:
    """`(U V^T - V U^T) x` at the cost `O(n r)`."""
    along = jnp.sum(v * x[:, None], axis=0)
    across = jnp.sum(u * x[:, None], axis=0)
    return jnp.sum(u * along[None] - v * across[None], axis=1)
