"""Modules as JSON and arrays: what a saved model is made of.

A module is written field by field: numbers, strings and containers into a JSON tree, arrays
into a list beside it, classes and functions by their public address `"package.module:name"`.
No class of the library has to do anything for it, and nesting (a model that holds a step that
holds a solver) needs no rule of its own. Only what can be found again by its address can be
written: a lambda or a local function is refused when saving, not when loading.
"""

import dataclasses
import functools
import importlib
import types
from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np

_ROOTS = ("dynnets", "diffrax", "optimistix", "lineax", "equinox", "jax")
_REGISTERED: dict[str, type | Callable] = {}


def serialisable(target: type | Callable):
    """Let `save_model` and `load_model` find a class or function of your own.

    A decorator; the name written into files is `module:qualname`. What lives in dynnets, JAX,
    Equinox and Diffrax needs no registration. Raises `ValueError` for a name already taken.
    """
    address = f"{target.__module__}:{target.__qualname__}"
    known = _REGISTERED.get(address, target)
    # a notebook cell run twice defines the class anew: the newest definition wins
    if known is not target and target.__module__ != "__main__":
        raise ValueError(f"{address} is already registered for another object")
    _REGISTERED[address] = target
    return target


def _look_up(module: str, qualname: str):
    found = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    return found


def _address(target, where: str) -> str:
    """The shortest public address under which `target` is found again."""
    module, qualname = target.__module__, target.__qualname__
    if _REGISTERED.get(f"{module}:{qualname}") is target:
        return f"{module}:{qualname}"
    if module.split(".")[0] in _ROOTS and "<" not in qualname:
        parts = module.split(".")
        public = [p for i, p in enumerate(parts) if not any(q[0] == "_" for q in parts[: i + 1])]
        for candidate in (".".join(public), module):
            try:
                if _look_up(candidate, qualname) is target:
                    return f"{candidate}:{qualname}"
            except (ImportError, AttributeError):
                continue
    raise ValueError(
        f"{where} is {qualname} of {module}, which no file can name: define it at the top of a "
        "module and decorate it with dynnets.training.serialisable"
    )


def _resolve(address: str):
    """What `address` names: a registered object, or one of the trusted packages."""
    if address in _REGISTERED:
        return _REGISTERED[address]
    module, _, qualname = address.partition(":")
    if module.split(".")[0] not in _ROOTS:
        raise ValueError(
            f"the class or function {address} is not registered: import the module that "
            "decorates it with dynnets.training.serialisable first"
        )
    try:
        found = _look_up(module, qualname)
        if found.__module__.split(".")[0] in _ROOTS:  # not what such a module itself imports
            return found
    except (ImportError, AttributeError):
        pass
    raise ValueError(f"the class or function {address} is not known to this version")


def _encode_module(module, where, arrays):
    fields = {
        f.name: _encode(getattr(module, f.name), f"{where}.{f.name}", arrays)
        for f in dataclasses.fields(module)
    }
    return {"class": _address(type(module), where), "fields": fields}


def _encode_container(value, where, arrays):
    items = [_encode(v, f"{where}[{i}]", arrays) for i, v in enumerate(value)]
    return items if type(value) is list else {type(value).__name__: items}


def _encode(value, where: str, arrays: list):
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, jax.Array | np.ndarray):
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended) or value.dtype == object:
            raise ValueError(f"{where} is an array of {value.dtype}, which no file can hold")
        arrays.append(value)
        kind = "numpy" if isinstance(value, np.ndarray) else "array"
        return {kind: len(arrays) - 1}
    if isinstance(value, eqx.Module):
        return _encode_module(value, where, arrays)
    if type(value) in (tuple, list):
        return _encode_container(value, where, arrays)
    if type(value) is frozenset:
        return {"frozenset": _encode_container(sorted(value, key=repr), where, arrays)}
    if type(value) is dict:
        pairs = [
            [_encode(k, where, arrays), _encode(v, f"{where}[{k!r}]", arrays)]
            for k, v in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, functools.partial):
        parts = (value.func, tuple(value.args), dict(value.keywords))
        return {"partial": [_encode(p, where, arrays) for p in parts]}
    # jitted and other wrapped functions of jax are of private classes, which a name tells
    if isinstance(value, type | types.FunctionType) or hasattr(value, "__qualname__"):
        return {"name": _address(value, where)}
    raise ValueError(f"{where} is a {type(value).__name__}, which no file can hold")


def encode(module: eqx.Module) -> tuple[dict, list]:
    """The JSON tree and the arrays of `module`.

    Raises `ValueError` that names the field which cannot be written.
    """
    arrays: list = []
    return _encode(module, type(module).__name__, arrays), arrays


def _decode_module(node, arrays):
    cls = _resolve(node["class"])
    if not (isinstance(cls, type) and issubclass(cls, eqx.Module)):
        raise ValueError(f"{node['class']} is not a module")
    names = {f.name for f in dataclasses.fields(cls)}
    unknown = set(node["fields"]) - names
    needed = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
    missing = needed - set(node["fields"])
    if unknown or missing:
        raise ValueError(
            f"{node['class']} has other fields in this version: {sorted(unknown | missing)}"
        )
    module = object.__new__(cls)  # as Equinox rebuilds modules: the constructor needs no key here
    for name, value in node["fields"].items():
        object.__setattr__(module, name, decode(value, arrays))
    return module


def decode(node, arrays: list):
    """The module that `encode` wrote; `arrays` are its arrays in the same order.

    Raises `ValueError` for names that are unknown or not trusted and for a malformed tree.
    """
    if isinstance(node, list):
        return [decode(n, arrays) for n in node]
    if not isinstance(node, dict):
        return node
    if "class" in node:
        return _decode_module(node, arrays)
    ((kind, value),) = node.items()
    if kind in ("array", "numpy"):
        return np.asarray(arrays[value]) if kind == "numpy" else arrays[value]
    if kind == "tuple":
        return tuple(decode(n, arrays) for n in value)
    if kind == "frozenset":
        return frozenset(decode(n, arrays) for n in value)
    if kind == "dict":
        return {decode(k, arrays): decode(v, arrays) for k, v in value}
    if kind == "partial":
        func, args, keywords = (decode(n, arrays) for n in value)
        return functools.partial(func, *args, **keywords)
    if kind == "name":
        return _resolve(value)
    raise ValueError(f"unknown entry {kind!r} in the description of the model")
