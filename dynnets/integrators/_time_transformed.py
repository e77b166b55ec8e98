"""Adaptive steps that keep reversibility: a step density that is integrated with the state."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size
from dynnets.fields import AbstractField

from ._rollout import Rollout, rollout
from ._step import AbstractStep, StepInfo


class TimeTransformed(AbstractStep):
    """A symmetric step of size `h_n = eps / rho_(n+1/2)` with an explicit, reversible density.

    In a fictitious time `s` with `dt/ds = Q(t, x)` equal steps `eps` of `s` are adapted steps of
    `t`. The density `rho = 1 / Q` is not computed from `x` (that would be implicit or lose the
    symmetry) but integrated along: with `G = -d log Q / dt` along the field

        rho_(n+1/2) = rho_n + eps G(x_n) / 2
        x_(n+1)     = S_h(x_n),  t_(n+1) = t_n + h,  h = eps / rho_(n+1/2)
        rho_(n+1)   = rho_(n+1/2) + eps G(x_(n+1)) / 2.

    It acts on extended states `(x, t, rho)` of shape `(d + 2,)`, made by `extend`; its `h` is
    `eps`, and the time it is called with is the fictitious one. `time_transformed` hides this.

    **Arguments:**

    - `step`: a symmetric step, such as `verlet_kdk`, `yoshida4` or `strang`, with what it needs.
    - `monitor`: `Q(t, x) > 0`, a scalar: the wanted step in units of `eps`. For Kepler's problem
      `|q|^(3/2)`, from the third law.

    Preserves: symmetry and, with that of `step` and of the field, time-reversal: on reversible
    integrable systems energy errors stay bounded, without drift. What the step keeps for every
    `h` of linear and quadratic invariants (momentum, norm) is kept. NOT symplectic, since `h`
    depends on the state: a controller that picks `h` from error estimates would lose the symmetry
    too. Order: that of `step`, in `eps`. A density that is not positive any more (an `eps` far
    too large) gives NaN. Cost: the step, one field and one directional derivative of `log Q`.
    Source: Hairer, Soderlind, SIAM J. Sci. Comput. 26, 2005; Huang, Leimkuhler, SIAM J. Sci.
    Comput. 18, 1997. Raises `ValueError` for a step that is not symmetric or lives on pairs.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import TimeTransformed, verlet_kdk
    >>> step = TimeTransformed(verlet_kdk, lambda t, x: 1 / (1 + x[0] ** 2))
    >>> step.extend(jnp.array([1.0, 0.0]), 0.0).shape  # with time and size
    (4,)

    ```
    """

    step: AbstractStep
    monitor: Callable

    def __check_init__(self):
        info = self.step.info
        if not info.symmetric or self.step.on_pair is not None:
            raise ValueError(
                "a reversible change of the step needs a symmetric step of single states, got "
                f"{info.name}; verlet_kdk and yoshida4 are"
            )

    @property
    def info(self):
        """`StepInfo`: symmetric on extended states and, where the step is, invertible; keeps no
        form.
        """
        info = self.step.info
        return StepInfo(
            name=f"TimeTransformed({info.name})",
            order=info.order,
            needs=info.needs,
            keeps=frozenset(),
            symmetric=True,
            invertible=info.invertible,
            evaluations=None if info.evaluations is None else info.evaluations + 1,
            condition="on extended states (x, t, rho); rho stays positive (else NaN); "
            + info.condition,
            source="Hairer, Soderlind, SIAM Journal on Scientific Computing 26, 2005",
        )

    def extend(self, x: Float[Array, " d"], t=0.0) -> Float[Array, " extended"]:
        """`(x, t, 1 / Q(t, x))`. Raises `ValueError` for a concrete `Q` that is not positive."""
        t = jnp.asarray(t, x.dtype)
        wanted = self.monitor(t, x)
        if jnp.shape(wanted) != ():
            raise ValueError(f"the monitor is a scalar, got shape {jnp.shape(wanted)}")
        if not isinstance(wanted, jax.core.Tracer) and not (jnp.isfinite(wanted) and wanted > 0):
            raise ValueError(f"the monitor must be positive and finite, got {wanted}")
        return jnp.concatenate([x, jnp.stack([t, 1 / wanted])])

    def _growth(self, field, t, x, args):
        """`G = -d log Q / dt` along the field."""
        directions = (jnp.ones_like(t), field(t, x, args))
        return -jax.jvp(lambda t, x: jnp.log(self.monitor(t, x)), (t, x), directions)[1]

    def start(self, field, t, x, h, args=None):
        """The memory of the step, and the growth of the density."""
        state, now, density = x[:-2], x[-2], x[-1]
        inner = self.step.start(field, now, state, h / density, args)
        return inner, self._growth(field, now, state, args)

    def advance(self, field, t, x, h, args, memory):
        """Half a step of the density, the step, the other half."""
        inner, growth = memory
        state, now, density = x[:-2], x[-2], x[-1]
        density = density + (0.5 * h) * growth
        size = jnp.where(density > 0, h / density, jnp.nan)
        state, inner = self.step.advance(field, now, state, size, args, inner)
        now = now + size
        growth = self._growth(field, now, state, args)
        density = density + (0.5 * h) * growth
        return jnp.concatenate([state, jnp.stack([now, density])]), (inner, growth)

    def inverse(self, field, t, x, h, args=None):
        """The extended state one step before: the step of `-h`, exact by symmetry."""
        return self(field, t + h, x, -h, args)


def time_transformed(
    step: AbstractStep,
    monitor: Callable,
    field: AbstractField | Callable,
    x0: Float[Array, " d"],
    steps: tuple[float, int],
    args=None,
    *,
    t0=0.0,
) -> Rollout:
    """Iterate a symmetric step with sizes that follow `monitor(t, x)`, reversibly.

    **Arguments:** `step`, `monitor`: see `TimeTransformed`; `field`: with the parts that the step
    needs; `x0`: `(d,)`; `steps = (eps, n)`: `n` steps of about `eps * monitor`, `eps` negative to
    go back; `t0`: physical time of `x0`.

    **Returns** a `Rollout` whose `ts (n + 1,)` are the *physical* times, which are not equally
    spaced, and `xs (n + 1, d)`. Raises `ValueError` for `eps = 0`, a step that is not symmetric,
    a monitor that is not a positive scalar.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import time_transformed, verlet_kdk
    >>> from dynnets.systems import Harmonic
    >>> orbit = time_transformed(
    ...     verlet_kdk, lambda t, x: 1 / (1 + x[0] ** 2), Harmonic().field,
    ...     jnp.array([1.0, 0.0]), (0.1, 20))
    >>> orbit.ts.shape
    (21,)

    ```
    """
    eps, n = steps
    check_size("n", n)
    if not isinstance(eps, jax.core.Tracer) and eps == 0:
        raise ValueError(f"the fictitious step must not be zero, got {eps}")
    transformed = TimeTransformed(step, monitor)
    states = rollout(transformed, field, transformed.extend(x0, t0), (eps, n), args).xs
    return Rollout(states[:, -2], states[:, :-2])
