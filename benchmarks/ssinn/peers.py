"""What sparse fits are compared with: Adam with an L1 penalty, regression of differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Settings
from benchmarks.ssinn.tasks import DT, Task
from dynnets.data import forward_differences, midpoint_derivatives
from dynnets.energies import LibraryEnergy
from dynnets.integrators import rollout
from dynnets.training import CoefficientPenalty, SparseFit, fit, fit_sparse, unstack

PENALTY = 1e-3


class _AbsoluteError(eqx.Module):
    """Mean |dq| + mean |dp| of a forecast over one pair, by two substeps, as published."""

    def __call__(self, model, pairs, *, key):
        ts = jnp.array([0.0, DT])
        ends = rollout(model.step, model.field, pairs[:, 0].T, ts, substeps=2).xs[-1]
        error = jnp.abs(ends - pairs[:, 1].T)
        n = error.shape[0] // 2
        return jnp.mean(error[:n]) + jnp.mean(error[n:])


def adam_l1(settings: Settings, task: Task, data: list) -> list:
    """The published training: single pairs, Adam at 1e-2 with a factor 0.8 every 100, L1 penalty.

    One model a seed in one program. Nothing becomes exactly zero.
    """
    count, steps = len(data), settings.scaled(12_000, fast=20)
    model = task.model()
    stack = jax.tree.map(lambda a: jnp.stack([a] * count) if eqx.is_array(a) else a, model)
    schedule = optax.exponential_decay(1e-2, 100, 0.8, staircase=True, end_value=1e-5)
    run = fit(
        stack, CoefficientPenalty(_AbsoluteError(), PENALTY), jnp.stack([d.xs for d in data]),
        optax.adam(schedule), steps=steps, batch_size=1, key=jr.key(3), chunk=steps,
        ensemble=count, data_axis=0,
    )  # fmt: skip
    return [unstack(run.model, i) for i in range(count)]


def coefficients_of(model) -> np.ndarray:
    """All coefficients of the kinetic and the potential energy."""
    parts = (model.hamiltonian.kinetic, model.hamiltonian.potential)
    return np.concatenate([np.asarray(p.active) for p in parts if isinstance(p, LibraryEnergy)])


def regress(task: Task, data, forward: bool = False) -> SparseFit:
    """Sequentially thresholded least squares on differences of the pairs, cut at 0.05."""
    rates = forward_differences(data) if forward else midpoint_derivatives(data)
    return fit_sparse(task.model(), rates, rule="threshold", cut=0.05, refuse=False)
