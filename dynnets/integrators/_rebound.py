"""Elastic rebound inside a step: a step up to the impact, a reflection, a step for the rest."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size, join_phase, split_phase

from ._step import AbstractStep, StepInfo


def reflect(p: Float[Array, " n"], normal: Float[Array, " n"]) -> Float[Array, " n"]:
    """`p - 2 (p . n) n`: the momentum after an impact on a wall with the normal `n`.

    An involution that keeps `|p|` for `|n| = 1`; `n = 0` changes nothing; in between the normal
    part of `p` is multiplied by `1 - 2 |n|^2`, so `|n|^2 = (1 + e) / 2` for the restitution `e`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import reflect
    >>> reflect(jnp.array([1.0, -2.0]), jnp.array([0.0, 1.0])).tolist()
    [1.0, 2.0]

    ```
    """
    return p - 2 * jnp.sum(p * normal) * normal


class Rebound(AbstractStep):
    """A step with impacts inside: `S` for `alpha h`, `p <- p - 2 (p . n) n`, `S` for the rest.

    **Arguments:**

    - `base`: the step `S` between impacts, such as `verlet_kdk`, with what it needs.
    - `event`: `event(motion, x, h) -> (n, alpha)`: the normal `(n,)`, zero where there is no
      impact, and the share of `h` before it, in `[0, 1]` and 1 without impact. `motion(s)` is the
      tentative state after a step `S` of size `s` from `x`, so `motion(h)` is the state without
      rebound. Such as `Walls` or `LearnedRebound`.
    - `most`: the largest number of impacts in one step.

    Preserves: nothing by itself, since the event may be anything. With `|n| = 1` the kinetic
    energy `|p|^2 / (2 m)` is kept at the impact; with the exact event and the exact motion between
    impacts, as for `Walls`, Verlet and uniform gravity, the whole step is the exact one and loses
    no energy at all. A missed impact is an error of order one, hence no order of its own. Runs
    forwards in time. Cost: `2 most + 1` steps of `S` and `most` events; `x` is `(2n,)`, a
    features-first batch is mapped over. Raises `ValueError` for `most` below one.

    Source: Chen, Zhang, Arjovsky, Bottou, Symplectic Recurrent Neural Networks, ICLR 2020,
    section 6.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import Rebound, Walls, rollout, verlet_kdk
    >>> from dynnets.systems import Billiard
    >>> table = Billiard()
    >>> step = Rebound(verlet_kdk, table.walls, most=3)
    >>> x0 = jnp.array([0.5, 0.5, 1.0, 0.3])
    >>> path = rollout(step, table.field, x0, (0.1, 60)).xs
    >>> bool(jnp.abs(path[-1] - table.solution(6.0, x0)).max() < 1e-3)
    True

    ```
    """

    base: AbstractStep
    event: Callable
    most: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_size("most", self.most)

    @property
    def info(self):
        """`StepInfo`: what the base needs; no claim, see the class."""
        info = self.base.info
        return StepInfo(
            name=f"Rebound({info.name})",
            order=0,
            needs=info.needs,
            keeps=frozenset(),
            symmetric=False,
            invertible=False,
            evaluations=None,
            condition="nothing is claimed of an arbitrary event",
            source="Chen, Zhang, Arjovsky, Bottou, ICLR 2020",
            defect_order=-1,
            energy_order=-1,
        )

    def start(self, field, t, x, h, args=None):
        """No memory: the force before an impact is not that after it."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """One step through up to `most` impacts."""
        if x.ndim == 1:
            return self._one(field, t, x, h, args), None
        one = jax.vmap(lambda y: self._one(field, t, y, h, args), in_axes=-1, out_axes=-1)
        return one(x), None

    def _one(self, field, t, x, h, args):
        h = jnp.asarray(h, x.dtype)

        def bounce(_, carry):
            x, spent = carry
            start, rest = t + spent, h - spent

            def motion(s):
                return self.base(field, start, x, s, args)

            normal, share = self.event(motion, x, rest)
            taken = jnp.asarray(share, x.dtype) * rest
            q, p = split_phase(motion(taken))
            return join_phase(q, reflect(p, normal)), spent + taken

        x, spent = jax.lax.fori_loop(0, self.most, bounce, (x, jnp.zeros_like(h)))
        return self.base(field, t + spent, x, h - spent, args)
