"""The command `dynnets`: learn from a record, forecast with a saved model, certify it.

An application on top of the library: precision is chosen here, and errors of the user's making
end in one line on standard error and the exit status 2.
"""

import dataclasses
import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.random as jr

from dynnets.pipeline import certify_saved, forecast_saved, learn, remembered

_BAD_INPUT = 2
_INTERRUPTED = 130
_SOLAR_SYSTEM = "solar-system"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process).

    **Returns** the exit status: 0; 2 for bad input, said in one line on standard error; 130 after
    Ctrl-C.
    """
    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells about every checkpoint
    try:
        command = _parse(arguments)
        command.run()
    except KeyboardInterrupt as interrupt:
        print(f"dynnets: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, ImportError, OSError) as error:
        print(f"dynnets: error: {_one_line(error)}", file=sys.stderr)
        return _BAD_INPUT
    return 0


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _parse(arguments: Sequence[str] | None) -> Any:
    """The command that the arguments name; ends the process with status 2 if there is none."""
    try:
        import tyro
    except ImportError:
        raise ImportError("the command line needs tyro: pip install 'dynnets[cli]'") from None
    return tyro.extras.subcommand_cli_from_dict(
        {"learn": _Learn, "forecast": _Forecast, "certify": _Certify},
        prog="dynnets",
        description="Learn dynamics from a record and forecast without drift.",
        args=arguments,
        config=(tyro.conf.PositionalRequiredArgs, tyro.conf.FlagCreatePairsOff),
    )


@dataclasses.dataclass
class _Learn:
    """Train the models that suit a record, and say which to trust."""

    source: str
    """A CSV or NPZ file with named columns, or solar-system."""
    out: Path | None = None
    """The folder to write; runs/NAME by default."""
    seeds: int = 3
    """How many random starts each model is trained from."""
    seed: int = 0
    """Seed of the random numbers."""
    time: str | None = None
    """The column of the time; like the other columns it is guessed from usual names."""
    coordinates: tuple[str, ...] | None = None
    """Columns of the coordinates."""
    velocities: tuple[str, ...] | None = None
    """Columns of their velocities."""
    momenta: tuple[str, ...] | None = None
    """Columns of their momenta."""
    inputs: tuple[str, ...] | None = None
    """Columns of inputs that drive the system."""
    trial: str | None = None
    """The column that tells trials apart."""
    models: tuple[str, ...] | None = None
    """Names of the models to train; all that suit by default."""
    precision: Literal["single", "double"] | None = None
    """Single or double; the solar system is always double."""
    quick: bool = False
    """Tiny nets and few updates, to see whether everything works."""
    resume: bool = False
    """Go on with a run that was killed, bit-equal."""
    overwrite: bool = False
    """Replace what an earlier run has written."""

    def run(self) -> None:
        """Learn, print table, verdict and certificate, write the folder."""
        solar = self.source == _SOLAR_SYSTEM
        if solar and self.precision == "single":
            raise ValueError("the solar system needs --precision double, got single")
        jax.config.update("jax_enable_x64", solar or self.precision == "double")
        roles = ("time", "coordinates", "velocities", "momenta", "inputs", "trial")
        columns = {name: getattr(self, name) for name in roles if getattr(self, name) is not None}
        out = self.out or Path("runs") / Path(self.source).stem
        report = learn(
            self.source,
            key=jr.key(self.seed),
            out=out,
            seeds=self.seeds,
            quick=self.quick,
            models=self.models,
            resume=self.resume,
            overwrite=self.overwrite,
            progress=sys.stderr.isatty(),
            **columns,
        )
        print(f"{report}\n\n{report.certificate}\n\nWritten to {out}: model.dynnets, models/,")
        print("figures/, table.txt, certificate.txt, certificate.json, report.json. Next:")
        driven = (
            " --from-file INPUTS.csv" if remembered(out / "model.dynnets")["input_names"] else ""
        )
        print(f"  dynnets forecast {out}/model.dynnets --to TIME{driven} --out forecast.csv")


@dataclasses.dataclass
class _Forecast:
    """Forecast with a saved model."""

    model: Path
    """A model file that learn has written."""
    to: float = math.nan
    """The time to forecast to."""
    from_file: Path | None = None
    """A table to go on from (with inputs: that holds them)."""
    initial: tuple[float, ...] | None = None
    """A state to begin with, one number per column."""
    start: float | None = None
    """The time of the initial state."""
    interval: float | None = None
    """Time between two forecast states; by default that of the record."""
    out: Path | None = None
    """A CSV or PNG file to write; CSV to standard output by default."""
    overwrite: bool = False
    """Replace what an earlier run has written."""

    def run(self) -> None:
        """Write the forecast as CSV to `out` or to standard output, or draw it as PNG."""
        if math.isnan(self.to):
            raise ValueError("--to TIME is needed: the time to forecast to")
        if self.out is not None and self.out.exists() and not self.overwrite:
            raise ValueError(f"{self.out} exists already; nothing was overwritten")
        _use_precision_of(self.model)
        found = forecast_saved(
            self.model,
            self.to,
            table=self.from_file,
            initial=self.initial,
            start=self.start,
            interval=self.interval,
        )
        if self.out is None:
            found.write(sys.stdout)
        elif self.out.suffix.lower() == ".png":
            found.draw().savefig(self.out, dpi=130)
        else:
            found.save(self.out, overwrite=self.overwrite)


@dataclasses.dataclass
class _Certify:
    """Certify a saved model: what it preserves, graded by evidence."""

    model: Path
    """A model file that learn has written."""
    json: Path | None = None
    """A file to write the certificate to as JSON."""
    overwrite: bool = False
    """Replace what an earlier run has written."""

    def run(self) -> None:
        """Print the certificate, and write it as JSON where asked."""
        if self.json is not None and self.json.exists() and not self.overwrite:
            raise ValueError(f"{self.json} exists already; nothing was overwritten")
        _use_precision_of(self.model)
        certificate = certify_saved(self.model)
        print(certificate)
        if self.json is not None:
            text = json.dumps(certificate.to_json(), indent=2)
            self.json.write_text(f"{text}\n", encoding="utf-8")


def _use_precision_of(path: Path) -> None:
    """Run in the precision of the saved model, which loading needs."""
    jax.config.update("jax_enable_x64", remembered(path)["precision"] == "float64")


if __name__ == "__main__":
    sys.exit(main())
