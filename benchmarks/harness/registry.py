"""Finds the benchmarks and their literals without importing them (hence no JAX)."""

import ast
import dataclasses
from pathlib import Path

FOLDER = Path(__file__).parents[1]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A benchmark's file read as text: its name, module, first docstring line and literals."""

    name: str
    module: str
    summary: str
    x64: bool
    seeds: int


def _literals(tree: ast.Module) -> dict[str, object]:
    """Top-level `NAME = <literal>` assignments."""
    found = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                found[name] = value
    return found


def _entry(path: Path, module: str) -> Entry | None:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    literals = _literals(tree)
    if "NAME" not in literals:
        return None
    summary = (ast.get_docstring(tree) or "").split("\n", 1)[0]
    x64, seeds = bool(literals.get("X64", False)), int(str(literals.get("SEEDS", 3)))
    return Entry(str(literals["NAME"]), module, summary, x64, seeds)


def entries(folder: Path = FOLDER) -> dict[str, Entry]:
    """Benchmarks by name, in the order of the names: every file `FOLDER/*/*.py` that has a `NAME`.

    Two files of one name are a `ValueError`.
    """
    found: dict[str, Entry] = {}
    for path in sorted(folder.glob("*/*.py")):
        module = f"benchmarks.{path.parent.name}.{path.stem}"
        entry = None if path.name.startswith("_") else _entry(path, module)
        if entry is None:
            continue
        if entry.name in found:
            raise ValueError(f"{module} and {found[entry.name].module} both say {entry.name!r}")
        found[entry.name] = entry
    return dict(sorted(found.items()))


def find(name: str) -> Entry:
    """The benchmark called `name`; `ValueError` listing the names otherwise."""
    known = entries()
    if name not in known:
        raise ValueError(f"no benchmark {name!r}; there are: {', '.join(known)}")
    return known[name]
