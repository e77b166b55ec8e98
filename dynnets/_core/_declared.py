"""Optional parts of a role: what a class may offer is declared here with a default, never guessed.

A role defines its optional parts (`@declared`, or `part = declared(None)`), and whoever uses one
asks for it by name: an absent part is the default, `None` for most. A class offers a part by a
method, a property or a field of that name. No `hasattr`: an attribute that happens to have a part's
name in a class of another role changes nothing.
"""

from typing import TYPE_CHECKING, Any, NamedTuple


class declared:
    """The default of an optional part, a property that is seen on instances and not on the class.

    An ordinary property or attribute would become the default of a dataclass field of the same name
    in a subclass, so that the field could be forgotten at construction without a word.
    """

    def __init__(self, default: Any):
        """`default`: a method that returns the default (as a decorator), or its value."""
        self.default = default
        self.__doc__ = default.__doc__ if callable(default) else None

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None) -> Any:
        if instance is None:
            raise AttributeError(self.name)
        return self.default(instance) if callable(self.default) else self.default


if TYPE_CHECKING:
    # Type checkers let a property be overridden by a method and by a field too, as a part may be.
    from builtins import property as declared  # noqa: F401


class Bound(NamedTuple):
    """A number that holds everywhere, computed by the class that it speaks of.

    - `name`: of the quantity, in capitals; `statement`: the inequality in words.
    - `value`: the bound, with the rounding of the dtype it is stated for included.
    - `holds`: whether a claim rests on it and is true; `None` where nothing is claimed.
    """

    name: str
    value: float | None
    statement: str
    holds: bool | None = None
