"""The house rules that a machine can read: layers, addresses, sizes, docstrings, precision."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import equinox as eqx
import pytest

import dynnets

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dynnets"
# Each layer may import only the layers before it.
LAYERS = (
    "_core",
    "linear",
    "nn",
    "energies",
    "fields",
    "integrators",
    "structure",
    "systems",
    "data",
    "networks",
    "models",
    "control",
    "losses",
    "training",
    "analysis",
    "plotting",
    "pipeline",
    "cli",
)
# Besides: the models must not know where their data come from.
FORBIDDEN = {("models", "systems"), ("models", "data")}
DTYPES = r"(bfloat16|float(16|32|64)|complex(64|128)|u?int(8|16|32|64))"


def python_files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*.py") if "__pycache__" not in f.parts)


LIBRARY = python_files(PACKAGE)
OUTSIDE = [
    *python_files(ROOT / "tests"),
    *python_files(ROOT / "benchmarks"),
    *python_files(ROOT / "notebooks"),
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported_modules(path: Path, tree: ast.Module) -> list[tuple[int, str]]:
    """(line, absolute module) of every import, wherever it stands in the file."""
    package = [*path.relative_to(ROOT).parent.parts]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            # `from dynnets import fields` imports dynnets.fields
            found += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return found


def layer_faults(path: Path, tree: ast.Module) -> list[str]:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return []
    faults = []
    for line, module in imported_modules(path, tree):
        parts = module.split(".")
        if parts[0] != "dynnets" or len(parts) < 2 or parts[1] == own:
            continue
        other = parts[1]
        if other not in LAYERS:
            if other != "__version__":
                faults.append(f"{relative(path)}:{line} imports {module}, which is no layer")
        elif LAYERS.index(other) >= LAYERS.index(own) or (own, other) in FORBIDDEN:
            faults.append(f"{relative(path)}:{line} {own} must not import {other}")
        elif any(part.startswith("_") for part in parts[2:]):
            faults.append(f"{relative(path)}:{line} imports the private {module}")
    return faults


def test_every_folder_is_a_layer():
    names = {p.name.removesuffix(".py") for p in PACKAGE.iterdir() if p.suffix in ("", ".py")}
    assert names - {"__init__", "__pycache__"} <= set(LAYERS)


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_imports_point_one_way(path):
    assert layer_faults(path, tree_of(path)) == []


@pytest.mark.parametrize(
    "name, source",
    [
        ("fields/_bad.py", "from dynnets.models import HNN"),
        ("fields/_bad.py", "def f():\n    from ..models import HNN"),
        ("fields/_bad.py", "import dynnets.integrators"),
        ("fields/_bad.py", "from dynnets import integrators"),
        ("models/_bad.py", "from dynnets.systems import Pendulum"),
        ("models/_bad.py", "from dynnets.fields._mlp import MLP"),
        ("plotting/_bad.py", "from dynnets.cli import main"),
    ],
)
def test_the_layer_test_sees_faults(name, source):
    assert len(layer_faults(PACKAGE / name, ast.parse(source))) == 1


def private_imports(path: Path, tree: ast.Module) -> list[str]:
    faults = []
    for line, module in imported_modules(path, tree):
        parts = module.split(".")
        private = any(p.startswith("_") and not p.startswith("__") for p in parts)
        if module.startswith("dynnets.") and private:
            faults.append(f"{relative(path)}:{line} {module}")
    return faults


@pytest.mark.parametrize("path", [f for f in OUTSIDE if f.parent.name != "_core"], ids=relative)
def test_users_of_the_library_take_public_names_only(path):
    assert private_imports(path, tree_of(path)) == []


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_files_are_small_and_finished(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400, "split it by idea"
    assert not re.search(r"raise NotImplementedError|\b(TODO|FIXME|XXX)\b", text)


@pytest.mark.parametrize("path", [f for f in LIBRARY if f != PACKAGE / "cli.py"], ids=relative)
def test_precision_is_the_callers(path):
    """No jax.config, and no dtype by name in code (a docstring or a message may name one).

    The command line is an application on top of the library: it is a caller.
    """
    faults = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name == "jax.config" or re.fullmatch(rf"(jnp|jax)\.{DTYPES}", name):
                faults.append(f"{relative(path)}:{node.lineno} {name}")
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and re.fullmatch(DTYPES, node.value):
            faults.append(f"{relative(path)}:{node.lineno} {node.value!r}")
    assert faults == []


GUESSES_ALLOWED = 10


def guesses(path: Path, text: str) -> list[tuple[int, str]]:
    """(line, call) of every `hasattr` and every `getattr` with a default."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) == 3):
                found.append((node.lineno, f"{relative(path)}:{node.lineno} {ast.unparse(node)}"))
    return found


def without_reason(found: list[tuple[int, str]], text: str) -> list[str]:
    """Those with no comment on their line or on the one above it."""
    lines = ["", *text.splitlines()]
    return [call for line, call in found if "#" not in lines[line - 1] + lines[line]]


def test_what_a_class_offers_is_declared_and_not_guessed():
    """A role declares its optional parts; what is left asks objects of others, and says so."""
    found, bare = [], []
    for path in LIBRARY:
        text = path.read_text(encoding="utf-8")
        own = guesses(path, text)
        found += [call for _, call in own]
        bare += without_reason(own, text)
    assert bare == [], "say in a comment why it must be guessed"
    assert len(found) <= GUESSES_ALLOWED, "\n".join(found)


def test_the_guesses_are_seen():
    text = "x = hasattr(a, 'b')\ny = getattr(a, 'b', 1)\nz = getattr(a, 'b')\n"
    found = guesses(PACKAGE / "_bad.py", text)
    assert [line for line, _ in found] == [1, 2]
    assert len(without_reason(found, text)) == 2
    assert without_reason(found, text.replace("\ny", "  # a reason\ny")) == []


@pytest.mark.parametrize("path", LIBRARY, ids=relative)
def test_public_definitions_have_docstrings(path):
    tree = tree_of(path)
    bare = [] if ast.get_docstring(tree) else [f"{relative(path)}: the module"]
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                bare.append(f"{relative(path)}:{node.lineno} {node.name}")
    assert bare == []


def test_every_public_address_re_exports_by_name():
    """A folder's __init__ holds `X as X` imports only: the list of its public names."""
    faults = []
    for path in PACKAGE.glob("*/__init__.py"):
        for node in tree_of(path).body:
            if isinstance(node, ast.ImportFrom):
                names = [a.name for a in node.names if a.asname != a.name]
                faults += [f"{relative(path)}:{node.lineno} {name}" for name in names]
    assert faults == []


@cache
def module_classes() -> list[type[eqx.Module]]:
    """Every Equinox module that the library defines."""
    found = set()
    for info in pkgutil.walk_packages(dynnets.__path__, "dynnets."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, eqx.Module):
                if value.__module__.startswith("dynnets."):
                    found.add(value)
    return sorted(found, key=lambda c: (c.__module__, c.__qualname__))


def test_a_class_is_abstract_or_final():
    """No module of the library is subclassed unless it is called Abstract..., and those are."""
    classes = module_classes()
    assert classes
    for cls in classes:
        for base in cls.__mro__[1:]:
            if base in classes:
                assert base.__name__.startswith("Abstract"), (
                    f"{cls.__name__} subclasses the concrete {base.__name__}: wrap it instead"
                )


def test_concrete_classes_can_be_made():
    """A class that is not called Abstract... has no abstract method or variable left."""
    for cls in module_classes():
        if not cls.__name__.lstrip("_").startswith("Abstract"):
            assert not inspect.isabstract(cls), f"{cls.__name__} is abstract: call it so"
            assert not getattr(cls, "__abstractvars__", ()), f"{cls.__name__} leaves a variable"


# What the extras bring, and test tools: absent for a user who installs the core.
OPTIONAL = (
    "matplotlib tyro tqdm orbax pooch skyfield_data jplephem flatbuffers pytest beartype chex "
    "hypothesis"
).split()


def test_every_layer_imports_without_the_extras():
    """In a fresh process where the extras are missing; plotting and the command line need them."""
    layers = [name for name in LAYERS if name not in ("plotting", "pipeline", "cli")]
    names = [f"dynnets.{name}" for name in layers if (PACKAGE / name).is_dir()]
    code = f"""
import importlib, sys
sys.modules.update(dict.fromkeys({OPTIONAL}))
for name in {names}:
    importlib.import_module(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
