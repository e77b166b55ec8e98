"""Normal equations of a model's forecasts over many short records, gathered block by block.

A least-squares step for `K` parameters reads the Jacobian `J` of the residual only through
`J^T J (K, K)` and `J^T r (K,)`. So `J`, whose rows are all samples of all records, is never held: a
scan over blocks of records forms each block's rows, adds up these two sums, and forgets them. The
memory is that of one block, and the elimination of terms afterwards needs no more data at all.

Unknown initial states are eliminated block by block (variable projection): for each record the
states are fitted first, and from its rows of `J` the part is taken off that a change of the initial
state could produce as well. What is left is the Jacobian of the residual with the best initial
states, and the normal equations stay of size `K` whatever the number of records.
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets.fields import batched_field
from dynnets.integrators import rollout

BLOCK = 256  # records at once: the tangents of 30 coefficients then fit into a core's cache


class NormalEquations(NamedTuple):
    """`J^T J (K, K)`, `J^T r (K,)` and `r^T r` of the residual `r` at some parameters."""

    gram: Float[Array, "K K"]
    slope: Float[Array, " K"]
    value: Float[Array, ""]


class StepError(NamedTuple):
    """What half the step size changes in the residual: its root mean square, and `J^T` of it."""

    size: Float[Array, ""]
    slope: Float[Array, " K"]


class Records(NamedTuple):
    """Records in blocks: `ts (T,)` for all or `(blocks, B, T)`, `xs (blocks, B, T, d)`.

    `weights (blocks, B, T)`: one where a sample is to be met, zero elsewhere; `first`: the guess
    of the initial states `(blocks, B, d)`.
    """

    ts: Array
    xs: Array
    weights: Array
    first: Array


class Points(NamedTuple):
    """Measured rates in blocks: `x`, `dx (blocks, B, d)`, `weights (blocks, B)`."""

    x: Array
    dx: Array
    weights: Array
    first: None = None  # rates have no initial states to find


class FlowProblem(eqx.Module):
    """Residuals `x(t_k; theta, z0) - measured`, features-first; `joint`: `z0` is unknown too.

    `restore(theta)` is the model of the vector of parameters.
    """

    restore: Callable
    step: Callable
    substeps: int = eqx.field(static=True)
    joint: bool = eqx.field(static=True)
    shared: bool = eqx.field(static=True)

    def residual(self, theta, start, ts, xs, weights):
        """`(T d, B)` for starts `(d, B)`; the row of the first sample is left out if given."""
        field = self.restore(theta).field
        # one scan over all substeps: half the program of a loop within each interval
        one = lambda x, t: rollout(self.step, field, x, _finer(t, self.substeps)).xs  # noqa: E731
        if self.shared:
            states = one(start, ts)
        else:
            states = jnp.moveaxis(jax.vmap(one, in_axes=(-1, 0))(start, ts), 0, -1)
        states = states[:: self.substeps]
        gap = (states - jnp.moveaxis(xs, 0, -1)) * weights.T[:, None]
        gap = gap if self.joint else gap[1:]
        return gap.reshape(-1, gap.shape[-1])

    def block(self, theta, ts, xs, weights, start):
        """The block's normal equations, its initial states `(B, d)` first fitted if unknown."""
        arguments = ts, xs, weights
        z = start.T
        if self.joint:
            # two Gauss-Newton steps a visit: the states follow the parameters from visit to visit
            for _ in range(2):
                z = z + self._start_step(theta, z, arguments)
        r, flat = self._tangents(theta, z, arguments)
        return NormalEquations(flat @ flat.T, flat @ r.reshape(-1), jnp.sum(r**2)), z.T

    def _tangents(self, theta, z, arguments):
        """The residual `(R, B)` and its derivative by the parameters, `(K, R B)`."""
        # forward mode: there are few parameters and many residuals, and one linearisation serves
        # all columns
        r, push = jax.linearize(lambda v: self.residual(v, z, *arguments), theta)
        tangents = jax.vmap(push)(jnp.eye(theta.shape[0], dtype=theta.dtype))
        if self.joint:
            tangents = self._without_starts(theta, z, arguments, tangents)
        return r, tangents.reshape(theta.shape[0], -1)

    def _start_derivative(self, theta, z, arguments):
        """Residual `(R, B)` and its derivative by the initial states, `(B, R, d)`."""
        r, push = jax.linearize(lambda v: self.residual(theta, v, *arguments), z)
        basis = jnp.broadcast_to(
            jnp.eye(z.shape[0], dtype=z.dtype)[:, :, None], (z.shape[0], *z.shape)
        )
        return r, jnp.transpose(jax.vmap(push)(basis), (2, 1, 0))

    def _start_step(self, theta, z, arguments):
        r, derivative = self._start_derivative(theta, z, arguments)
        move = jax.vmap(_least_squares)(derivative, r.T)
        return -move.T

    def _without_starts(self, theta, z, arguments, tangents):
        """What of the tangents no change of the initial states can undo."""
        _, derivative = self._start_derivative(theta, z, arguments)

        def one(f, g):  # g minus its projection onto the columns of f, record by record
            return g - f @ _least_squares(f, g)

        kept = jax.vmap(one)(derivative, jnp.transpose(tangents, (2, 1, 0)))
        return jnp.transpose(kept, (2, 1, 0))

    def equations(self, theta, records: Records, start):
        """The sum over all blocks, and the initial states `(blocks, B, d)`."""

        def body(total, block):
            ts = records.ts if self.shared else block[3]
            found, z = self.block(theta, ts, *block[:3])
            return jax.tree.map(jnp.add, total, found), z

        return jax.lax.scan(body, _zero(theta), self._blocks(records, start))

    def _blocks(self, records, start):
        blocks = records.xs, records.weights, start
        return blocks if self.shared else (*blocks, records.ts)

    def step_error(self, theta, records: Records, start, count) -> StepError:
        """What half the step size changes: no residual is better known."""
        finer = dataclasses.replace(self, substeps=2 * self.substeps)

        def body(total, block):
            ts = records.ts if self.shared else block[3]
            z, arguments = block[2].T, (ts, *block[:2])
            r, flat = self._tangents(theta, z, arguments)
            change = finer.residual(theta, z, *arguments) - r
            found = StepError(jnp.sum(change**2), flat @ change.reshape(-1))
            return jax.tree.map(jnp.add, total, found), None

        total, _ = jax.lax.scan(body, no_step_error(theta), self._blocks(records, start))
        return StepError(jnp.sqrt(total.size / count), total.slope)


class RateProblem(eqx.Module):
    """Residuals `f(x; theta) - dx`: regression of measured or estimated derivatives."""

    restore: Callable

    def equations(self, theta, points: Points, start):
        """The sum over all blocks; there are no initial states."""

        def body(total, block):
            x, dx, weights, _ = block

            def residual(v):
                times = jnp.zeros(x.shape[:1], x.dtype)
                rates = batched_field(self.restore(v).field, times, x.T, None)
                return (rates - dx.T) * weights[None]

            r, push = jax.linearize(residual, theta)
            flat = jax.vmap(push)(jnp.eye(theta.shape[0], dtype=theta.dtype))
            flat = flat.reshape(theta.shape[0], -1)
            found = NormalEquations(flat @ flat.T, flat @ r.reshape(-1), jnp.sum(r**2))
            return jax.tree.map(jnp.add, total, found), None

        total, _ = jax.lax.scan(body, _zero(theta), tuple(points))
        return total, start

    def step_error(self, theta, points: Points, start, count) -> StepError:
        """Zero: no step is taken."""
        return no_step_error(theta)


def no_step_error(theta) -> StepError:
    """Zero."""
    return StepError(jnp.zeros((), theta.dtype), jnp.zeros_like(theta))


def _finer(ts, substeps: int):
    """Times `(T,)` with `substeps` equal steps in each interval, `((T - 1) substeps + 1,)`."""
    shares = jnp.arange(substeps, dtype=ts.dtype) / substeps
    inner = ts[:-1, None] + (ts[1:] - ts[:-1])[:, None] * shares[None]
    return jnp.concatenate([inner.reshape(-1), ts[-1:]])


def _zero(theta):
    size = theta.shape[0]
    zero = jnp.zeros((), theta.dtype)
    return NormalEquations(jnp.zeros((size, size), theta.dtype), jnp.zeros_like(theta), zero)


def _least_squares(matrix, right):
    """`(M^T M)^{-1} M^T r`, `M` with the identity on top, or all zero for a padded record."""
    square = matrix.T @ matrix
    padded = jnp.trace(square) == 0
    square = square + jnp.diag(jnp.where(padded, jnp.ones_like(square[0]), 0))
    return jnp.linalg.solve(square, matrix.T @ right)
