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


def run(settings: Settings) -> Result:
    """All films, then the densities."""
    found = []
    if settings.figures is not None:
        _hgn_figures.draw_models(settings)
    for index, task in enumerate(_hgn_films.TASKS):
        scores, models, unseen = _hgn_films.run_task(settings, task, index)
        found += _hgn_films.rows(task, scores)
        if settings.figures is not None:
            _hgn_figures.draw_films(settings, task.name, models, unseen)
        jax.clear_caches()
    found += _hgn_large.rows(settings)
    density_rows, flow = _hgn_densities.rows(settings)
    found += density_rows
    if settings.figures is not None:
        _hgn_figures.draw_density(settings, flow, _hgn_densities.four_gaussians)
    notes = (
        "pixel error: mean over pictures and pixels of the squared difference, values 0 to 1",
        f"valid time: pictures before the relative squared error exceeds {_hgn_films.THRESHOLD}",
        "both ends: half of a batch is encoded at its last pictures and rolled backwards",
        "every film model: " + f"{_hgn_films.STEPS} updates of {_hgn_films.BATCH} films, all seeds",
    )
    return Result(found, notes)
