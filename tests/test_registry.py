"""A registry without gaps: every public class and step of a role has a row of its own.

The rows drive the contract tests (`test_contract_*.py`); networks have theirs, too.
"""

import importlib
import inspect
import pkgutil

import jax.random as jr
import pytest
from energy_rows import ENERGIES, LAWS, LIBRARIES, MASSES
from model_rows import DENSITIES, MODELS
from registry import FIELDS, STEPS
from system_rows import SYSTEMS

import dynnets
from dynnets.energies import AbstractEnergy, AbstractLibrary, AbstractMass, AbstractPairLaw
from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep
from dynnets.models import AbstractDensity, AbstractModel
from dynnets.systems import AbstractSystem


def rows_of(rows):
    return {type(row.make(jr.key(0))) for row in rows}


# Of each role, the classes that have a row.
COVERED = {
    AbstractField: lambda: rows_of(FIELDS),
    AbstractEnergy: lambda: rows_of(ENERGIES),
    AbstractPairLaw: lambda: rows_of(LAWS),
    AbstractMass: lambda: rows_of(MASSES),
    AbstractLibrary: lambda: rows_of(LIBRARIES),
    AbstractStep: lambda: {type(row.step) for row in STEPS},
    AbstractModel: lambda: rows_of(MODELS),
    AbstractDensity: lambda: rows_of(DENSITIES),
    AbstractSystem: lambda: {type(row.system) for row in SYSTEMS},
}


def public_names() -> dict[str, object]:
    """`folder.name -> object` of everything that a folder's `__init__` offers."""
    found = {}
    for info in pkgutil.iter_modules(dynnets.__path__):
        if info.ispkg and not info.name.startswith("_"):
            module = importlib.import_module(f"dynnets.{info.name}")
            found |= {
                f"{info.name}.{name}": value
                for name, value in vars(module).items()
                if not name.startswith("_")
            }
    return found


def missing_classes(names: dict, role: type, covered: set) -> list[str]:
    """The public classes of a role without a row, abstract ones apart."""
    return sorted(
        name
        for name, value in names.items()
        if inspect.isclass(value)
        and issubclass(value, role)
        and not value.__name__.startswith("Abstract")
        and value not in covered
    )


@pytest.mark.parametrize("role", COVERED, ids=lambda role: role.__name__)
def test_every_public_class_has_a_row(role):
    missing = missing_classes(public_names(), role, COVERED[role]())
    assert missing == [], f"give each a row in tests: {missing}"


def test_every_public_step_has_a_row():
    """The ready-made steps, such as `verlet_kdk`, one by one."""
    tested = [row.step for row in STEPS]
    missing = sorted(
        name
        for name, value in public_names().items()
        if isinstance(value, AbstractStep) and not any(value is step for step in tested)
    )
    assert missing == [], f"give each a row in tests/registry.py: {missing}"


def test_names_of_rows_are_their_own():
    for rows in (FIELDS, STEPS, ENERGIES, LAWS, MASSES, LIBRARIES, MODELS, DENSITIES, SYSTEMS):
        names = [row.name for row in rows]
        assert len(set(names)) == len(names)


def test_a_gap_is_named():
    class Left(AbstractField):
        def __call__(self, t, x, args=None):
            return x

    names = {"fields.Left": Left, "fields.other": 1, "fields.AbstractField": AbstractField}
    assert missing_classes(names, AbstractField, set()) == ["fields.Left"]
