"""Two-step methods as one-step maps: the previous state is the memory."""

import jax
import jax.numpy as jnp

from dynnets._core import (
    MOMENTUM,
    POISSON,
    SYMPLECTIC,
    VOLUME,
    join_phase,
    split_phase,
    symplectic_gradient,
)

from ._splitting import verlet_kdk
from ._step import AbstractStep, StepInfo, check_parts

_HAIRER = "Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, XV"


class TwoStepMidpoint(AbstractStep):
    """`x_(n+1) = x_(n-1) + 2 h f(t_n, x_n)`: the explicit midpoint rule over two steps (leapfrog).

    Order 2, one evaluation per step, any field. The memory holds the state before; the first one
    comes from a step of the explicit Runge-Kutta midpoint rule backwards, so a bare call is a
    method of order 2 of its own. A change of the step by more than 1% starts again.

    Preserves: on pairs of consecutive states `(x_(n-1), x_n)` and for every field, volume; for
    Hamiltonian fields the symplectic form `dx_(n-1) ^ J dx_n`; linear invariants. The map of
    pairs has an exact inverse (`inverse_on_pair`), and as a two-step method it is symmetric:
    exchanging `x_(n-1)` and `x_(n+1)` changes the sign of `h`. Not on single states: besides the
    solution it carries an oscillation `(-1)^n` that is as large as the starting error, and grows
    where the flow contracts: use it for oscillatory fields. Source: Hairer, Lubich, Wanner,
    Geometric Numerical Integration, 2006, XV.
    """

    @property
    def info(self):
        """`StepInfo`: order 2, any field, symplectic on pairs."""
        return StepInfo(
            name="TwoStepMidpoint",
            order=2,
            needs=frozenset(),
            keeps=frozenset({SYMPLECTIC, VOLUME, MOMENTUM}),
            symmetric=False,
            invertible=False,
            evaluations=1,
            condition="on pairs of consecutive states, carried by the memory; equal steps",
            source=_HAIRER,
        )

    def start(self, field, t, x, h, args=None):
        """The state one step before, by the midpoint rule, and the step's size."""
        middle = x - (0.5 * h) * field(t, x, args)
        return x - h * field(t - 0.5 * h, middle, args), jnp.asarray(h, x.dtype)

    def advance(self, field, t, x, h, args, memory):
        """From `(x_(n-1), x_n)` to `(x_n, x_(n+1))`."""
        h = jnp.asarray(h, x.dtype)
        previous, size = jax.lax.cond(
            jnp.abs(h - memory[1]) <= 0.01 * jnp.abs(h),
            lambda: memory,
            lambda: self.start(field, t, x, h, args),
        )
        # the sizes differ by the round-off of the times at most: their sum is the distance
        return previous + (size + h) * field(t, x, args), (x, h)

    def on_pair(self, field, t, pair, h, args=None):
        """The map of pairs `(x_(n-1), J x_n)`, shape `(4n,)`, canonically symplectic.

        `t` is the time of `x_n`; canonical states only (`J` needs an even dimension).
        """
        previous, now = self._unpack(pair)
        after = previous + (2 * h) * field(t, now, args)
        return jnp.concatenate([now, symplectic_gradient(after)])

    def inverse_on_pair(self, field, t, pair, h, args=None):
        """The pair of which `on_pair` makes `pair`, exact up to round-off; one evaluation."""
        now, after = self._unpack(pair)
        previous = after - (2 * h) * field(t, now, args)
        return jnp.concatenate([previous, symplectic_gradient(now)])

    @staticmethod
    def _unpack(pair):
        first, second = split_phase(pair)
        return first, -symplectic_gradient(second)


class StormerVerlet(AbstractStep):
    """`q_(n+1) = 2 q_n - q_(n-1) + h^2 a(q_n)`: Stormer's two-step form of `verlet_kdk`.

    For separable fields whose drift is linear in `p` and constant in time, `q'' = a(t, q) =
    drift(kick(t, q))`; momenta by `p_(n+1) = p_n + h (kick_n + kick_(n+1)) / 2`. The memory holds
    the positions before, which determine the whole trajectory; steps of other sizes are scaled.
    Order 2; one kick and one drift per step.

    Preserves: the map `(q_n, p_n) -> (q_(n+1), p_(n+1))` is that of `verlet_kdk` but for round-off
    (which grows like `1 / h` faster): symplectic, symmetric, with an exact inverse.
    A drift that is not linear gives NaN, never a silent wrong step: `Rollout.finite_steps` says
    where. Source: Hairer, Lubich, Wanner, Acta Numerica 12, 2003.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import StormerVerlet, TwoStepMidpoint, rollout
    >>> from dynnets.systems import Harmonic
    >>> x0 = jnp.array([1.0, 0.0])
    >>> [rollout(step, Harmonic().field, x0, (0.1, 5)).xs.shape
    ...  for step in (StormerVerlet(), TwoStepMidpoint())]
    [(6, 2), (6, 2)]

    ```
    """

    @property
    def info(self):
        """`StepInfo`: order 2, needs `kick` and a linear `drift`, keeps what Verlet keeps."""
        return StepInfo(
            name="StormerVerlet",
            order=2,
            needs=frozenset({"kick", "drift"}),
            keeps=frozenset({SYMPLECTIC, POISSON, VOLUME, MOMENTUM}),
            symmetric=True,
            invertible=True,
            evaluations=1,
            condition="a drift that is linear in p and does not read the time (else NaN)",
            source="Hairer, Lubich, Wanner, Acta Numerica 12, 2003",
        )

    def start(self, field, t, x, h, args=None):
        """Positions one step before, the kick of now, the step's size."""
        check_parts(self, field)
        q, p = split_phase(x)
        h, kick = jnp.asarray(h, x.dtype), field.kick(t, q, args)
        velocity, acceleration = field.drift(t, p, args), field.drift(t, kick, args)
        # linear in the directions that this state has: drift(2 p + a) = 2 drift(p) + drift(a)
        both = field.drift(t, 2 * p + kick, args)
        size = jnp.abs(velocity).max() + jnp.abs(acceleration).max()
        excess = jnp.abs(both - 2 * velocity - acceleration).max()
        # and the same a step later: a drift that reads the time is no Stormer-Verlet method
        later = jnp.abs(field.drift(t + h, p, args) - velocity).max()
        excess = jnp.maximum(excess, later)
        linear = excess <= 1e3 * float(jnp.finfo(x.dtype).eps) * size
        previous = q - h * velocity + (0.5 * h * h) * acceleration
        return jnp.where(linear, previous, jnp.nan), kick, h

    def advance(self, field, t, x, h, args, memory):
        """From `(q_(n-1), q_n)` to `(q_n, q_(n+1))`, and the momenta."""
        previous, kick, size = memory
        q, p = split_phase(x)
        h = jnp.asarray(h, x.dtype)
        change = (0.5 * h * (h + size)) * field.drift(t, kick, args)
        after = q + (h / size) * (q - previous) + change
        following = field.kick(t + h, after, args)
        p = p + (0.5 * h) * (kick + following)
        return join_phase(after, p), (q, following, h)

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from `x(t + h)`, by that of `verlet_kdk`: one kick."""
        return verlet_kdk.inverse(field, t, x, h, args)
