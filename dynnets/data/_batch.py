"""The role of every batch: what losses and fits may ask of the data that they are given."""

import equinox as eqx

from dynnets._core import declared


class AbstractBatch(eqx.Module):
    """Data that a loss trains on; each kind offers some parts, and the others are `None`.

    A subclass offers a part by a field or a property of its name. All arrays lead with the axis
    that minibatches are taken from.

    - Points with their rates, such as `Samples`: `t (N,)`, `x (N, d)`, `dx (N, d)`, `u (N, m)`.
    - Trials, such as `Trajectories`: `ts (trials, T)`, `xs (trials, T, d)`, `us (trials, T, m)`,
      `mask (trials, T)`, which tells samples from padding, and `index (trials,)`, the number of
      each trial where it has free initial states.
    - Pairs of states, such as `FlowSamples`: `t (N,)`, `x0 (N, d)` and `x (N, d)`, the time `t`
      after it.

    A loss names the parts that it needs, and refuses data without them by `ValueError`.
    """

    t = declared(None)
    x = declared(None)
    dx = declared(None)
    u = declared(None)
    ts = declared(None)
    xs = declared(None)
    us = declared(None)
    mask = declared(None)
    index = declared(None)
    x0 = declared(None)


def batch_part(batch, name: str):
    """The part `name` of a batch: `None` where it offers none, and for what is no batch at all.

    **Arguments:** `batch`: anything; `name`: one of the parts that `AbstractBatch` lists.
    """
    return getattr(batch, name) if isinstance(batch, AbstractBatch) else None
