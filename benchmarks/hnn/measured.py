"""The measured pendulum of the HNN paper, and what its differences over 1/6 s do to it.

The record is damped. Forward differences add a spurious decay 17 times the real one, which the
published comparison charges to the unstructured baseline; differences at midpoints do not.
"""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.random as jr

from benchmarks.harness import Row, Settings, at_most, median
from benchmarks.hnn import tasks
from dynnets.data import (
    Samples,
    forward_differences,
    load_schmidt_lipson,
    midpoint_derivatives,
    split_counts,
    windows,
)
from dynnets.integrators import RungeKutta
from dynnets.losses import TrajectoryMatching, derivative_matching
from dynnets.models import HNN, NeuralODE, PortHamiltonianNetwork
from dynnets.training import fit

SEEDS, TRAIN = 3, 444
KINDS = {"port-Hamiltonian": PortHamiltonianNetwork, "HNN": HNN, "MLP field": NeuralODE}
STEP = RungeKutta(diffrax.Bosh3())  # 0.19 rad a sample: 5e-5 of error a step
WINDOW, STRIDE = 24, 12
SUBSTEPS = 4  # of the forecast, an order beyond the training's


def energy(x):
    """`2.4 (1 - cos o) + v^2` of states `(..., 2)`: the energy that the paper's code assumes."""
    return 2.4 * (1 - jnp.cos(x[..., 0])) + x[..., 1] ** 2


def _samples(differences) -> Samples:
    """Training rows 0 to 443 and, as in the published split, the last one of the record."""
    keep = jnp.concatenate([jnp.arange(TRAIN), jnp.asarray([differences.t.shape[0] - 1])])
    parts = (differences.t[keep], differences.x[keep], differences.dx[keep])
    return Samples(*(part.astype(jnp.float32) for part in parts))


def _forecast(model, record):
    """Energy error and state RMSE of the forecast from row 444 over the rest of the record."""
    ts, truth = record.ts[0, TRAIN:-1], record.xs[0, TRAIN:-1]
    model = tasks.in_precision(model, jnp.float64)
    model = eqx.tree_at(lambda m: m.step, model, RungeKutta(diffrax.Tsit5()))
    inner = jnp.linspace(ts[:-1], ts[1:], SUBSTEPS, endpoint=False, axis=1).ravel()
    fine = model.predict(truth[0], jnp.append(inner, ts[-1]))
    states = fine[::SUBSTEPS]
    rmse = jnp.sqrt(jnp.mean((states - truth) ** 2))
    return float(jnp.mean((energy(states) - energy(truth)) ** 2)), float(rmse)


def _make(kind: str, key):
    return tasks.in_precision(KINDS[kind](2, tasks.WIDTH, 2, key=key), jnp.float32)


def _one_seed(settings: Settings, kind: str, record, seed: int) -> tuple[float, float, float]:
    """Energy error by forward and by midpoint differences; state RMSE after the windows."""
    optimiser = tasks.optimiser(1e-3, None, 1e-5)
    model_key, key = jr.split(jr.key(seed))
    steps, errors = settings.scaled(2000, fast=2), []
    for differences in (forward_differences, midpoint_derivatives):
        known = _samples(differences(record))
        run = fit(
            _make(kind, model_key),
            derivative_matching,
            known,
            optimiser,
            steps=steps,
            key=key,
            chunk=500,
        )
        errors.append(_forecast(run.model, record)[0])
    pieces = windows(split_counts(record, TRAIN)[0], WINDOW, settings.scaled(STRIDE, fast=200))
    pieces = tasks.in_precision(pieces, jnp.float32)
    run = fit(
        run.model,
        TrajectoryMatching(STEP),
        pieces,
        optimiser,
        steps=settings.scaled(1000, fast=2),
        key=key,
        chunk=100,
    )
    return (*errors, _forecast(run.model, record)[1])


def rows(settings: Settings) -> list[Row]:
    """The three rows: published protocol, midpoints, and windows after them."""
    record = load_schmidt_lipson("real_pend_h_1", settings.data_file("schmidt_lipson.npz"))
    found: dict = {kind: [] for kind in KINDS}
    for seed in settings.seeds[:SEEDS]:
        for kind in KINDS:
            with settings.clock(f"measured pendulum, {kind}"):
                found[kind].append(_one_seed(settings, kind, record, seed))
    forward, midpoint, rmse = (
        {kind: [seed[i] for seed in found[kind]] for kind in KINDS} for i in range(3)
    )
    published = {"published HNN": 1.45e-2, "published MLP": 0.386}
    ours = "port-Hamiltonian"
    others = {kind: values for kind, values in rmse.items() if kind != ours}
    half = median(rmse[ours]) <= median(rmse["HNN"]) / 2
    return [
        Row(
            "measured pendulum, HNN: energy error, forward differences",
            forward.pop("HNN"),
            {**forward, **published},
        ),
        Row("measured pendulum, HNN: energy error, midpoints", midpoint.pop("HNN"), midpoint),
        at_most(
            "measured pendulum, port-Hamiltonian: state RMSE, windows", rmse[ours], 0.03, others
        ),
        Row(
            "measured pendulum, port-Hamiltonian: RMSE over the HNN's",
            median(rmse[ours]) / median(rmse["HNN"]),
            bar="<= 0.5",
            holds=half,
        ),
    ]
