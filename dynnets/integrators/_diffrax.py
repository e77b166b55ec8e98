"""The bridge to diffrax: our steps as its solvers."""

from typing import Any, ClassVar, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np

from dynnets._core import half_dependence, join_phase, split_phase

from ._dense_output import HermiteOutput, output_nodes
from ._diffrax_backsolve import BacksolveField, BacksolvePacking, is_backsolve
from ._diffrax_views import (
    Packing,
    PairField,
    PairPacking,
    TermField,
    Whole,
    check_terms,
    innermost,
    takes_array,
    unit_control,
)
from ._step import AbstractStep, as_step, check_parts, missing_parts

_FROM_TERMS = frozenset({"kick", "drift"})
"""Parts that can be read off the terms; all others only the field itself offers."""


class View(NamedTuple):
    """What a step sees of a step of diffrax: field, time, length, and how states are packed.

    `moved`: the step has a length; one without is taken with a short one and its result dropped,
    so that no step need divide by zero, nor its derivative.
    """

    field: Any
    t: Any
    h: Any
    packing: Any
    moved: Any

    def keep(self, after, before):
        """`after`, or `before` where the step has no length."""
        return jtu.tree_map(lambda a, b: jnp.where(self.moved, a, b), after, before)


class StepSolver(diffrax.AbstractSolver):
    """A step as a `diffrax.AbstractSolver`: made by `as_solver`."""

    one_step: AbstractStep
    field: Any = None
    pair: bool = eqx.field(default=False, static=True)
    interpolation_cls: ClassVar = HermiteOutput

    @property
    def term_structure(self):
        """One term, or diffrax's pair of terms for the state `(q, p)`."""
        return (diffrax.AbstractTerm,) * 2 if self.pair else diffrax.AbstractTerm

    def order(self, terms):
        """Order of the step."""
        return self.one_step.info.order

    def init(self, terms, t0, t1, y0, args):
        """The step's first memory. Raises `ValueError` for a field without the parts it needs."""
        check_terms(terms)
        view = self.view(terms, t0, t1, y0)
        x = view.packing.pack(y0)
        if not x.size:
            return None
        if self.one_step.info.needs & _FROM_TERMS and isinstance(
            view.field, TermField | BacksolveField
        ):
            split_phase(x)
            _check_separable(self.one_step.info.name, view.field, view.t, x, args)
        return self.one_step.start(view.field, view.t, x, view.h, args)

    def view(self, terms, t0, t1, y0) -> View:
        """What the step sees: a field that takes the state as it is where there is one, else the
        terms as a field of one real vector. diffrax runs backwards on negated times.
        """
        t0, t1 = jnp.asarray(t0), jnp.asarray(t1)
        own = self._own_field(terms, y0)
        field, packing = (own, Whole(y0.dtype)) if own is not None else self._packed(terms, t0, y0)
        t, h = t0.astype(packing.dtype), (t1 - t0).astype(packing.dtype)
        moved = h != 0
        h = jnp.where(moved, h, float(jnp.finfo(packing.dtype).eps) ** 0.5)
        if own is not None:
            control = jtu.tree_leaves(unit_control(terms, t0.dtype))[0]
            sign = jnp.asarray(control, packing.dtype)
            t, h = sign * t, sign * h
        return View(field, t, h, packing, moved)

    def _own_field(self, terms, y0):
        """The field that is used in place of the terms, if any."""
        if self.field is not None:
            if is_backsolve(terms):
                raise ValueError(
                    f"{self.one_step.info.name} needs parts of its own field, which "
                    "BacksolveAdjoint's augmented equation does not have: InverseAdjoint "
                    "is exact, BacksolveAdjoint(solver=diffrax.Tsit5()) solves it otherwise"
                )
            if not eqx.is_inexact_array(y0) or jnp.iscomplexobj(y0):
                structure = jtu.tree_structure(y0)
                raise ValueError(
                    f"{type(self.field).__name__} acts on one real array, got the state {structure}"
                )
            return self.field
        if self.pair or is_backsolve(terms) or isinstance(terms, diffrax.MultiTerm):
            return None
        inner = innermost(terms)
        field = inner[0].vector_field if len(inner) == 1 else None
        if takes_array(field, y0) and not missing_parts(self.one_step, field):
            return field
        return None

    def _packed(self, terms, t0, y0):
        """The terms as a field of one real vector."""
        if self.pair:
            packings = tuple(Packing(part) for part in y0)
            if packings[0].size != packings[1].size or packings[0].dtype != packings[1].dtype:
                sizes = [str(packing.size) for packing in packings]
                raise ValueError(f"q and p are of one size and dtype, got {' and '.join(sizes)}")
            return PairField(terms, packings, t0.dtype), PairPacking(packings)
        if is_backsolve(terms) and self.one_step.info.needs:
            both = BacksolvePacking(Packing(y0[0]), Packing(list(y0[2:])))
            spare = jax.lax.stop_gradient(both.pack(y0))
            return BacksolveField(terms, both, spare, t0.dtype), both
        packing = Packing(y0)
        spare = jax.lax.stop_gradient(packing.pack(y0)) if self.one_step.info.needs else None
        return TermField(terms, packing, spare, t0.dtype), packing

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from `t0` to `t1`; the status reports a step that is not finite."""
        view = self.view(terms, t0, t1, y0)
        x, memory = view.packing.pack(y0), solver_state
        if not x.size:
            nothing = {"values": _stacked([y0, y0]), "rates": _stacked([y0, y0])}
            return y0, None, nothing, memory, diffrax.RESULTS.successful
        if made_jump is not False:
            fresh = self.one_step.start(view.field, view.t, x, view.h, args)
            memory = jtu.tree_map(lambda a, b: jnp.where(made_jump, a, b), fresh, memory)
        after = self.one_step.advance(view.field, view.t, x, view.h, args, memory)
        x1, memory = view.keep(after, (x, memory))
        dense = dense_output(self.one_step, view, x, x1, args)
        result = diffrax.RESULTS.where(
            jnp.isfinite(x1).all(),
            diffrax.RESULTS.successful,
            diffrax.RESULTS.nonlinear_divergence,
        )
        return view.packing.unpack(x1), None, dense, memory, result

    def func(self, terms, t0, y0, args):
        """The field."""
        if self.pair:
            return terms[0].vf(t0, y0[1], args), terms[1].vf(t0, y0[0], args)
        return terms.vf(t0, y0, args)


def dense_output(step, view: View, x0, x1, args) -> dict:
    """Values and rates at the nodes of the output between both ends, for `HermiteOutput`.

    Inner nodes are reached by shorter steps from the beginning, so that they are as good as the
    step itself. What is not read costs nothing: the compiler drops it.
    """
    nodes = output_nodes(step.info.order)
    inner = [step(view.field, view.t, x0, c * view.h, args) for c in nodes[1:-1]]
    states = [x0, *view.keep(inner, [x0] * len(inner)), x1]
    rates = [
        view.h * view.field(view.t + c * view.h, x, args)
        for c, x in zip(nodes, states, strict=True)
    ]
    return {
        "values": _stacked([view.packing.unpack(x) for x in states]),
        "rates": _stacked([view.packing.unpack(rate) for rate in rates]),
    }


def _stacked(trees):
    return jtu.tree_map(lambda *leaves: jnp.stack(leaves), *trees)


def _check_separable(name: str, field, t, x, args) -> None:
    """Raise `ValueError` when a half of the rate may depend on its own half of the state."""
    if isinstance(field, BacksolveField):
        y = field.packing.state.pack(field.packing.unpack(x)[0])
        found = half_dependence(
            lambda y: join_phase(*field.augmented_rate(t, y, jnp.zeros_like(y), args)[0]), y
        )
    else:
        found = half_dependence(lambda x: field(t, x, args), x)
    half = found.on_first.size // 2
    own_halves = {"q": found.on_first[:half], "p": found.on_second[half:]}
    faults = [
        f"{letter}' depends on {letter} in its entries {np.flatnonzero(own)[:8].tolist()}"
        for letter, own in own_halves.items()
        if own.any()
    ]
    if faults:
        raise ValueError(
            f"{name} needs a field that separates, q' = drift(t, p) and p' = kick(t, q), but "
            f"{' and '.join(faults)}. Tao and ImplicitMidpoint take any Hamiltonian field, "
            "RungeKutta any field. Where the dependence is there in form only, give the halves "
            "apart: a field that offers kick and drift, or as_solver(step, pair=True) with the "
            "terms (ODETerm(drift), ODETerm(kick)) and the state (q, p)"
        )


def as_solver(step, field=None, *, pair: bool = False) -> StepSolver:
    """Use a step in `diffrax.diffeqsolve`: events, `SaveAt` and adjoints come from diffrax.

    **Arguments:**

    - `step`: as of `rollout`.
    - `field`: if given, checked now for the parts that the step needs. Steps that need other
      parts than `kick` and `drift`, such as `flows`, need it, and use it in place of the term's.
    - `pair`: the terms are diffrax's pair `(ODETerm(drift), ODETerm(kick))` with the state
      `(q, p)`, `q' = drift(t, p, args)` and `p' = kick(t, q, args)`, as for
      `diffrax.SemiImplicitEuler`.

    Pass `diffrax.ODETerm(field)` and `diffrax.ConstantStepSize()` or `StepTo`. The state is any
    tree of arrays, one state whatever its shape: it reaches the step as one real vector (complex
    leaves by their parts), except an array that an `AbstractField` takes as it is. For the batch
    of many states use `jax.vmap`, which keeps their implicit solves apart.

    A splitting step needs a field that separates. A field that offers `kick` and `drift` says so;
    of any other one, the program is read when it is traced: what each half of the rate depends
    on, with constants that are known then (a matrix that the function closes over, not one that
    is an array of a module). Where dependence is found or cannot be excluded, `diffeqsolve` raises
    `ValueError`.

    Output between steps is a Hermite polynomial of the order of the step; it preserves nothing by
    itself. Above order 4 it takes `order / 2 - 2` further, shorter steps per step (rounded up), and
    only where such output is asked for.

    Adaptive steps: `diffrax.HalfSolver(as_solver(step))`, three steps for one. Steps whose length
    follows the state lose the structure: the map is no longer symplectic nor symmetric and the
    energy drifts, while what a step keeps for every `h` of linear and quadratic invariants stays.
    `time_transformed` varies the steps reversibly.

    Adjoints: all of diffrax's, and `InverseAdjoint`. `BacksolveAdjoint` runs the same step on the
    augmented equation, to the order of the step; a symmetric splitting, with steps that divide the
    interval, gives the gradient of the discrete solution itself.

    Raises `ValueError` for something that is no step, and for a missing field or part.

    ```python
    >>> import diffrax, jax.numpy as jnp
    >>> from dynnets.integrators import as_solver, yoshida4
    >>> from dynnets.systems import Harmonic
    >>> solution = diffrax.diffeqsolve(
    ...     diffrax.ODETerm(Harmonic().field), as_solver(yoshida4), 0.0, 10.0, 0.1,
    ...     jnp.array([1.0, 0.0]))
    >>> solution.ys.shape
    (1, 2)

    ```
    """
    step = as_step(step)
    if field is not None:
        check_parts(step, field)
    others = sorted(step.info.needs - _FROM_TERMS)
    if others and (field is None or pair):
        raise ValueError(
            f"{step.info.name} needs {' and '.join(others)}, which diffrax terms do not show: "
            "call as_solver(step, field)"
        )
    return StepSolver(step, field if others else None, pair)
