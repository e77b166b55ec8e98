"""What makes two runs the same run: a description that is equal in another process."""

import dataclasses
import functools
import hashlib
import types
from collections.abc import Mapping

import jax
import numpy as np


def _array_digest(array) -> str:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.extended):
        array = jax.random.key_data(array)
    values = np.ascontiguousarray(np.asarray(array))
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    return f"{values.dtype}{list(values.shape)}:{digest}"


def _describe_function(function, seen) -> str:
    """A function by its name, defaults and the values it closes over (how optax keeps rates)."""
    name = f"{function.__module__}.{function.__qualname__}"
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    parts = [f"{k}={_describe(_contents(cell), seen)}" for k, cell in cells]
    parts += [_describe(v, seen) for v in function.__defaults__ or ()]
    parts += [f"{k}={_describe(v, seen)}" for k, v in (function.__kwdefaults__ or {}).items()]
    return f"{name}({', '.join(parts)})"


def _contents(cell):
    try:
        return cell.cell_contents
    except ValueError:  # a cell that is still empty
        return None


def _describe_fields(value, seen) -> str:
    names = [f.name for f in dataclasses.fields(value)]
    # a foreign dataclass may leave a field unset
    parts = [f"{k}={_describe(getattr(value, k, None), seen)}" for k in names]
    return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(parts)})"


def _describe(value, seen: tuple = ()) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53:
        return repr(float(value))  # optax's schedules turn their integers so at the first call
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, jax.Array | np.ndarray):
        return _array_digest(value)
    if id(value) in seen:
        return "..."
    seen = (*seen, id(value))
    if isinstance(value, types.FunctionType):
        return _describe_function(value, seen)
    if isinstance(value, types.MethodType):
        return f"{_describe(value.__self__, seen)}.{value.__name__}"
    if isinstance(value, functools.partial):
        return f"partial({_describe((value.func, value.args, value.keywords), seen)})"
    # jitted and built-in functions are of private classes, which a name tells
    if isinstance(value, type) or hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, Mapping):
        pairs = [f"{k!r}: {_describe(v, seen)}" for k, v in value.items()]
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}[{', '.join(_describe(v, seen) for v in value)}]"
    if isinstance(value, set | frozenset):
        return f"set[{', '.join(sorted(_describe(v, seen) for v in value))}]"
    if dataclasses.is_dataclass(value):  # Equinox modules are
        return _describe_fields(value, seen)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def fingerprint(**parts) -> dict[str, str]:
    """One digest per part, of its values: arrays by content, functions by name and closure.

    Equal in every process, so a run can be recognised after it was killed.
    """
    return {
        name: hashlib.sha256(_describe(part).encode()).hexdigest() for name, part in parts.items()
    }
