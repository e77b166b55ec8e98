"""What a step is: `x' = step(field, t, x, h, args)`, with what it needs and what it keeps.

Some steps remember something from one call to the next (the last force of Verlet, the second
copy of Tao). `start` makes that memory, `advance` takes and returns it, and calling the step
is `start` then `advance`; `rollout` and the diffrax bridge carry it, so it costs nothing there.
"""

import abc
from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, PyTree

from dynnets._core import Tag


class StepInfo(eqx.Module):
    """What is known of a step: registered once, read by tests, certificates and documentation.

    - `name`; `order`: of convergence.
    - `needs`: the parts that the field must offer, of `"kick"` and `"drift"`.
    - `keeps`: the tags of the field's exact flow that survive the discretisation.
    - `symmetric`: a step of `-h` undoes a step of `h`.
    - `invertible`: `step.inverse` is exact and explicit.
    - `evaluations`: evaluations of the field (or of each part) per step in a rollout.
    - `condition`: when `keeps` holds, in words; `source`: the paper.
    - `defect_order`: a quadratic invariant or a symplectic form that is not kept is lost at
      `h^(defect_order + 1)` per step; `None` where that is `order`.
    - `energy_order`: the energy, where it is not kept, changes by `O(h^(energy_order + 1))` per
      step; `None` where that is `order`.
    - `contractivity`: radius `r` of circle contractivity: the step is non-expansive for
      `h <= 2 r / nu` on `-A^T s(A x + b)` with `nu = |A|^2` and slopes of `s` in `[0, 1]`;
      0 where no such bound exists, infinite where every `h > 0` does.
    - `descent`: on `-grad V`, `V` never grows for `h <= descent / L`; 0 where no bound is proved.
    - `keeps_shears`: keeps the volume of fields whose Jacobian is similar to its negative.
    """

    name: str
    order: int
    needs: frozenset[str]
    keeps: frozenset[Tag]
    symmetric: bool
    invertible: bool
    evaluations: int | None
    condition: str
    source: str
    defect_order: int | None = None
    energy_order: int | None = None
    contractivity: float = 0.0
    descent: float = 0.0
    keeps_shears: bool = False


class AbstractStep(eqx.Module):
    """A one-step map; parameters and coefficients live in the module."""

    @property
    @abc.abstractmethod
    def info(self) -> StepInfo:
        """Order, needs and structure of the step."""

    @abc.abstractmethod
    def start(self, field, t, x, h, args=None) -> PyTree:
        """The memory before the first step, or `None` when the step has none."""

    @abc.abstractmethod
    def advance(self, field, t, x, h, args, memory) -> tuple[Array, PyTree]:
        """One step with its memory: `(x', memory')`."""

    def __call__(self, field, t, x, h, args=None):
        """`x(t + h)` from `x(t)`."""
        return self.advance(field, t, x, h, args, self.start(field, t, x, h, args))[0]


_FUNCTIONS: dict[Callable, StepInfo] = {}


def register_step(step: Callable, info: StepInfo) -> Callable:
    """Declare what a plain function `step(field, t, x, h, args)` needs and keeps.

    Modules declare it themselves by `info`. Raises `ValueError` for a second declaration.
    """
    if step in _FUNCTIONS:
        raise ValueError(f"the step {info.name!r} is registered already")
    _FUNCTIONS[step] = info
    return step


def step_info(step) -> StepInfo:
    """The `StepInfo` of a step; `ValueError` for a function that nobody registered."""
    if isinstance(step, AbstractStep):
        return step.info
    if step in _FUNCTIONS:
        return _FUNCTIONS[step]
    raise ValueError(f"nothing is known of the step {step!r}: declare it by register_step")


def missing_parts(step, field) -> list[str]:
    """The parts that `step` needs and `field` does not offer."""
    return sorted(part for part in step_info(step).needs if not hasattr(field, part))


_CURES = {
    "kick": "Tao and ImplicitMidpoint take any Hamiltonian field, RungeKutta any field",
    "drift": "Tao and ImplicitMidpoint take any Hamiltonian field, RungeKutta any field",
    "flows": "ImplicitMidpoint and RungeKutta take any field",
    "skew": "ImplicitMidpoint keeps quadratic invariants of any field",
}


def _cure(missing: list[str], field) -> str:
    """Which steps take the field with the parts that it does offer."""
    if "flows" in missing and hasattr(field, "kick") and hasattr(field, "drift"):
        return "verlet_kdk and the other splittings take its kick and drift"
    if {"kick", "drift"} & set(missing) and hasattr(field, "flows"):
        return "strang and over_flows(step) take its exact flows"
    return _CURES.get(missing[0], "RungeKutta takes any field")


def check_parts(step, field) -> None:
    """Raise `ValueError` when `field` lacks a part that `step` needs, naming both and a cure."""
    missing = missing_parts(step, field)
    if missing:
        raise ValueError(
            f"{step_info(step).name} needs a field that offers {' and '.join(missing)}; "
            f"{type(field).__name__} does not. {_cure(missing, field)}"
        )
