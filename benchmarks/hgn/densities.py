"""Neural Hamiltonian flows on two densities of the plane, beside affine couplings of equal size.

10,000 points to train on, 10,000 to test; 5000 updates on batches of 256. The Hamiltonian flow is
trained on its bound with 8 momenta a point and scored on the bound with 64, which is not above
the likelihood; the couplings' likelihood is exact. The densities that made the points are known:
their own mean negative log-likelihood is a column, except for the moons, which have none in
closed form.
"""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.harness import Row, Settings, at_most
from benchmarks.harness.flows import adam, parameters, train
from dynnets.losses import NegativeBound, negative_log_likelihood
from dynnets.models import CouplingFlow, HamiltonianFlow
from dynnets.training import unstack

POINTS, STEPS, BATCH, SAMPLES, RATE = 10_000, 5000, 256, 64, 5e-3
MEANS = 2.0 * jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
DEVIATION = 0.3
DEPTH, WIDTH, LAYERS, H, TRAINED = 8, 32, 2, 0.5, 8
COUPLINGS, COUPLING_WIDTH = 8, 46  # as many parameters, within two per cent


def four_gaussians(key, count: int):
    """Points `(count, 2)` of four round normal clouds."""
    which, noise = jr.split(key)
    return MEANS[jr.randint(which, (count,), 0, 4)] + DEVIATION * jr.normal(noise, (count, 2))


def two_moons(key, count: int):
    """Points `(count, 2)` of two half circles that reach into each other, noise 0.1."""
    where, side, noise = jr.split(key, 3)
    angle = jnp.pi * jr.uniform(where, (count,))
    upper = jr.bernoulli(side, 0.5, (count,))
    x = jnp.where(upper, jnp.cos(angle), 1 - jnp.cos(angle))
    y = jnp.where(upper, jnp.sin(angle), 0.5 - jnp.sin(angle))
    return jnp.stack([x, y], axis=-1) + 0.1 * jr.normal(noise, (count, 2))


def four_gaussians_log_prob(x):
    """The log-density of `four_gaussians` at points `(N, 2)`."""
    squares = jnp.sum((x[:, None] - MEANS) ** 2, axis=-1) / (2 * DEVIATION**2)
    return jax.nn.logsumexp(-squares, axis=1) - math.log(4 * 2 * math.pi * DEVIATION**2)


DENSITIES = {"four Gaussians": four_gaussians, "two moons": two_moons}
SHOWN = "four Gaussians"


def hamiltonian(key):
    """The Hamiltonian flow of the comparison."""
    return HamiltonianFlow(2, DEPTH, WIDTH, LAYERS, h=H, key=key)


def coupling(key):
    """The coupling flow of equal size."""
    return CouplingFlow(2, COUPLINGS, COUPLING_WIDTH, 2, key=key)


@eqx.filter_jit
def bound_nll(flow, points, key):
    """Mean of the bound with 64 momenta over `points (N, 2)`, in blocks of 250."""
    blocks = points.reshape(-1, 250, 2) if points.shape[0] % 250 == 0 else points[None]
    keys = jr.split(key, blocks.shape[0])
    one = lambda block: -flow.log_bound(block[0].T, samples=SAMPLES, key=block[1])  # noqa: E731
    return jnp.mean(jax.lax.map(one, (blocks, keys)))


def asked(settings: Settings) -> dict:
    """What a kept part of the densities was asked for."""
    return {"steps": STEPS, "points": POINTS, "rate": RATE, "figures": str(settings.figures)}


def measure(settings: Settings, name: str) -> tuple[dict, HamiltonianFlow]:
    """Negative log-likelihoods `{column: [one a seed]}` and the first seed's flow."""
    points = settings.scaled(POINTS, fast=250)
    steps = settings.scaled(STEPS, fast=3)
    draw, salt = DENSITIES[name], list(DENSITIES).index(name)
    keys = [jr.split(jr.key(1000 + 10 * seed + salt), 3) for seed in settings.seeds]
    known = jnp.stack([draw(k[0], points) for k in keys])
    unseen = [draw(k[1], points) for k in keys]
    options = {"batch_size": min(BATCH, points), "data_axis": 0}
    fits = functools.partial(
        train, data=known, optimiser=adam(steps, RATE, 1e-2 * RATE), steps=steps, **options
    )
    ours, _ = fits(settings, f"{name}, Hamiltonian flow", hamiltonian, NegativeBound(TRAINED))
    other, _ = fits(settings, f"{name}, couplings", coupling, negative_log_likelihood)
    members = [(unstack(ours, i), unstack(other, i)) for i in range(len(keys))]
    found = {
        "ours": [
            float(bound_nll(a, x, k[2])) for (a, _), x, k in zip(members, unseen, keys, strict=True)
        ],
        "couplings": [
            float(negative_log_likelihood(b, x)) for (_, b), x in zip(members, unseen, strict=True)
        ],
    }
    if draw is four_gaussians:
        found["truth"] = [float(-jnp.mean(four_gaussians_log_prob(x))) for x in unseen]
    return found, members[0][0]


def rows(name: str, found: dict) -> list[Row]:
    """The likelihood and its distance from the couplings'."""
    columns = dict(found)
    nll = columns.pop("ours")
    above = [a - b for a, b in zip(nll, columns["couplings"], strict=True)]
    return [
        Row(f"{name}: negative log-likelihood", nll, columns, "nat"),
        at_most(f"{name}: above the couplings", above, 0.1, unit="nat"),
    ]


def sizes() -> Row:
    """The number of parameters of both flows."""
    ours, other = (float(parameters(make(jr.key(0)))) for make in (hamiltonian, coupling))
    return Row("parameters of a flow", ours, {"couplings": other})
