"""Training step and rollout against PyTorch and diffrax, next to this machine's own limits.

Every round draws new weights and times ours, the peers and the machine's limits one after the
other, warm, so that a disturbance meets all of them; the table holds medians over the rounds
(the seeds) of times and of ratios within a round. Float32, two threads for everybody.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Result, Row, Settings, at_least, at_most, peers
from benchmarks.harness.roofline import Roofline, seconds
from dynnets.data import Samples
from dynnets.energies import MLPEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import rollout, verlet_kdk
from dynnets.losses import derivative_matching
from dynnets.models import HNN
from dynnets.training import fit

NAME = "speed"
SEEDS = 9

WIDTH, BATCH = 200, 750
STEP_FLOPS = 6 * 2 * WIDTH * WIDTH * BATCH  # two products forward, four backward
DIM, TRIALS = 2, 64  # coordinates of a trajectory, and trajectories
ORDER_TIME, ORDER_STEPS = 4.0, (1.0, 0.5, 0.05)  # the last one gives the truth


def _hnn_round(seed: int, optimiser, steps: int, torch) -> tuple[float, float]:
    """Seconds of one training step: `fit`'s own, everything it does included, and PyTorch's."""
    x_key, dx_key, model_key, key = jr.split(jr.key(seed), 4)
    x, dx = jr.normal(x_key, (BATCH, 2)), jr.normal(dx_key, (BATCH, 2))
    data = Samples(jnp.zeros(BATCH), x, dx)
    model = HNN(2, WIDTH, 2, key=model_key)

    def train():
        run = fit(model, derivative_matching, data, optimiser, steps=steps, key=key, chunk=steps)
        return eqx.filter(run.model, eqx.is_array)

    loop = peers.torch_hnn(torch, np.asarray(x), np.asarray(dx), WIDTH, steps)
    train(), loop()
    ours, theirs = zip(*[(seconds(train), seconds(loop)) for _ in range(2)], strict=True)
    return min(ours) / steps, min(theirs) / steps


def _hnn_rows(settings: Settings, limits: Roofline) -> list[Row]:
    torch = peers.torch()
    steps, optimiser = settings.scaled(100, fast=2), optax.adam(1e-3)
    times, fractions = [], []
    for seed in settings.seeds:
        with settings.clock("HNN training step"):
            times.append(_hnn_round(seed, optimiser, steps, torch))
            fractions.append(STEP_FLOPS / times[-1][0] / limits.flops())
    ours, theirs = zip(*times, strict=True)
    speed_up = [b / a for a, b in times]
    return [
        Row("HNN step, width 200, batch 750", _milli(ours), {"PyTorch": _milli(theirs)}, "ms"),
        at_least("HNN step, times faster than PyTorch", speed_up, 2.5),
        at_least("HNN step, fraction of the matmul peak", fractions, 0.55),
    ]


def _milli(values) -> list[float]:
    return [1e3 * value for value in values]


def _energies(seed: int):
    t_key, v_key, x_key = jr.split(jr.key(seed), 3)
    kinetic, potential = (MLPEnergy(DIM, 64, 2, key=key) for key in (t_key, v_key))
    return SeparableHamiltonianField(kinetic, potential), jr.normal(x_key, (2 * DIM, TRIALS))


def _solvers(h: float, steps: int) -> dict:
    """Compiled functions `(field, x0) -> states` by name; new ones, so that each compiles."""
    return {
        "ours": eqx.filter_jit(lambda f, x0: rollout(verlet_kdk, f, x0, (h, steps)).xs),
        "diffrax": eqx.filter_jit(lambda f, x0: peers.diffrax_euler(f, x0, h, steps)),
        "diffrax, our field": eqx.filter_jit(
            lambda f, x0: peers.diffrax_euler_own_field(f, x0, h, steps)
        ),
    }


@eqx.filter_jit
def _chain(weight, x, steps: int):
    """The four 64 x 64 x 64 products of a step, and nothing else."""
    back = jax.lax.optimization_barrier(weight.T)
    one = lambda x, _: (back @ (weight @ (back @ (weight @ x))), None)  # noqa: E731
    return jax.lax.scan(one, x, None, length=steps)[0]


def _compile_seconds(solver, *arguments) -> float:
    return seconds(lambda: solver.lower(*arguments).compile() and None)


def _last_error(name: str, field, x0, h: float, truth) -> float:
    solver = _solvers(h, round(ORDER_TIME / h))[name]
    return float(jnp.max(jnp.abs(solver(field, x0)[-1] - truth)))


def _order_row() -> Row:
    """Observed orders: slope of the error at one time between two steps, against a tiny step."""
    field, x0 = _energies(0)
    coarse, fine, tiny = ORDER_STEPS
    truth = _solvers(tiny, round(ORDER_TIME / tiny))["ours"](field, x0)[-1]
    orders = {}
    for name in ("ours", "diffrax, our field"):
        errors = [_last_error(name, field, x0, h, truth) for h in (coarse, fine)]
        orders[name] = float(np.log2(errors[0] / errors[1]))
    return Row(
        "rollout, observed order",
        orders["ours"],
        {"diffrax": orders["diffrax, our field"]},
        bar="twice diffrax's",
        holds=orders["ours"] > 1.8 and orders["diffrax, our field"] < 1.2,
    )


def _rollout_rows(settings: Settings) -> list[Row]:
    h, steps = 0.01, settings.scaled(1000, fast=10)
    running = _solvers(h, steps)
    run, compiling, chain = ({name: [] for name in running}, {name: [] for name in running}, [])
    for seed in settings.seeds:
        field, x0 = _energies(seed)
        with settings.clock("rollout"):
            weight, square = field.kinetic.net.layers[1][0], jnp.tile(x0, (64 // (2 * DIM), 1))
            _chain(weight, square, steps)
            for solver in running.values():
                jax.block_until_ready(solver(field, x0))
            for name, solver in running.items():
                run[name].append(seconds(functools.partial(solver, field, x0), 5))
            chain.append(seconds(functools.partial(_chain, weight, square, steps), 5))
        with settings.clock("rollout, compiling"):
            for name, solver in _solvers(h, steps).items():
                compiling[name].append(_compile_seconds(solver, field, x0))
    return _rollout_table(run, compiling, chain)


def _others(values: dict, scale: float) -> dict:
    return {name: [scale * v for v in vs] for name, vs in values.items() if name != "ours"}


def _ratios(values: dict) -> list[float]:
    return [a / b for a, b in zip(values["ours"], values["diffrax"], strict=True)]


def _rollout_table(run: dict, compiling: dict, chain: list[float]) -> list[Row]:
    share = [c / t for c, t in zip(chain, run["ours"], strict=True)]
    return [
        Row("rollout, 64 trajectories x 1000 steps", _milli(run["ours"]), _others(run, 1e3), "ms"),
        at_most("rollout, time over diffrax's", _ratios(run), 1.0),
        Row("rollout, compile time", _milli(compiling["ours"]), _others(compiling, 1e3), "ms"),
        at_most("rollout, compile time over diffrax's", _ratios(compiling), 0.5),
        Row("rollout, share of its matrix products alone", share),
        _order_row(),
    ]


def run(settings: Settings) -> Result:
    """Time the HNN training step, the rollout, and the machine."""
    limits = Roofline(jr.key(0))
    rates = [(limits.flops(), limits.tanhs(), limits.bytes()) for _ in settings.seeds]
    flops, tanhs, traffic = (np.array(rate) / 1e9 for rate in zip(*rates, strict=True))
    machine = [
        Row("machine: matrix products", flops, unit="GFLOP/s"),
        Row("machine: tanh", tanhs, unit="10^9/s"),
        Row("machine: memory traffic", traffic, unit="GB/s"),
    ]
    note = "diffrax: SemiImplicitEuler, energies differentiated by jax.grad, vmap over trajectories"
    return Result([*_hnn_rows(settings, limits), *_rollout_rows(settings), *machine], (note,))
