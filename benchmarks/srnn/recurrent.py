"""Recurrent nets of the usual kind on the spring chain: a memory instead of a law.

Both see the state and a memory, and answer with the change of the state over one interval. They
know neither the interval nor a structure; the memory of a forecast begins at zero.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax import lax

from benchmarks.harness import Settings, training
from benchmarks.harness.flows import in_precision
from benchmarks.srnn import chain
from dynnets.training import stack_models, unstack

PUBLISHED = {"vanilla RNN": 4.80, "LSTM": 5.95}
STEPS, MEMORY = 1600, 64  # an LSTM of this memory has twice the weights of the SRNN


class VanillaCell(eqx.Module):
    """`m' = tanh(A x + B m)`."""

    layer: eqx.nn.Linear

    def __init__(self, dim: int, memory: int, *, key):
        self.layer = eqx.nn.Linear(dim + memory, memory, key=key)

    def __call__(self, x, memory):
        """The next memory, a tuple as an LSTM's, but of one array."""
        return (jnp.tanh(self.layer(jnp.concatenate([x, *memory]))),)


class RecurrentMap(eqx.Module):
    """`x' = x + C m'` with the memory of a cell, `parts` arrays of which `m'` is the first."""

    cell: eqx.Module
    readout: eqx.nn.Linear
    memory: int = eqx.field(static=True)
    parts: int = eqx.field(static=True)

    def __init__(self, make_cell, parts: int, dim: int, memory: int, *, key):
        cell_key, readout_key = jr.split(key)
        self.cell = make_cell(dim, memory, key=cell_key)
        self.readout = eqx.nn.Linear(memory, dim, key=readout_key)
        self.memory, self.parts = memory, parts

    def forecast(self, x0, times: int):
        """States `(times, d)` from `x0 (d,)` on."""

        def advance(carry, _):
            x, memory = carry
            memory = self.cell(x, memory)
            x = x + self.readout(memory[0])
            return (x, memory), x

        empty = (jnp.zeros(self.memory, x0.dtype),) * self.parts
        _, xs = lax.scan(advance, (x0, empty), None, times - 1)
        return jnp.concatenate([x0[None], xs])


def matching(model, batch, *, key):
    """Mean square of what a record's samples differ from the forecast from its first one."""
    predicted = jax.vmap(lambda x: model.forecast(x, batch.xs.shape[1]))(batch.xs[:, 0])
    return jnp.mean((predicted - batch.xs)[:, 1:] ** 2)


@eqx.filter_jit
def _forecasts(model, starts, times: int):
    return jax.vmap(lambda x: model.forecast(x, times))(starts)


def distances(settings: Settings, problems: list[chain.Problem]) -> dict[str, list]:
    """`name -> distances of each seed`, from the first noisy sample of every test."""
    data = in_precision(chain.stacked(problems), jnp.float32)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    steps, found = settings.scaled(STEPS, fast=2), {}
    for name, cell in (("vanilla RNN", (VanillaCell, 1)), ("LSTM", (eqx.nn.LSTMCell, 2))):

        def make(key, cell=cell):
            net = RecurrentMap(*cell, 2 * chain.MASSES, MEMORY, key=key)
            return in_precision(net, jnp.float32)

        run = training.fit(
            settings, f"chain, {name}, training",
            stack_models(make, keys), matching, data, chain.adam(steps), steps=steps,
            key=jr.key(1), ensemble=len(problems), data_axis=0, chunk=min(200, steps),
        )  # fmt: skip
        models = in_precision(run.model, jnp.float64)
        found[name] = [
            chain.distances(
                _forecasts(unstack(models, i), one.seen.xs[:, 0], one.clean.shape[1]), one.clean
            )
            for i, one in enumerate(problems)
        ]
    return found
