"""Hamiltonian generative networks: films of a pendulum and a spring, densities of the plane.

Films: `films.py` at 16 x 16 pixels with perceptrons, `large.py` at 32 x 32 with
convolutions; densities: `densities.py`. Learned from pictures alone, the latent flow is
symplectic, goes back exactly and has a step of its own choosing; its frequencies are only those
that 20 pictures showed, and the gated cell, which promises nothing, stands in every row.
"""

import jax

from benchmarks.harness import Result, Settings
from benchmarks.hgn import densities, figures, films, large

NAME = "hgn"
SEEDS = 3


def _films(settings: Settings, task: films.Task, index: int) -> dict:
    """The scores of one system's films, and their figures: a part."""

    def measure():
        scores, models, unseen = films.run_task(settings, task, index)
        if settings.figures is not None:
            figures.draw_films(settings, task.name, models, unseen)
        jax.clear_caches()
        return scores

    return settings.part(f"films of a {task.name}", films.asked(settings, task), measure)


def _density(settings: Settings, name: str) -> dict:
    """The likelihoods of one density, and the figure of the first: a part."""

    def measure():
        found, flow = densities.measure(settings, name)
        if settings.figures is not None and name == densities.SHOWN:
            figures.draw_density(settings, flow, densities.DENSITIES[name])
        return found

    return settings.part(name, densities.asked(settings), measure)


def run(settings: Settings) -> Result:
    """Films of every system, large films of every seed, every density: a part each."""
    found = []
    if settings.figures is not None:
        figures.draw_models(settings)
    for index, task in enumerate(films.TASKS):
        found += films.rows(task, _films(settings, task, index))
    found += large.rows(settings)
    for name in densities.DENSITIES:
        found += densities.rows(name, _density(settings, name))
    found.append(densities.sizes())
    notes = (
        "pixel error: mean over pictures and pixels of the squared difference, values 0 to 1",
        f"valid time: pictures before the relative squared error exceeds {films.THRESHOLD}",
        "a quarter of each batch is encoded at its last pictures and rolled backwards, but where "
        "first pictures only are named",
        "updates of every model, on 32 films each: "
        + ", ".join(f"{task.steps} for the {task.name}" for task in films.TASKS),
    )
    return Result(found, notes)
