"""Hamiltonian generative networks: films of a pendulum and a spring, densities of the plane.

Films: `_hgn_films.py` at 16 x 16 pixels with perceptrons, `_hgn_large.py` at 32 x 32 with
convolutions; densities: `_hgn_densities.py`. Learned from pictures alone, the latent flow is
symplectic, goes back exactly and has a step of its own choosing; its frequencies are only those
that 20 pictures showed, and the gated cell, which promises nothing, stands in every row.
"""

import jax

from benchmarks import _hgn_densities, _hgn_figures, _hgn_films, _hgn_large
from benchmarks._harness import Result, Settings

NAME = "32-hgn"
SEEDS = 3


def _films(settings: Settings, task: _hgn_films.Task, index: int) -> dict:
    """The scores of one system's films, and their figures: a part."""

    def measure():
        scores, models, unseen = _hgn_films.run_task(settings, task, index)
        if settings.figures is not None:
            _hgn_figures.draw_films(settings, task.name, models, unseen)
        jax.clear_caches()
        return scores

    return settings.part(f"films of a {task.name}", _hgn_films.asked(settings, task), measure)


def _density(settings: Settings, name: str) -> dict:
    """The likelihoods of one density, and the figure of the first: a part."""

    def measure():
        found, flow = _hgn_densities.measure(settings, name)
        if settings.figures is not None and name == _hgn_densities.SHOWN:
            _hgn_figures.draw_density(settings, flow, _hgn_densities.DENSITIES[name])
        return found

    return settings.part(name, _hgn_densities.asked(settings), measure)


def run(settings: Settings) -> Result:
    """Films of every system, large films of every seed, every density: a part each."""
    found = []
    if settings.figures is not None:
        _hgn_figures.draw_models(settings)
    for index, task in enumerate(_hgn_films.TASKS):
        found += _hgn_films.rows(task, _films(settings, task, index))
    found += _hgn_large.rows(settings)
    for name in _hgn_densities.DENSITIES:
        found += _hgn_densities.rows(name, _density(settings, name))
    found.append(_hgn_densities.sizes())
    notes = (
        "pixel error: mean over pictures and pixels of the squared difference, values 0 to 1",
        f"valid time: pictures before the relative squared error exceeds {_hgn_films.THRESHOLD}",
        "a quarter of each batch is encoded at its last pictures and rolled backwards, but where "
        "first pictures only are named",
        "updates of every model, on 32 films each: "
        + ", ".join(f"{task.steps} for the {task.name}" for task in _hgn_films.TASKS),
    )
    return Result(found, notes)
