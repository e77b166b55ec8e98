"""What this machine can do, measured: matrix products, tanh and memory traffic per second."""

import functools
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr

PRODUCTS = ((1024, 1024, 1024), (200, 200, 750), (512, 512, 512))
"""Shapes `(m, k, n)` of `(m, k) @ (k, n)` of which the fastest counts as the peak."""


def seconds(call: Callable, repeats: int = 1) -> float:
    """Wall seconds of one `call()`, the least of `repeats`; its result is waited for."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        best = min(best, time.perf_counter() - start)
    return best


@jax.jit
def _product(a, b):
    return a @ b


@jax.jit
def _tanh(x):
    return jnp.tanh(x)


@jax.jit
def _add(x):
    return x + 1


class Roofline:
    """The three rates; every method gives one fresh measurement (warm, best of `repeats`)."""

    def __init__(self, key, repeats: int = 5):
        keys = jr.split(key, len(PRODUCTS))
        self.repeats = repeats
        self.factors = [
            (jr.normal(key, (m, k)), jr.normal(key, (k, n)))
            for key, (m, k, n) in zip(keys, PRODUCTS, strict=True)
        ]
        self.small, self.large = jr.normal(key, (256, 1024)), jr.normal(key, (2**24,))
        self.flops(), self.tanhs(), self.bytes()  # compiles

    def flops(self) -> float:
        """Floating-point operations per second of the fastest matrix product of `PRODUCTS`."""
        work = [2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b in self.factors]
        spent = [seconds(functools.partial(_product, a, b), self.repeats) for a, b in self.factors]
        return max(w / s for w, s in zip(work, spent, strict=True))

    def tanhs(self) -> float:
        """Hyperbolic tangents per second, on an array that fits the cache."""
        return self.small.size / seconds(lambda: _tanh(self.small), self.repeats)

    def bytes(self) -> float:
        """Bytes read and written per second by `x + 1` on an array beyond the cache."""
        return 2 * self.large.nbytes / seconds(lambda: _add(self.large), self.repeats)
