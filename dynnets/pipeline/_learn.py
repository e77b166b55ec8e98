"""`learn`: from a record to a forecast that says how far it can be trusted."""

import hashlib
import os
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from dynnets._core import check_choice, check_size
from dynnets.data import Trajectories, load_table
from dynnets.training import unstack

from ._advice import SCORE, Advice, advise
from ._candidates import BASELINE, PERSISTENCE, Candidate, candidates
from ._certify import certify_model, sample_states
from ._figures import make_figures
from ._folder import finish, open_folder, slug
from ._record import FRACTIONS, Record, prepare
from ._report import Report, Row
from ._saved import as_written
from ._scores import HORIZONS, Measured, Persistence, measure
from ._train import FULL, QUICK, Budget, Trained, thinning, train

SOLAR_SYSTEM = "solar-system"
_COLUMNS = (SCORE, *(f"error {share:.0%}" for share in HORIZONS), "valid time", "energy drift")


def learn(
    source: str | os.PathLike | Trajectories,
    *,
    key: PRNGKeyArray,
    out: str | os.PathLike | None = None,
    seeds: int = 3,
    fractions: Sequence[float] = FRACTIONS,
    quick: bool = False,
    budget: Budget | None = None,
    models: Sequence[str] | None = None,
    true_energy: Callable | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
    **columns,
) -> Report:
    """Train the models that suit a record and the baselines, and say which to trust.

    Every candidate is trained with `seeds` seeds on the first part of the record and forecasts
    the validation part and then the held-out end, each from one measured state. The model of
    least validation error (median over seeds) is chosen; among equals the one with structure.

    **Arguments:**

    - `source`: a CSV or NPZ file with named columns (see `dynnets.data.load_table`, which gets
      `columns`: `time=`, `coordinates=`, `momenta=`, `velocities=`, `inputs=`, `trial=`),
      `Trajectories`, or `"solar-system"`, the embedded ephemeris of Sun and outer planets (float64
      is needed for it).
    - `key`: of the seeds.
    - `out`: folder for table, figures, models, certificate and JSON; `None` writes nothing. It
      must be new or empty; with `resume` a killed run of the same settings goes on there and
      ends bit-equal; `overwrite` replaces another run.
    - `fractions`: of each trial for training, validation and the held-out end.
    - `quick`: tiny nets and few updates, to see whether everything works; `budget`: your own.
    - `models`: names of those to train, all that suit by default.
    - `true_energy`: `H(t, x)` where it is known; its drift is then reported too.
    - `progress`: bars.

    **Returns** a `Report`; print it. Raises `ValueError` for records that cannot be read or cut,
    naming file, column or row, and for folders that hold something else.
    """
    check_size("seeds", seeds)
    if isinstance(source, str) and source == SOLAR_SYSTEM:
        from ._solar_report import learn_solar_system

        if columns or models is not None or true_energy is not None or budget is not None:
            raise ValueError(f"{SOLAR_SYSTEM} takes no columns, models, true_energy or budget")
        return learn_solar_system(
            key=key, out=out, seeds=seeds, quick=quick, resume=resume, overwrite=overwrite,
            progress=progress,
        )  # fmt: skip
    given = source if isinstance(source, Trajectories) else load_table(source, **columns)
    record = prepare(given, fractions)
    budget = budget or (QUICK if quick else FULL)
    tried = _chosen_candidates(record, budget, models)
    folder = None
    if out is not None:
        settings = _settings(given, seeds, fractions, budget, tried, key)
        folder = open_folder(out, settings, resume=resume, overwrite=overwrite)
    report = _run(record, tried, budget, seeds, key, folder, true_energy, progress)
    if budget == QUICK:
        report = report.of_quick_run()
    if folder is not None:
        finish(folder, report, metadata(record, report))
    return report


def _chosen_candidates(record: Record, budget: Budget, names) -> dict[int, Candidate]:
    """The candidates to train by their number, which their random key hangs on."""
    found = dict(enumerate(candidates(record, budget.width, thinning(record))))
    known = [candidate.name for candidate in found.values()]
    for name in names or ():
        check_choice("models", name, known)
    return {i: c for i, c in found.items() if not names or c.name in names}


def _settings(given: Trajectories, seeds, fractions, budget, tried, key) -> dict:
    """What makes two runs the same run, as JSON holds it."""
    sha = hashlib.sha256()
    for array in (given.ts, given.xs, given.us, given.lengths):
        sha.update(b"-" if array is None else np.asarray(array).tobytes())
    return {
        "record": sha.hexdigest(),
        "columns": [*given.names, *given.input_names],
        "phase": given.phase,
        "source": given.source,
        "dtype": str(given.xs.dtype),
        "seeds": seeds,
        "fractions": [float(f) for f in fractions],
        "budget": list(budget),
        "models": [candidate.name for candidate in tried.values()],
        "key": np.asarray(jr.key_data(key)).tolist(),
    }


def _run(
    record: Record, tried, budget: Budget, seeds, key, folder, true_energy, progress
) -> Report:
    """Train, measure, advise."""
    checkpoints = None if folder is None else folder / "checkpoints"
    found: list[tuple[Trained, Measured]] = []
    for i, candidate in tried.items():
        if progress:
            print(f"training {candidate.name} ({seeds} seeds)", flush=True)
        trained = train(
            record,
            candidate,
            seeds=seeds,
            key=jr.fold_in(key, i),
            budget=budget,
            checkpoint=None if checkpoints is None else checkpoints / slug(candidate.name),
            progress=progress,
        )
        found.append((trained, measure(record, trained.models, true_energy)))
    nothing = measure(record, Persistence(), true_energy)
    rows = [_row(trained, measured) for trained, measured in found]
    still = Row(PERSISTENCE, BASELINE, "nothing moves", nothing.metrics, 0.0, 0)
    best = {row.name: _best(row) for row in rows}
    models = {t.candidate.name: unstack(t.models, best[t.candidate.name]) for t, _ in found}
    advice = advise(record, [*rows, still], models | {PERSISTENCE: Persistence()})
    measured = {t.candidate.name: m for t, m in found}
    return _report(record, [*rows, still], models, measured, best, advice, folder, true_energy)


def _row(trained: Trained, measured: Measured) -> Row:
    c = trained.candidate
    return Row(c.name, c.kind, c.assumes, measured.metrics, trained.seconds, trained.parameters)


def _best(row: Row) -> int:
    """The seed of least validation error."""
    return int(np.argmin(np.nan_to_num(row.metrics[SCORE], nan=np.inf)))


def _report(record, rows, models, measured, best, advice: Advice, folder, true_energy):
    # persistence can only win on a record that hardly moves; a model is saved all the same
    chosen = (
        advice.chosen
        if advice.chosen in models
        else min(models, key=lambda name: np.median(measured[name].metrics[SCORE]))
    )
    columns = _COLUMNS + (("true energy drift",) if true_energy is not None else ())
    time_name = _time_name(record.whole)

    def draw() -> dict:
        return make_figures(
            record,
            models,
            {name: m.paths[best[name], 0] for name, m in measured.items()},
            {name: m.growth for name, m in measured.items()},
            chosen,
            time_name,
        )

    return Report(
        title=f"Forecast of the held-out end of {record.whole.source or 'the record'}",
        columns=columns,
        rows=tuple(rows),
        verdict=(*advice.verdict, _FOOTNOTE),
        chosen=chosen,
        model=models[chosen],
        models=models,
        certificate=certify_model(models[chosen], sample_states(record.train), record.step),
        details={
            "source": record.whole.source,
            "names": record.whole.names,
            "phase": record.whole.phase,
            "parts": _parts(record),
            "energy_change_along_record": advice.energy_change,
        },
        folder=folder,
        draw=draw,
    )


_FOOTNOTE = (
    "Errors: RMS in units of the spread of each column, over that share of the held-out end; "
    "drifts: over the energy of the motion; median [range] over seeds; * recommended."
)


def _parts(record: Record) -> dict:
    """Begin and end of the three parts, first trial."""
    parts = {"train": record.train, "validation": record.validation, "held out": record.held_out}
    trials = {name: next(iter(part)) for name, part in parts.items()}
    return {name: [float(t.ts[0]), float(t.ts[-1])] for name, t in trials.items()}


def _time_name(whole: Trajectories) -> str:
    """The name of the time column, which `load_table` writes first into the source."""
    text = whole.source.partition(": time ")[2].partition(";")[0]
    return text or "time"


def metadata(record: Record, report: Report) -> dict:
    """What a saved model must remember to forecast by itself."""
    trial = list(record.whole)[-1]
    return {
        "kind": "record",
        "source": record.whole.source,
        "names": list(record.whole.names),
        "input_names": list(record.whole.input_names),
        "phase": record.whole.phase,
        "time_name": _time_name(record.whole),
        "start": np.asarray(trial.xs[-1]).tolist(),
        "time": float(as_written(trial.ts[-1])),
        "interval": record.step,
        "states": sample_states(record.train).tolist(),
        "uses_clock": False,
        "differenced": record.differenced,
        "precision": str(jnp.result_type(*_arrays(report.model))),
    }


def _arrays(model) -> list:
    return jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
