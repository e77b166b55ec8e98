"""A module from the values of its fields, where its constructor would draw them."""

import dataclasses
from typing import TypeVar

import equinox as eqx

_Module = TypeVar("_Module", bound=eqx.Module)


def assemble(cls: type[_Module], **fields) -> _Module:
    """An instance of `cls` that holds `fields`, made as Equinox unflattens one: nothing is drawn.

    What every `from_weights` stands on. A constructor takes sizes and a key, from which it draws;
    given weights have their sizes already, so that they have an entrance of their own in place of
    arguments which could contradict each other. The caller has checked shapes and options.
    """
    names = {field.name for field in dataclasses.fields(cls)}
    if set(fields) != names:
        raise ValueError(f"{cls.__name__} has the fields {sorted(names)}, got {sorted(fields)}")
    module = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(module, name, value)
    return module
