"""What a step is: `x' = step(field, t, x, h, args)`, with what it needs and what it keeps.

Some steps remember something from one call to the next (the last force of Verlet, the second
copy of Tao). `start` makes that memory, `advance` takes and returns it, and calling the step
is `start` then `advance`; `rollout` and the diffrax bridge carry it, so it costs nothing there.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, PyTree

from dynnets._core import Tag, declared
from dynnets.fields import AbstractField


class StepInfo(eqx.Module):
    """What is known of a step: declared once, read by verdicts, tests, certificates and documents.

    - `name`; `order`: of convergence.
    - `needs`: the parts that the field must offer, such as `"kick"` and `"drift"`.
    - `keeps`: the tags of the field's exact flow that survive the discretisation, whatever the
      field. VOLUME stands here only if every volume-preserving field is meant; what a step keeps
      because it keeps a form, and `keeps_shears`, need no mention.
    - `imposes`: tags that the map has whether or not the field's flow has them (a projection).
    - `symmetric`: a step of `-h` undoes a step of `h`.
    - `invertible`: `step.inverse` is exact and explicit.
    - `evaluations`: evaluations of the field (or of each part) per step in a rollout.
    - `condition`: when all this holds, in words; `source`: the paper.
    - `defect_order`: a symplectic form or a quadratic invariant that is not kept is lost at
      `h^(defect_order + 1)` per step; `None` where that is `order`.
    - `invariant_order`: the same of a quadratic invariant alone; `None` where that is
      `defect_order`.
    - `energy_order`: the energy, where it is not kept, changes by `O(h^(energy_order + 1))` per
      step; `None` where that is `order`.
    - `contractivity`: radius `r` of circle contractivity: the step is non-expansive for
      `h <= 2 r / nu` on `-A^T s(A x + b)` with `nu = |A|^2` and slopes of `s` in `[0, 1]`;
      0 where no such bound exists, infinite where every `h > 0` does.
    - `descent`: on `-grad V`, `V` never grows for `h <= descent / L`; 0 where no bound is proved.
    - `keeps_shears`: keeps the volume of fields whose Jacobian is similar to its negative.
    - `quadratic`: keeps every quadratic invariant of any field, so that a quadratic energy is kept
      where the flow keeps it, and never grows for `h > 0` where it never grows along the flow.
    - `convex`: a convex energy never grows for `h > 0` where it never grows along the flow.
    """

    name: str
    order: int
    needs: frozenset[str] = frozenset()
    keeps: frozenset[Tag] = frozenset()
    symmetric: bool = False
    invertible: bool = False
    evaluations: int | None = None
    condition: str = ""
    source: str = ""
    defect_order: int | None = None
    energy_order: int | None = None
    invariant_order: int | None = None
    contractivity: float = 0.0
    descent: float = 0.0
    keeps_shears: bool = False
    quadratic: bool = False
    convex: bool = False
    imposes: frozenset[Tag] = frozenset()

    def order_of_loss(self, name: str) -> int:
        """One of `defect_order`, `invariant_order` and `energy_order`, what `None` stands for."""
        given = getattr(self, name)
        if given is not None:
            return given
        return self.order_of_loss("defect_order") if name == "invariant_order" else self.order


class AbstractStep(eqx.Module):
    """A one-step map; parameters and coefficients live in the module.

    Optional parts, `None` where a step has none: `inverse(field, t, x, h, args)`, the state before
    a step of `h`, exact and explicit; `on_pair(field, t, pair, h, args)`, the map of two copies or
    two consecutive states by a step whose claims are about that pair.

    Constants, as functions of `h` and of what the field declares: `contraction(h, low, high)`, the
    Lipschitz constant on `-grad V` of Hessians within `[low, high]`; `averagedness(h, nu)` on
    `-A^T s(A x + b)`; `growth(h, lipschitz)`, a Lipschitz constant on every Lipschitz field.
    """

    @declared
    def inverse(self) -> Any:
        """`inverse(field, t, x, h, args)`, the state before a step of `h`."""

    @declared
    def on_pair(self) -> Any:
        """`on_pair(field, t, pair, h, args)`, the map of two copies or consecutive states."""

    @declared
    def contraction(self) -> Any:
        """`contraction(h, low, high)`, the Lipschitz constant on `-grad V`."""

    @declared
    def averagedness(self) -> Any:
        """`averagedness(h, nu)` on `-A^T s(A x + b)`."""

    @declared
    def growth(self) -> Any:
        """`growth(h, lipschitz)`, a Lipschitz constant on every Lipschitz field."""

    @property
    @abc.abstractmethod
    def info(self) -> StepInfo:
        """Order, needs and structure of the step."""

    @abc.abstractmethod
    def start(self, field: AbstractField | Callable, t, x, h, args=None) -> PyTree:
        """The memory before the first step, or `None` when the step has none."""

    @abc.abstractmethod
    def advance(
        self, field: AbstractField | Callable, t, x, h, args, memory
    ) -> tuple[Array, PyTree]:
        """One step with its memory: `(x', memory')`."""

    def __call__(self, field: AbstractField | Callable, t, x, h, args=None):
        """`x(t + h)` from `x(t)`."""
        return self.advance(field, t, x, h, args, self.start(field, t, x, h, args))[0]


class FunctionStep(AbstractStep):
    """A plain function `step(field, t, x, h, args) -> x'` as a step, with what is known of it.

    **Arguments:** `function`: pure, returns the state after `h`; `facts`: its `StepInfo`, which is
    believed: what it claims of the function is derived into networks and models, and is measured
    by `certify`. The step has no memory and no inverse.

    ```python
    >>> from dynnets.integrators import FunctionStep, StepInfo, rollout
    >>> from dynnets.systems import Harmonic
    >>> import jax.numpy as jnp
    >>> def euler(field, t, x, h, args=None):
    ...     return x + h * field(t, x, args)
    >>> step = FunctionStep(euler, StepInfo("my Euler", order=1))
    >>> rollout(step, Harmonic().field, jnp.array([1.0, 0.0]), (0.1, 10)).xs.shape
    (11, 2)

    ```
    """

    function: Callable
    facts: StepInfo

    def __check_init__(self):
        if not callable(self.function):
            raise ValueError(f"a step is made of a function, got {self.function!r}")
        if self.facts.invertible:
            raise ValueError(
                f"{self.facts.name} is declared invertible, but a function has no `inverse`: "
                "write an AbstractStep"
            )

    @property
    def info(self):
        """The facts that were given."""
        return self.facts

    def start(self, field: AbstractField | Callable, t, x, h, args=None):
        """`None`: no memory."""
        return check_parts(self, field)

    def advance(self, field: AbstractField | Callable, t, x, h, args, memory):
        """One call of the function."""
        return self.function(field, t, x, h, args), None


def as_step(step) -> AbstractStep:
    """The step itself, or a function `step(field, t, x, h, args) -> x'` of which nothing is known.

    What `rollout` and `as_solver` take. A bare function counts as of order 1, keeps nothing and
    needs no parts; `FunctionStep(function, info)` says more. Raises `ValueError` for what is not
    callable.
    """
    if isinstance(step, AbstractStep):
        return step
    if not callable(step):
        raise ValueError(
            "a step is an AbstractStep or a function step(field, t, x, h, args), got "
            f"{type(step).__name__}"
        )
    # a partial, or an instance that is called, has no name of its own
    name = getattr(step, "__name__", type(step).__name__)
    return FunctionStep(step, StepInfo(str(name), order=1))


def step_info(step) -> StepInfo:
    """The `StepInfo` of a step; `ValueError` for what is not an `AbstractStep`."""
    if isinstance(step, AbstractStep):
        return step.info
    raise ValueError(
        f"a step is an AbstractStep, got {step!r}: FunctionStep(function, info) makes one of a "
        "function"
    )


def missing_parts(step: AbstractStep, field: AbstractField | Callable) -> list[str]:
    """The parts that `step` needs and `field` does not offer."""
    return sorted(part for part in step_info(step).needs if part_of(field, part) is None)


def part_of(field: AbstractField | Callable, name: str):
    """The declared part `name` of a field, `None` where it offers none.

    A bare function `f(t, x, args)` is a field without parts.
    """
    return getattr(field, name) if isinstance(field, AbstractField) else None


_CURES = {
    "kick": "Tao and ImplicitMidpoint take any Hamiltonian field, RungeKutta any field",
    "drift": "Tao and ImplicitMidpoint take any Hamiltonian field, RungeKutta any field",
    "flows": "ImplicitMidpoint and RungeKutta take any field",
    "skew": "ImplicitMidpoint keeps quadratic invariants of any field",
}


def _cure(missing: list[str], field) -> str:
    """Which steps take the field with the parts that it does offer."""
    kicks = part_of(field, "kick") is not None and part_of(field, "drift") is not None
    if "flows" in missing and kicks:
        return "verlet_kdk and the other splittings take its kick and drift"
    if {"kick", "drift"} & set(missing) and part_of(field, "flows") is not None:
        return "strang and over_flows(step) take its exact flows"
    return _CURES.get(missing[0], "RungeKutta takes any field")


def check_parts(step: AbstractStep, field: AbstractField | Callable) -> None:
    """Raise `ValueError` when `field` lacks a part that `step` needs, naming both and a cure."""
    missing = missing_parts(step, field)
    if missing:
        raise ValueError(
            f"{step_info(step).name} needs a field that offers {' and '.join(missing)}; "
            f"{type(field).__name__} does not. {_cure(missing, field)}"
        )
