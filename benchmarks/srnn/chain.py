"""The spring chain of the SRNN paper at 8 masses: noisy records of ten samples, then 200 steps.

Every seed has a chain, records and weights of its own; the seeds train in one program. Training is
float32, the ground truth (normal modes) and every forecast float64.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from benchmarks.harness import Settings, training
from benchmarks.harness.flows import in_precision
from dynnets.data import Trajectories
from dynnets.integrators import blanes_moan6, explicit_euler, rollout, verlet_kdk
from dynnets.losses import OneStepMatching, TrajectoryMatching
from dynnets.models import SRNN, FieldModel, NeuralODE
from dynnets.systems import SpringChain, random_chain
from dynnets.training import (
    Stage,
    fit_initial_states,
    srnn_stages,
    stack_models,
    unstack,
)

MASSES, TRIALS, TIMES, H, NOISE, WIDTH, RATE = 8, 400, 10, 0.1, 0.2, 256, 3e-3
STARTS, HORIZON = 32, 200
STEPS = (800, 800, 4000)

TRUTH = "true equations"
TRUTH_LEAPFROG = "true equations, leapfrog h"
HNN = "HNN (single-step E-E)"
SINGLE = "single-step L-L"
O_NET = "recurrent E-E O-NET"
H_NET = "recurrent E-E H-NET"
RECURRENT = "SRNN (recurrent L-L)"
LONGER = "SRNN, as many steps as SRNN-ISO"
ISO = "SRNN-ISO"


@dataclasses.dataclass(frozen=True)
class Problem:
    """One seed: the chain, its noisy records, and fresh starts to be forecast.

    `clean (starts, steps + 1, d)`: the exact motion; `seen`: its first noisy samples.
    """

    chain: SpringChain
    records: Trajectories
    clean: jax.Array
    seen: Trajectories
    noisy: jax.Array


def _motion(chain, key, count: int, times: int):
    starts = jax.vmap(chain.sample)(jr.split(key, count)).T
    ts = H * jnp.linspace(0.0, times - 1.0, times)
    return ts, jax.lax.map(lambda t: chain.solution(t, starts).T, ts).swapaxes(0, 1)


def _records(ts, xs) -> Trajectories:
    count, times, dim = xs.shape
    half = range(dim // 2)
    names = tuple(f"q{i}" for i in half) + tuple(f"p{i}" for i in half)
    every = jnp.tile(ts[None, :times], (count, 1))
    return Trajectories(every, xs, None, None, jnp.full(count, times), names, phase="momenta")


def problem(settings: Settings, seed: int) -> Problem:
    """Chain, records and test set of one seed."""
    keys = jr.split(jr.key(seed), 5)
    chain = random_chain(MASSES, key=keys[0])
    ts, xs = _motion(chain, keys[1], settings.scaled(TRIALS, fast=6), TIMES)
    records = _records(ts, xs + NOISE * jr.normal(keys[2], xs.shape))
    steps = settings.scaled(HORIZON, fast=12)
    ts, clean = _motion(chain, keys[3], settings.scaled(STARTS, fast=3), steps + 1)
    noisy = clean + NOISE * jr.normal(keys[4], clean.shape)
    return Problem(chain, records, clean, _records(ts, noisy[:, :TIMES]), noisy)


def make(step=verlet_kdk):
    """`make(key)` of an H-NET: `K` and `V` with one hidden layer."""
    return lambda key: SRNN(2 * MASSES, WIDTH, 1, step=step, key=key)


def o_net(key):
    """The net without structure, as large as both nets of the SRNN."""
    return NeuralODE(2 * MASSES, WIDTH, 1, step=explicit_euler, key=key)


def adam(steps: int):
    """Along a cosine from `RATE` to zero."""
    return optax.adam(optax.cosine_decay_schedule(RATE, max(1, steps)))


def _plans(steps: tuple[int, int, int]):
    """`label -> (make, stages, the name of the model after each stage)`."""
    one, many = OneStepMatching(None), TrajectoryMatching(None, shared_times=True)
    alone = lambda loss: (Stage(loss, adam(steps[0]), steps[0]),)  # noqa: E731
    recipe = srnn_stages(steps=steps, rate=RATE, shared_times=True)
    plain = srnn_stages(steps=(steps[0], steps[1] + steps[2], 0), rate=RATE, shared_times=True)
    return {
        HNN: (make(explicit_euler), alone(one), (HNN,)),
        O_NET: (o_net, alone(many), (O_NET,)),
        H_NET: (make(explicit_euler), alone(many), (H_NET,)),
        LONGER: (make(), plain, (SINGLE, LONGER)),
        ISO: (make(), recipe, (SINGLE, RECURRENT, ISO)),
    }


def stacked(problems: list[Problem]) -> Trajectories:
    """The records of all seeds, one above the other."""
    return jax.tree.map(lambda *a: jnp.stack(a), *[p.records for p in problems])


def train(settings: Settings, problems: list[Problem]) -> tuple[dict, list[float]]:
    """Stacks of trained models by name, and the last loss of SRNN-ISO, one a seed."""
    count = len(problems)
    data = in_precision(stacked(problems), jnp.float32)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    models, losses = {}, []
    for label, (build, stages, names) in _plans(settings.scaled(STEPS, fast=(2, 2, 2))).items():
        stack = stack_models(lambda key, build=build: in_precision(build(key), jnp.float32), keys)
        run = training.fit_stages(
            settings, f"chain, {label}, training",
            stack, stages, data, key=jr.key(1), ensemble=count, data_axis=0, chunk=200,
        )  # fmt: skip
        models |= dict(zip(names, map(_bare, run.results), strict=True))
        losses = run.results[-1].history.loss[-1].tolist()
    return models, losses


def _bare(result):
    return getattr(result.model, "model", result.model)


@eqx.filter_jit
def _forecast(step, field, x0, times: int, substeps: int = 1):
    return jax.vmap(lambda x: rollout(step, field, x, (H, times - 1), substeps=substeps).xs)(x0)


def forecast(model, x0, times: int, *, step=None, substeps: int = 1):
    """`(starts, times, d)` by the model's own step or another one."""
    return _forecast(model.step if step is None else step, model.field, x0, times, substeps)


def distances(paths, truth):
    """Euclidean norms of the position errors, `(starts, times)`; infinite where not finite."""
    half = truth.shape[-1] // 2
    norms = jnp.sqrt(jnp.sum((paths - truth)[..., :half] ** 2, axis=-1))
    return jnp.where(jnp.isfinite(norms), norms, jnp.inf)


def mean_distance(found) -> float:
    """Mean over the starts and the steps 1, 2, ..., without the start."""
    return float(found[:, 1:].mean())


def scores(settings: Settings, problems: list[Problem], models: dict) -> dict:
    """`name -> {"noisy": distances of each seed, "ISO": distances of each seed}`."""
    found: dict = {n: {"noisy": [], "ISO": []} for n in (TRUTH, TRUTH_LEAPFROG, *models)}
    for i, one in enumerate(problems):
        known = {  # the first is exact to 1e-3 here
            TRUTH: FieldModel(one.chain.field, blanes_moan6),
            TRUTH_LEAPFROG: FieldModel(one.chain.field, verlet_kdk),
        }
        known |= {n: in_precision(unstack(m, i), jnp.float64) for n, m in models.items()}
        for name, model in known.items():
            with settings.clock("chain, scoring"):
                fitted = fit_initial_states(model, one.seen).x0
                for start, x0 in (("noisy", one.seen.xs[:, 0]), ("ISO", fitted)):
                    paths = forecast(model, x0, one.clean.shape[1])
                    found[name][start].append(distances(paths, one.clean))
    return found


def noisy_truth(problems: list[Problem], models: dict) -> list[float]:
    """SRNN-ISO against a noisy truth, the number of the paper's code."""
    values = []
    for i, one in enumerate(problems):
        model = in_precision(unstack(models[ISO], i), jnp.float64)
        paths = forecast(model, fit_initial_states(model, one.seen).x0, one.clean.shape[1])
        values.append(mean_distance(distances(paths, one.noisy)))
    return values


def grid(problems: list[Problem], models: dict):
    """Training against testing: errors of the first seed, `(training, testing)` with labels."""
    one = problems[0]
    trained = {"E": models[H_NET], "L": models[RECURRENT]}
    tested = {
        f"{name}, h/{fine}" if fine > 1 else f"{name}, h": (step, fine)
        for name, step in (("E", explicit_euler), ("L", verlet_kdk))
        for fine in (1, 2, 10)
    }
    values = []
    for stack in trained.values():
        model = in_precision(unstack(stack, 0), jnp.float64)
        x0, times = one.seen.xs[:, 0], one.clean.shape[1]
        values.append(
            [
                mean_distance(distances(forecast(model, x0, times, step=s, substeps=n), one.clean))
                for s, n in tested.values()
            ]
        )
    return values, [f"trained by {name}" for name in trained], list(tested)
