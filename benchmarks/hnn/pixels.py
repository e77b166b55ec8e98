"""The pixel pendulum of the HNN paper: dynamics and an energy learned from pictures alone.

Pictures are drawn by `render_pendulum` (the paper took them from a simulator's window), of the
paper's pendulum: with `H = 1.875 (1 - cos q) + p^2`, `q' = 2 p`, a picture every 0.1 of the unit
of time is its 0.05 s. Films of 100 pictures start at |q| <= pi/6, |p| <= 1/4, as in its simulator.
Nets and batch are the paper's; the budget is smaller: 80 films to train on instead of 160, and
3000 updates, cosine from 3e-3, instead of 10,000 at 1e-3. With the paper's loss and weight decay
that budget leaves codes so small that both latent fields hardly move: a forecast that stands still
conserves every energy, and the pictures drawn from it show it. So the latent terms are measured
against the variance of the codes and weighted by 1, time is in units in which the pendulum turns
by about a radian, the loss steps by Heun's method (Euler's is not consistent with velocities by
differences), and no weight decays. Test losses do not compare with the paper's.

Energy is scored from 15 test films over 100 pictures (3 swings), two ways:

- as the paper does: forecast pictures are encoded again, an affine map fitted on training films
  takes the codes to `(q, p)`, and `H` of that is compared with the true energy. It trusts the
  encoder, and it leaves out what an affine map does not reach.
- from the pictures themselves: the angle in the second picture of each forecast pair is that of
  the nearest drawn picture (a grid of 0.01 rad, refined by a parabola), the velocity a central
  difference of two such angles. Applied to true pictures the same gives its own error.

A forecast that stands still at the first picture has no error from codes; from pictures it scores
the column "standing still". How far the codes travel, compared with those of the true pictures,
is a row of its own.
"""

import math

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from matplotlib.figure import Figure

from benchmarks.harness import Row, Settings, training
from dynnets.data import render_pendulum
from dynnets.integrators import RungeKutta, heun, rollout
from dynnets.losses import PixelMatching
from dynnets.models import HNN, NeuralODE, PixelHNN
from dynnets.systems import Pendulum

SYSTEM = Pendulum(mass=0.5, length=1.0, gravity=3.75)
H, PICTURES = 0.1, 100  # between two pictures; in a film
WIDTH, STARTS = 200, 15
STEPS, BATCH, TRAIN, TEST, SEEDS = 3000, 200, 80, 20, 2
OPTIMISER = optax.adam(optax.cosine_decay_schedule(3e-3, STEPS))
INTERVAL = 0.2  # of the latent unit of time, so that a swing is about 2 pi of it
LOSS = PixelMatching(heun, weight=1.0, interval=INTERVAL, relative=True)
STEP = RungeKutta(diffrax.Tsit5())
GRID = jnp.linspace(-1.5, 1.5, 301)
PUBLISHED = (1.53e-4, 9.27e-3)  # energy error from codes: (HNN, MLP field)


def swings(key, films: int):
    """True states `(films, 100, 2)` by the closed form, float32."""
    angle, momentum = jr.split(key)
    q = jr.uniform(angle, (films,), minval=-math.pi / 6, maxval=math.pi / 6)
    p = jr.uniform(momentum, (films,), minval=-0.25, maxval=0.25)
    ts = H * jnp.arange(PICTURES)
    xs = jax.vmap(SYSTEM.solution, in_axes=(0, None))(ts, jnp.stack([q, p]))
    return jnp.moveaxis(xs, -1, 0).astype(jnp.float32)


@jax.jit
def triples(xs):
    """Every three consecutive pictures of the films `xs`: `(N, 3, 28, 28)`."""
    q = xs[..., 0]
    windows = jnp.stack([q[:, :-2], q[:, 1:-1], q[:, 2:]], axis=-1)
    return render_pendulum(windows.reshape(-1, 3))


def make(kind: str, key):
    """A `PixelHNN`, or the same with a plain field in the latent space."""
    key, field_key = jr.split(key)
    inner = (HNN if kind == "HNN" else NeuralODE)(2, WIDTH, 2, key=field_key)
    model = PixelHNN((2, 28, 28), 2, WIDTH, dynamics=inner, key=key)
    return jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, model)


def hamiltonian(q, p):
    """`1.875 (1 - cos q) + p^2`."""
    return SYSTEM.mass * SYSTEM.gravity * (1 - jnp.cos(q)) + p**2


def read_angles(pictures):
    """Angles `(N,)` of the pictures `(N, 28, 28)`: the nearest drawn one, refined by a parabola."""
    drawn = render_pendulum(GRID.astype(pictures.dtype)).reshape(GRID.size, -1)
    flat = pictures.reshape(pictures.shape[0], -1)
    distance = jnp.sum(drawn**2, axis=1) - 2 * flat @ drawn.T  # but for |picture|^2
    best = jnp.clip(jnp.argmin(distance, axis=1), 1, GRID.size - 2)[:, None]
    left, here, right = (jnp.take_along_axis(distance, best + k, axis=1)[:, 0] for k in (-1, 0, 1))
    bend = left - 2 * here + right
    shift = jnp.where(bend > 0, (left - right) / (2 * jnp.where(bend > 0, bend, 1)), 0)
    return GRID[best[:, 0]] + jnp.clip(shift, -1, 1) * (GRID[1] - GRID[0])


def seen_energy_error(pictures, energy):
    """Mean of `(E_seen - E)^2`: `pictures (films, T, 28, 28)`, true energies `(films,)`."""
    q = read_angles(pictures.reshape(-1, *pictures.shape[2:])).reshape(pictures.shape[:2])
    p = (q[:, 2:] - q[:, :-2]) / (4 * H)  # q' = 2 p
    return jnp.mean((hamiltonian(q[:, 1:-1], p) - energy[:, None]) ** 2)


def affine_map(model, films, xs):
    """The affine map `(3, 2)` of codes `(z, 1)` to states at the second picture of each pair."""
    states = xs[:, 1:-1].reshape(-1, 2)
    z = jax.vmap(model.encode)(films[:, :2])
    return jnp.linalg.lstsq(jnp.column_stack([z, jnp.ones_like(z[:, :1])]), states)[0]


@eqx.filter_jit
def forecast_pictures(model, start):
    """Codes `(films, T, 2)` and picture pairs from the first two pictures' angles `start`."""
    z0 = jax.vmap(model.encode)(render_pendulum(start)).T
    zs = rollout(STEP, model.field, z0, (INTERVAL, PICTURES - 2)).xs  # (T, 2, films)
    zs = jnp.moveaxis(zs, -1, 0)
    return zs, jax.vmap(jax.vmap(model.decode))(zs)


@eqx.filter_jit
def score(model, films, xs, test_films, test_xs):
    """Test loss, the two energy errors, and how far the codes travel."""
    start = test_xs[:STARTS, :2, 0]
    energy = hamiltonian(test_xs[:STARTS, 0, 0], test_xs[:STARTS, 0, 1])[:, None]
    zs, pairs = forecast_pictures(model, start)
    true = films_codes(model, test_xs[:STARTS])
    again = jax.vmap(jax.vmap(model.encode))(pairs)
    matrix = affine_map(model, films, xs)
    q, p = jnp.moveaxis(again @ matrix[:2] + matrix[2], -1, 0)
    return {
        "loss": LOSS(model, test_films),
        "codes": jnp.mean((hamiltonian(q, p) - energy) ** 2),
        "pictures": seen_energy_error(pairs[:, :, 1], energy[:, 0]),
        "travel": _path(zs) / _path(true),
    }


def films_codes(model, films):
    """Codes `(films, T - 1, 2)` of all pairs of true pictures."""
    pairs = jnp.stack([films[:, :-1, 0], films[:, 1:, 0]], axis=-1)
    return jax.vmap(jax.vmap(model.encode))(render_pendulum(pairs))


def _path(codes):
    """Length of the paths of codes, all films together."""
    return jnp.sum(jnp.linalg.norm(jnp.diff(codes, axis=1), axis=-1))


def run_pixels(settings: Settings) -> dict[str, dict[str, list[float]]]:
    """Scores `{kind: {measure: [one a seed]}}`, the seeds `0 .. SEEDS-1` of those asked for."""
    scores: dict = {"HNN": {}, "MLP field": {}, "true pictures": {"error": [], "still": []}}
    train, test = settings.scaled((TRAIN, TEST), fast=(3, 15))
    for seed in settings.seeds[:SEEDS]:
        data_key, *keys = jr.split(jr.key(seed), 3)
        xs = swings(data_key, train + test)
        known, unseen = triples(xs[:train]), triples(xs[train:])
        shown = render_pendulum(xs[train : train + STARTS, :, 0])
        energy = hamiltonian(xs[train : train + STARTS, 0, 0], xs[train : train + STARTS, 0, 1])
        scores["true pictures"]["error"].append(float(seen_energy_error(shown, energy)))
        scores["true pictures"]["still"].append(
            float(jnp.mean(xs[train : train + STARTS, 0, 1] ** 4))
        )
        trained = {}
        for kind, key in zip(("HNN", "MLP field"), keys, strict=True):
            make_key, fit_key = jr.split(key)
            model = training.fit(
                *(settings, f"pixels, {kind}, training"),
                *(make(kind, make_key), LOSS, known, OPTIMISER),
                steps=settings.scaled(STEPS, fast=2),
                key=fit_key,
                batch_size=BATCH,
                chunk=500,
            ).model
            trained[kind] = model
            with settings.clock(f"pixels, {kind}, scoring"):
                found = score(model, known, xs[:train], unseen, xs[train:])
            for measure, value in found.items():
                scores[kind].setdefault(measure, []).append(float(value))
        if seed == settings.seeds[0] and settings.figures is not None:
            settings.save_figure(_pictures(trained, xs[train]), "pixels-pictures")
            settings.save_figure(
                _latent_plane(trained, xs[train : train + STARTS]), "pixels-latent"
            )
    return scores


def _pictures(trained, film):
    """Every twelfth picture of one unseen film: the truth, then what each model forecasts."""
    shown = jnp.arange(0, PICTURES - 2, 12)
    rows = {"truth": render_pendulum(film[1:, 0])[shown]}
    for kind, model in trained.items():
        rows[kind] = forecast_pictures(model, film[None, :2, 0])[1][0, :, 1][shown]
    figure = Figure(figsize=(1.25 * len(shown), 4.2), layout="constrained")
    axes = figure.subplots(len(rows), len(shown))
    for line, (kind, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(kind)
        for axis, picture, number in zip(line, pictures, shown, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            if kind == "truth":
                axis.set_title(f"picture {int(number) + 2}", fontsize=8)
    return figure


def _latent_plane(trained, films):
    """Codes of the true pictures and of the forecasts from their first two, in each model."""
    figure = Figure(figsize=(9.0, 4.4), layout="constrained")
    for axis, (kind, model) in zip(figure.subplots(1, len(trained)), trained.items(), strict=True):
        true = films_codes(model, films)
        codes, _ = forecast_pictures(model, films[:, :2, 0])
        for i in range(4):
            axis.plot(*true[i].T, ".", color="0.7", ms=3, label="codes of the film" * (i == 0))
            axis.plot(*codes[i].T, lw=1, label="forecast" * (i == 0))
        axis.set(title=kind, xlabel="z", ylabel="z of momentum")
    figure.axes[0].legend(loc="upper right", fontsize=8)
    return figure


def rows(settings: Settings) -> list[Row]:
    """The rows of the pixel task; the paper's figures beside the measures that are the paper's."""
    scores = run_pixels(settings)
    ours, field, truth = scores["HNN"], scores["MLP field"], scores["true pictures"]
    still = {"standing still": truth["still"]}
    paper = dict(zip(("published HNN", "published MLP"), PUBLISHED, strict=True))
    seen = {"MLP field": field["pictures"], "true pictures": truth["error"], **still}
    return [
        Row("pixels: test loss", ours["loss"], {"MLP field": field["loss"]}),
        Row(
            "pixels: energy error, from codes, 100 pictures",
            ours["codes"],
            {"MLP field": field["codes"], **paper},
        ),
        Row("pixels: energy error, from pictures, 100 pictures", ours["pictures"], seen),
        Row(
            "pixels: path of the codes over the true one's",
            ours["travel"],
            {"MLP field": field["travel"]},
        ),
    ]
