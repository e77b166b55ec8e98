"""`fit` and `fit_stages` for benchmarks: timed, and with `--store` a killed training goes on.

    run = fit(settings, "HNN, training", model, loss, data, optimiser, steps=steps, key=key)

is `dynnets.training.fit` under `settings.clock("HNN, training")`. Where a store was given, the
training keeps its checkpoints in `STORE/trainings/NAME` until the part that it belongs to is
finished. The same code asked for the same seeds goes on from there and ends bit-equal to a run
that was never killed; what other code began is begun again. Clocks and records count the seconds
of the killed runs up to the checkpoint.

A callback sees only what is trained in this run: one that remembers wants `fit` itself.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import experiment
from benchmarks.harness.experiment import Settings, file_name
from dynnets import training


def fit(settings: Settings, label: str, *arguments, **options) -> training.FitResult:
    """`dynnets.training.fit` on the clock `label`, with the store's checkpoints."""

    def run(folder):
        result = training.fit(*arguments, checkpoint=folder, **options)
        return result, result.seconds

    return _resumed(settings, label, run)


def fit_stages(settings: Settings, label: str, *arguments, **options) -> training.StagesResult:
    """`dynnets.training.fit_stages` on the clock `label`, with the store's checkpoints."""

    def run(folder):
        result = training.fit_stages(*arguments, checkpoint=folder, **options)
        return result, sum(each.seconds for each in result.results)

    return _resumed(settings, label, run)


def _resumed(settings: Settings, label: str, run: Callable):
    """What `run(folder)` makes in seconds that earlier runs may have spent in part."""
    with settings.clock(label):
        folder, start = _folder(settings, label), time.perf_counter()
        known = folder is not None and any(folder.rglob("[0-9]*"))  # checkpoints are numbers
        try:
            result, seconds = run(folder)
        except ValueError:
            # Data that differ in the last bit are another run's; any other fault comes again.
            if folder is None or not folder.exists():
                raise
            shutil.rmtree(folder)
            known, start = False, time.perf_counter()
            result, seconds = run(folder)
        earlier = max(0.0, seconds - (time.perf_counter() - start)) if known else 0.0
    if known:
        settings.clocks[label] += earlier
        settings.resumed.append(earlier)
    return result


def _folder(settings: Settings, label: str) -> Path | None:
    """Where this training keeps its checkpoints: its own or none, never those of other code."""
    if settings.store is None:
        return None
    place = settings.store / "trainings" / settings.name
    name, number = file_name(" ".join([*settings.scope, label])), 0
    while (folder := place / f"{name}-{number}") in settings.trainings:
        number += 1  # one label for many seeds: they are told apart by their order
    settings.trainings.append(folder)
    begun = {"code": experiment.code_digest(), "seeds": settings.seeds, "fast": settings.fast}
    text, note = json.dumps(begun), place / f"{folder.name}.json"
    if not note.is_file() or note.read_text(encoding="utf-8") != text:
        shutil.rmtree(folder, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        note.write_text(text, encoding="utf-8")
    return folder
