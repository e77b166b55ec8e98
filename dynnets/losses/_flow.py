"""Losses of learned flows `N(t, x0)`: without data from the equation itself, or from segments."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from dynnets._core import check_positive, check_size
from dynnets.data import AbstractBatch, batch_part
from dynnets.fields import AbstractField
from dynnets.models import AbstractFlow

from ._derivative import batched_field


class FlowResidual(eqx.Module):
    """How far a flow is from solving `x' = f(t, x)`: no data, fresh points at every step.

    With `t` uniform in `times` and `x0` drawn from the region (the batch), the mean over points
    and components of `(dN/dt - f(t, N))^2`, `N` and `dN/dt` at `(t, x0)`, plus, where asked for,

    - `matching` times the mean of `(H(N)(t, x) - H(x))^2` at independent `t` and `x` from the
      region, `H(N)` the flow's own `hamiltonian` (`SympFlow`), its free constant included;
    - `conservation` times the mean of `(H(N(t, x0)) - H(x0))^2`, for flows without structure.

    **Arguments:**

    - `field`: `f`; its `energy` is `H` in both further terms.
    - `points`: fresh points a term and step; `times`: the range of `t`. A little below zero helps
      the derivative there.
    - `matching`, `conservation`: weights, zero for neither.
    - `shared`: match at `x = N(t, x0)` of the points of the residual, where the pass that makes
      `N` gives `H(N)` too. It saves a third of the time; the points are those that the flow leads
      to, so the region is covered only as far as it is invariant.

    Use: `fit(flow, FlowResidual(system.field), Box(low, high), optimiser, ...)`; the region is
    a `Box` or a `StatePool`, and one state makes a pool: a single initial-value problem.
    Cost: one forward derivative in `t` a point, and one pull-back for `matching`.
    Raises `ValueError` for sizes below one, an empty range of times, negative weights, an energy
    that the field lacks, and matching asked of a flow without a `hamiltonian`.

    Sources: Raissi, Perdikaris and Karniadakis, J. Comput. Phys. 378, 2019; Canizares et al.,
    Hamiltonian Matching for Symplectic Neural Integrators, arXiv:2410.18262.
    """

    field: AbstractField
    points: int = eqx.field(static=True, default=700)
    times: tuple[float | int, float | int] = eqx.field(static=True, default=(-0.1, 1.0))
    matching: float | int = eqx.field(static=True, default=0.0)
    conservation: float | int = eqx.field(static=True, default=0.0)
    shared: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_size("points", self.points)
        if not self.times[0] < self.times[1]:
            raise ValueError(f"times must be an interval, got {self.times}")
        for name in ("matching", "conservation"):
            if getattr(self, name) != 0:
                check_positive(name, getattr(self, name))
        if (self.matching or self.conservation) and self.field.energy is None:
            raise ValueError(f"{type(self.field).__name__} has no energy to match or to conserve")

    def draw(self, key, region):
        """Fresh times `(points,)` and states of the region `(d, points)`."""
        time_key, state_key = jr.split(key)
        x = region.draw(state_key, self.points)
        low, high = self.times
        return low + (high - low) * jr.uniform(time_key, (self.points,), x.dtype), x

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""
        if self.matching and (not isinstance(model, AbstractFlow) or model.hamiltonian is None):
            raise ValueError(f"{type(model).__name__} has no hamiltonian to match")
        residual_key, matching_key = jr.split(key)
        t, x0 = self.draw(residual_key, batch)
        own = None
        if self.matching and self.shared:
            (x, own), (rate, _) = model.velocity_along(t, x0)
        else:
            x, rate = model.velocity(t, x0)
        loss = jnp.mean((rate - batched_field(self.field, t, x, None)) ** 2)
        if self.conservation:
            energy = self.field.energy
            loss = loss + self.conservation * jnp.mean((energy(t, x) - energy(t, x0)) ** 2)
        if self.matching:
            if own is None:
                t, x = self.draw(matching_key, batch)
                own = model.hamiltonian(t, x)
            loss = loss + self.matching * jnp.mean((own - self.field.energy(t, x)) ** 2)
        return loss


class FlowSamples(AbstractBatch):
    """Pairs of states: `x` seen the time `t` after `x0`. `t (N,)`, `x0 (N, d)`, `x (N, d)`."""

    t: Float[Array, " N"]
    x0: Float[Array, "N d"]
    x: Float[Array, "N d"]


def flow_samples(trajectories) -> FlowSamples:
    """Every later sample of every trial, paired with the trial's first one.

    **Arguments:** anything with `ts (trials, T)`, `xs (trials, T, d)` and `mask`, such as
    `Trajectories`; times may be irregular. Raises `ValueError` for records of a single sample.
    """
    ts, xs = trajectories.ts, trajectories.xs
    if xs.ndim != 3 or xs.shape[1] < 2:
        raise ValueError(f"a segment needs at least two samples, got states of shape {xs.shape}")
    x0 = jnp.broadcast_to(xs[:, :1], xs[:, 1:].shape)
    keep = trajectories.mask[:, 1:]
    return FlowSamples((ts[:, 1:] - ts[:, :1])[keep], x0[keep], xs[:, 1:][keep])


def flow_matching(model, batch, *, key=None):
    """Mean over samples and components of `(N(t, x0) - x)^2`: a flow learned from segments.

    **Arguments:** `model`: a flow `N(t, x0)`; `batch`: `FlowSamples`; `key`: not used.
    Cost: one evaluation of the flow a sample. Raises `ValueError` for a model that is no flow and
    for data that are no pairs.
    """
    if not callable(model):
        raise ValueError(
            f"{type(model).__name__} is no flow N(t, x0): train it by TrajectoryMatching(step) or "
            "OneStepMatching(step) on the record"
        )
    if batch_part(batch, "x0") is None:
        raise ValueError(f"{type(batch).__name__} holds no pairs: take flow_samples(record)")
    return jnp.mean((model(batch.t, batch.x0.T) - batch.x.T) ** 2)
