"""Neural networks with the structure of dynamical systems, in JAX.

The public names live in the subpackages, for instance `dynnets.fields.HamiltonianField`; each
subpackage is imported when it is first used, so that plotting or the command line cost nothing,
and need no extra package, where they are not wanted.
"""

import importlib
import pkgutil
from types import ModuleType

__version__ = "0.1.0"

_SUBPACKAGES = tuple(
    module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
)


def __getattr__(name: str) -> ModuleType:
    if name not in _SUBPACKAGES:
        raise AttributeError(f"module 'dynnets' has no attribute {name!r}")
    return importlib.import_module(f"dynnets.{name}")


def __dir__() -> list[str]:
    return sorted([*_SUBPACKAGES, "__version__"])
