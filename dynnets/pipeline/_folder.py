"""The output folder: nothing of another run is ever overwritten."""

import json
import os
import shutil
from pathlib import Path

from dynnets.training import save_model

from ._report import Report, write_json

_MARK = "run.json"
_DONE = "report.json"


def slug(name: str) -> str:
    """A name as a file name."""
    return name.replace(" ", "-").lower()


def open_folder(out: str | os.PathLike, settings: dict, *, resume: bool, overwrite: bool) -> Path:
    """The folder for a run with these settings, made if needed.

    **Arguments:** `resume`: go on in a folder of this very run (same settings, same data);
    `overwrite`: empty it first, if it holds a run of `learn`. Raises `ValueError` that names the
    folder in every other case of a folder that is not empty.
    """
    folder, mark = Path(out), Path(out) / _MARK
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, not a folder; nothing was overwritten")
    if folder.is_dir() and any(folder.iterdir()):
        if not mark.is_file():
            raise ValueError(
                f"the folder {folder} is not empty and holds no run of learn; "
                "nothing was overwritten"
            )
        if overwrite:
            shutil.rmtree(folder)
        else:
            _check_same(folder, mark, settings, resume)
    folder.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        temporary = folder / f"{_MARK}.tmp"
        temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        os.replace(temporary, mark)
    return folder


def _check_same(folder: Path, mark: Path, settings: dict, resume: bool) -> None:
    try:
        known = json.loads(mark.read_text(encoding="utf-8"))
        differ = sorted(k for k in {*known, *settings} if known.get(k) != settings.get(k))
    except (ValueError, AttributeError, TypeError):
        raise ValueError(f"{mark} is damaged; nothing was overwritten") from None
    if differ:
        raise ValueError(
            f"the folder {folder} holds another run (other {', '.join(differ)}): choose another "
            "folder or overwrite it; nothing was overwritten"
        )
    if not resume:
        state = "a finished" if (folder / _DONE).exists() else "an unfinished"
        raise ValueError(
            f"the folder {folder} holds {state} run of these settings: resume or overwrite it; "
            "nothing was overwritten"
        )


def finish(folder: Path, report: Report, metadata: dict) -> None:
    """Write models, figures, certificate, table and, last, the JSON report.

    The checkpoints stay until all that is there.
    """
    (folder / "models").mkdir(exist_ok=True)
    for name, model in report.models.items():
        path = folder / "models" / f"{slug(name)}.dynnets"
        save_model(path, model, metadata | {"candidate": name}, overwrite=True)
    chosen = metadata | {"candidate": report.chosen}
    save_model(folder / "model.dynnets", report.model, chosen, overwrite=True)
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in report.draw().items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=130)
    (folder / "table.txt").write_text(f"{report}\n", encoding="utf-8")
    (folder / "certificate.txt").write_text(f"{report.certificate}\n", encoding="utf-8")
    write_json(folder / "certificate.json", report.certificate.to_json())
    write_json(folder / _DONE, report.to_json())
