"""Which column of a table is the time, a coordinate, a momentum, a velocity, an input, a trial."""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

_SUFFIX = r"(?:_?\d+|_?[xyz])?"
_USUAL = {
    "time": r"t|times?|timestamps?|secs?|seconds?|t_s|time_s|t_sec|time_sec",
    "trial": r"trials?|trial_?(?:id|no|number)|runs?|run_?id|episodes?|trajector(?:y|ies)|traj",
    "velocities": (
        rf"(?:v|w|vel|omega|velocity|velocities|angular_?velocity|speed|qd|qv){_SUFFIX}"
        rf"|d(?:q|x|y|z|o|theta|phi|angle){_SUFFIX}(?:_?dt)?"
        rf"|(?:q|x|y|z|theta|phi|angle|position){_SUFFIX}_?dot{_SUFFIX}"
        rf"|(?:q|x|theta|phi|angle|position)dot{_SUFFIX}"
    ),
    "momenta": rf"(?:p|mom|momentum|momenta){_SUFFIX}",
    "inputs": rf"(?:u|in|inputs?|controls?|force|torque|tau|f_?ext){_SUFFIX}",
    "coordinates": (
        rf"(?:q|o|x|y|z|r|qp|theta|phi|angle|pos|position|coordinates?|displacement){_SUFFIX}"
    ),
}


class Roles(NamedTuple):
    """The names of the columns that play each role; `None` or empty where none does."""

    time: str
    coordinates: tuple[str, ...]
    momenta: tuple[str, ...]
    velocities: tuple[str, ...]
    inputs: tuple[str, ...]
    trial: str | None

    @property
    def phase(self) -> str:
        """What the state is made of, as in `Trajectories.phase`."""
        if self.momenta:
            return "momenta"
        return "velocities" if self.velocities else "coordinates only"

    @property
    def states(self) -> tuple[str, ...]:
        """The names of the state's components: coordinates, then momenta or velocities."""
        return self.coordinates + (self.momenta or self.velocities)

    def describe(self, names: Sequence[str]) -> str:
        """One sentence that says which column was taken for what."""
        parts = [f"time {self.time}", f"coordinates {', '.join(self.coordinates)}"]
        for role in ("momenta", "velocities", "inputs"):
            if getattr(self, role):
                parts.append(f"{role} {', '.join(getattr(self, role))}")
        if self.trial:
            parts.append(f"trial {self.trial}")
        used = {self.time, self.trial, *self.states, *self.inputs}
        unused = [name for name in names if name not in used]
        if unused:
            parts.append(f"not used {', '.join(unused)}")
        return "; ".join(parts)


def find_roles(
    origin: str,
    names: Sequence[str],
    *,
    time: str | None,
    coordinates: Sequence[str] | str | None,
    momenta: Sequence[str] | str | None,
    velocities: Sequence[str] | str | None,
    inputs: Sequence[str] | str | None,
    trial: str | None,
) -> Roles:
    """The given roles, checked, and the others guessed from the usual names.

    Raises `ValueError`, naming the table `origin`, for a column that is not there (with the
    nearest name), one column in two roles, no time or no coordinates, momenta given next to
    velocities, and numbers of coordinates and of momenta or velocities that differ.
    """
    given = {
        "time": _as_names(time),
        "coordinates": _as_names(coordinates),
        "momenta": _as_names(momenta),
        "velocities": _as_names(velocities),
        "inputs": _as_names(inputs),
        "trial": _as_names(trial),
    }
    _check_given(origin, names, given)
    if given["momenta"] and given["velocities"]:
        raise ValueError(f"{origin}: give momenta or velocities, not both")
    taken = {name for role in given.values() for name in role or ()}
    free = [name for name in names if name not in taken]
    found = {}
    for role, columns in given.items():
        found[role] = _guess(free, role) if columns is None else columns
    if given["velocities"]:
        found["momenta"] = ()
    elif found["momenta"]:
        found["velocities"] = ()
    listed = ", ".join(names)
    for role in ("time", "coordinates"):
        if not found[role]:
            raise ValueError(f"{origin}: no column is named like {role}, got columns {listed}")
    partner = "momenta" if found["momenta"] else "velocities"
    found[partner] = _paired(origin, found["coordinates"], found[partner], partner)
    return Roles(
        time=found["time"][0],
        coordinates=found["coordinates"],
        momenta=found["momenta"],
        velocities=found["velocities"],
        inputs=found["inputs"],
        trial=found["trial"][0] if found["trial"] else None,
    )


def _as_names(value: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def _check_given(origin: str, names: Sequence[str], given: dict) -> None:
    seen: dict[str, str] = {}
    for role, columns in given.items():
        for column in columns or ():
            if column not in names:
                near = difflib.get_close_matches(column, names, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(
                    f"{origin}: no column {column!r} for {role}, got columns "
                    f"{', '.join(names)}{hint}"
                )
            if column in seen:
                raise ValueError(
                    f"{origin}: column {column!r} is given for {seen[column]} and {role}"
                )
            seen[column] = role


def _plain(name: str) -> str:
    """A column name without its unit, in lower case: `Angle [rad]` is `angle`."""
    return re.sub(r"\s*[\[(].*$", "", name.strip()).strip().lower().replace(" ", "_")


def _guess(names: Sequence[str], role: str) -> tuple[str, ...]:
    """The columns with a usual name of the role, in the order of the file."""
    found = tuple(name for name in names if re.fullmatch(_USUAL[role], _plain(name)))
    return found[:1] if role in ("time", "trial") else found


def _paired(
    origin: str, coordinates: tuple[str, ...], partners: tuple[str, ...], role: str
) -> tuple[str, ...]:
    """Momenta or velocities in the order of their coordinates, by suffix where suffixes match."""
    if not partners:
        return ()
    if len(partners) != len(coordinates):
        raise ValueError(
            f"{origin}: {len(coordinates)} coordinates ({', '.join(coordinates)}) need as many "
            f"{role}, got {len(partners)} ({', '.join(partners)})"
        )
    by_suffix = {_suffix(name): name for name in partners}
    suffixes = [_suffix(name) for name in coordinates]
    if len(by_suffix) == len(partners) and set(suffixes) == set(by_suffix):
        return tuple(by_suffix[suffix] for suffix in suffixes)
    return partners


def _suffix(name: str) -> str:
    """The part of a name that tells one degree of freedom from another: an index or an axis."""
    plain = _plain(name)
    digits = re.findall(r"\d+", plain)
    if digits:
        return digits[-1]
    axis = re.fullmatch(r"(?:.*_|[vpdw])?([xyz])(?:_?dot|_?dt)?", plain)
    return axis.group(1) if axis else ""
