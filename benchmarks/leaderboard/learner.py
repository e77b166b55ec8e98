"""What a learner of the leaderboard is, and how it is trained, measured and remembered.

A learner is one file of `benchmarks/leaderboard/learners`. It holds

    LEARNER = Learner("HNN", train, suits)

- `train(task, keys, budget) -> Training`: one model a key in one stack (`stack_models`), each with
  a `predict(x0, ts)`; most call `adam`, which spends the whole budget in one run of `fit`.
- `suits(task) -> str`: empty, or why the learner cannot be asked to learn the task.
"""

import dataclasses
import importlib
import pkgutil
import time
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import benchmarks.leaderboard.learners
from benchmarks.harness import Settings
from benchmarks.harness.flows import in_precision
from benchmarks.harness.training import fit
from benchmarks.leaderboard.tasks import WINDOW, Task
from dynnets.analysis import energy_drift, forecast_error, valid_time
from dynnets.data import windows
from dynnets.losses import flow_matching, flow_samples
from dynnets.models import NetworkFlow
from dynnets.structure import symplecticity_defect
from dynnets.training import stack_models, unstack

HORIZONS = (1, 10, 100)
MEASURES = (
    *(f"error at {h}x" for h in HORIZONS),
    "energy drift",
    "valid time",
    "symplecticity defect",
    "training seconds",
    "inference ns",
    "update MiB",
    "parameters",
)


@dataclasses.dataclass(frozen=True)
class Budget:
    """What every learner may spend: optimiser updates, and samples that each of them sees.

    `settings`: of the run, for its store; None for none.
    """

    updates: int
    samples: int
    settings: Settings | None = None


@dataclasses.dataclass(frozen=True)
class Learner:
    """A learner's name, its training, and which tasks it can be given."""

    name: str
    train: Callable
    suits: Callable[[Task], str] = lambda task: ""


@dataclasses.dataclass
class Training:
    """Trained models, the seconds that took, and the memory of one update where it is known."""

    models: eqx.Module
    seconds: float
    update_bytes: float = float("nan")


def learners() -> list[Learner]:
    """Every learner of the folder, in the order of the files' names."""
    folder = benchmarks.leaderboard.learners
    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return [importlib.import_module(f"{folder.__name__}.{name}").LEARNER for name in names]


def _size(data) -> int:
    return jax.tree.leaves(eqx.filter(data, eqx.is_array))[0].shape[0]


def _update_bytes(models, loss, batch, key) -> float:
    """Temporary memory of one value-and-gradient of all members, as the compiler allots it."""
    params, static = eqx.partition(models, eqx.is_inexact_array)

    def total(params, batch):
        def member(params):
            return loss(eqx.combine(params, static), batch, key=key)

        return jnp.sum(jax.vmap(member)(params))

    arrays, rest = eqx.partition(batch, eqx.is_array)
    update = jax.jit(lambda p, a: jax.grad(total)(p, eqx.combine(a, rest)))
    found = update.lower(params, arrays).compile().memory_analysis()
    return float(found.temp_size_in_bytes)


def adam(
    task: Task, make: Callable, loss: Callable, data, keys, budget: Budget, *, per_item: int = 1,
    rate: float = 3e-3,
) -> Training:  # fmt: skip
    """All members by one run of Adam under a cosine schedule, in float32; they forecast in float64.

    `make(key)`: a model; `data`: what `loss` takes; `per_item`: samples in one item of `data`, so
    that learners on windows and learners on pairs see equally many samples an update.
    """
    models = in_precision(stack_models(make, keys), jnp.float32)
    data = in_precision(data, jnp.float32)
    batch = min(max(1, budget.samples // per_item), _size(data))
    taken = jax.tree.map(lambda a: a[:batch] if eqx.is_array(a) else a, data)
    memory = _update_bytes(models, loss, taken, keys[0])
    settings = Settings("leaderboard", ()) if budget.settings is None else budget.settings
    run = fit(
        settings, "training", models, loss, data,
        optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adam(optax.cosine_decay_schedule(rate, budget.updates)),
        ),
        steps=budget.updates, key=keys[0], ensemble=len(keys), batch_size=batch,
        chunk=min(500, budget.updates),
    )  # fmt: skip
    return Training(in_precision(run.model, jnp.float64), run.seconds, memory)


def train_step_map(task: Task, make_net: Callable, keys, budget: Budget) -> Training:
    """`adam` on pairs of neighbours for nets `net(h, x)` that map over one interval."""
    pairs = flow_samples(windows(task.train, 2))

    def make(key):
        return NetworkFlow(make_net(key), task.interval)

    return adam(task, make, flow_matching, pairs, keys, budget, rate=1e-2)


@eqx.filter_jit
def _forecasts(models, starts, ts):
    def member(model):
        return jax.vmap(lambda x0: model.predict(x0, ts))(starts)

    return eqx.filter_vmap(member)(models)


@eqx.filter_jit
def _defects(models, starts, ts):
    def member(model):
        return jnp.max(
            jax.vmap(lambda x: symplecticity_defect(lambda y: model.predict(y, ts)[-1], x))(starts)
        )

    return eqx.filter_vmap(member)(models)


def _nanoseconds(model, task: Task) -> float:
    """Of one interval of one sample, in a batch of 256, all compiled; the best of three."""
    starts = jnp.tile(task.starts, (256 // len(task.starts) + 1, 1))[:256]
    ts = task.ts[: 10 * WINDOW + 1]
    predict = eqx.filter_jit(lambda model, starts: jax.vmap(lambda x: model.predict(x, ts))(starts))
    jax.block_until_ready(predict(model, starts))
    best = np.inf
    for _ in range(3):
        begin = time.perf_counter()
        jax.block_until_ready(predict(model, starts))
        best = min(best, time.perf_counter() - begin)
    return 1e9 * best / (len(starts) * (len(ts) - 1))


def _unit_of_energy(task: Task):
    """Mean of `|x . grad H| / 2` over the data: the energy itself for a harmonic oscillator."""
    states = task.train.xs.reshape(-1, task.dim)
    return jnp.mean(jnp.abs(jax.vmap(lambda x: x @ jax.grad(task.energy, 1)(0.0, x))(states))) / 2


def measure(task: Task, training: Training, members: int) -> dict[str, list]:
    """Every measure of `MEASURES`, a number per member; medians over the starts."""
    models, ts = training.models, task.ts
    states = _forecasts(models, task.starts, ts)
    window = WINDOW * task.interval
    horizons = [h * window for h in HORIZONS if h == 1 or h * WINDOW < len(ts)]

    @jax.jit
    def scores(states, truth):
        errors = forecast_error(ts, states, truth, horizons)
        drift = jnp.max(jnp.abs(energy_drift(task.energy, ts, states)))
        drift = jnp.where(jnp.isfinite(drift), drift, jnp.inf)
        return errors, drift, valid_time(ts, states, truth) / window

    errors, drift, valid = jax.vmap(jax.vmap(scores), in_axes=(0, None))(states, task.truth)
    errors = np.median(np.asarray(errors), axis=1)
    found = {f"error at {h}x": [] for h in HORIZONS}
    for i, h in enumerate(HORIZONS[: len(horizons)]):
        found[f"error at {h}x"] = errors[:, i].tolist()
    unit = float(_unit_of_energy(task))
    found["energy drift"] = (np.median(np.asarray(drift), axis=1) / unit).tolist()
    found["valid time"] = np.median(np.asarray(valid), axis=1).tolist()
    found["symplecticity defect"] = np.asarray(_defects(models, task.starts[:4], ts[:2])).tolist()
    one = unstack(models, 0)
    leaves = jax.tree.leaves(eqx.filter(one, eqx.is_inexact_array))
    found["training seconds"] = [training.seconds]
    found["inference ns"] = [_nanoseconds(one, task)]
    found["update MiB"] = [training.update_bytes / members / 2**20]
    found["parameters"] = [float(sum(leaf.size for leaf in leaves))]
    return found


def cell(settings: Settings, task: Task, learner: Learner, keys, budget: Budget) -> dict:
    """The measures of one learner on one task: a part of its own."""

    def train_and_measure():
        spent = dataclasses.replace(budget, settings=settings)
        found = measure(task, learner.train(task, keys, spent), len(keys))
        jax.clear_caches()  # hundreds of compiled programs would not fit
        return found

    label = f"{task.label}: {learner.name}"
    asked = {"updates": budget.updates, "samples": budget.samples}
    return settings.part(label, {"budget": asked}, train_and_measure)
