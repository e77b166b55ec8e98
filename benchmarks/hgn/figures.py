"""The figures of hgn: the two graphical models, a density step by step, films at all speeds."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.harness import Settings
from benchmarks.hgn.diagram import plot_graphical_models
from benchmarks.hgn.films import HGN_NAME, INTERVAL, SEEN
from benchmarks.hgn.planes import plot_planes
from dynnets.plotting import plot_energy, plot_films
from dynnets.training import unstack

HALF, BINS = 4.0, 80


def draw_models(settings: Settings) -> None:
    """A: a static density; B: a film."""
    static = ({"u": (0.0, 0.5), "x": (1.6, 0.5)}, [("u", "x", "flow")])
    times = range(4)
    nodes = {f"$s_{i}$": (1.4 * i, 1.0) for i in times} | {
        f"$x_{i}$": (1.4 * i, 0.0) for i in times
    }
    chain = [(f"$s_{i}$", f"$s_{i + 1}$", "leapfrog") for i in times[:-1]]
    seen = [(f"$s_{i}$", f"$x_{i}$", "decoder" if i == 0 else "") for i in times]
    models = {
        "A: u ~ pi(u), x ~ p(x)": static,
        "B: s0 ~ pi(s0), s ~ p(s), x ~ p(x | q)": (nodes, chain + seen),
    }
    observed = ("x", *(f"$x_{i}$" for i in times))
    settings.save_figure(plot_graphical_models(models, observed=observed)[0], "graphical-models")


def draw_density(settings: Settings, flow, draw) -> None:
    """Draws of `q` and the learned potential after every step, data last."""
    count = settings.scaled(200_000, fast=500)
    axis = jnp.linspace(-HALF, HALF, BINS)
    grid = jnp.stack(jnp.meshgrid(axis, axis)).reshape(2, -1)
    base = flow.base_draws(count, key=jr.key(0))
    depth = flow.network.depth
    states = [base, *(flow.truncated(i + 1).network(base) for i in range(depth))]
    shades = [_histogram(q) for q in (*(s[:2] for s in states), draw(jr.key(1), count).T)]
    layers = [flow.network.layer(i)[0][0] for i in range(depth)]
    potentials = [field.potential(0.0, grid).reshape(BINS, BINS) for field in layers]
    titles = ("base", *(f"step {i + 1}" for i in range(depth)), "data")
    rows = {"draws": shades, "V(q)": [None, *potentials, None]}
    extent = (-HALF, HALF, -HALF, HALF)
    settings.save_figure(plot_planes(rows, extent, titles=titles)[0], "density")


def _histogram(q):
    edges = np.linspace(-HALF, HALF, BINS + 1)
    return np.histogram2d(np.asarray(q[1]), np.asarray(q[0]), bins=edges, density=True)[0]


def draw_films(settings: Settings, name: str, models: dict, unseen) -> None:
    """The liveliest unseen film of the first seed: every model, and the HGN at other speeds."""
    liveliest = jnp.argmax(jnp.var(unseen[0], axis=1).reshape(unseen.shape[1], -1).sum(axis=1))
    film = unseen[0, liveliest]
    length = film.shape[0]
    shown = np.arange(0, length, 5)
    model = unstack(models[HGN_NAME], 0)
    s0 = model.encode(film[:SEEN])
    ends = model.states(s0, length)[-1]
    found = {kind: unstack(m, 0) for kind, m in models.items()}
    strips = {kind: m.film(m.encode(film[:SEEN]), length) for kind, m in found.items()}
    strips["HGN, back from the end"] = model.film(ends, length, speed=-1.0)[::-1]
    strips["HGN, double speed"] = jnp.repeat(model.film(s0, length // 2, speed=2.0), 2, axis=0)
    strips["HGN, half speed"] = model.film(s0, 2 * length - 1, speed=0.5)[::2]
    captions = {k: f"pixel error {_error(k, v, film):.1e}" for k, v in strips.items()}
    pictures = {"truth": film[shown]} | {k: np.asarray(v)[shown] for k, v in strips.items()}
    titles = [f"t = {INTERVAL * i:.2f}" for i in shown]
    figure, _ = plot_films(pictures, captions=captions, titles=titles)
    settings.save_figure(figure, f"{name}-films")
    _draw_energy(settings, name, model, s0, length)


def _error(kind: str, pictures, film) -> float:
    """Of the pictures that belong to the film's times: every other one at double speed."""
    step = 2 if "double" in kind else 1
    return float(jnp.mean((jnp.asarray(pictures)[::step] - film[::step]) ** 2))


def _draw_energy(settings: Settings, name: str, model, s0, length: int) -> None:
    """`H` of the latent state against time, forwards and at other speeds."""
    along = jax.vmap(lambda s: model.energy(0.0, s))
    curves = {}
    for label, speed, count in (
        ("forward", 1.0, length),
        ("double speed", 2.0, length // 2),
        ("half speed", 0.5, 2 * length - 1),
        ("backward", -1.0, length),
    ):
        ts = speed * INTERVAL * np.arange(count)
        curves[label] = (ts, along(model.states(s0, count, speed=speed)))
    figure, axis = plot_energy(curves, energy_name="learned energy of the latent state")
    middle = float(np.asarray(curves["forward"][1]).mean())
    axis.set_ylim(middle - 0.5 * abs(middle) - 0.1, middle + 0.5 * abs(middle) + 0.1)
    settings.save_figure(figure, f"{name}-energy")
