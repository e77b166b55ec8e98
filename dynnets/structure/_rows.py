"""The table of all tags."""

import math

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    REVERSIBLE,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    TAGS,
    VOLUME,
    Tag,
)
from dynnets.fields import AbstractField
from dynnets.integrators import StepInfo

from . import _cancellation as sizes, _flow_oracles as rates, _oracles as oracles
from ._row import Row
from ._verdict import CONDITIONAL, EXACT, LOST, ORDER, Verdict

_QUADRATIC = {NORM, ORTHOGONAL}


def _exact(tag: Tag, statement: str) -> Verdict:
    return Verdict(tag, EXACT, statement=statement)


def _of_order(tag: Tag, info: StepInfo) -> Verdict:
    order = info.order_of_loss("invariant_order" if tag in _QUADRATIC else "defect_order")
    return Verdict(tag, ORDER, order, statement=f"defect O(h^{order + 1}) per step")


def _equality(tag: Tag):
    """A form or a quadratic invariant: kept by declaration, else to the defect order."""

    def under_step(info: StepInfo, field: AbstractField) -> Verdict:
        return _exact(tag, info.condition) if tag in info.keeps else _of_order(tag, info)

    return under_step


def _linear(tag: Tag):
    """Kept by declaration or not at all."""

    def under_step(info: StepInfo, field: AbstractField) -> Verdict:
        if tag in info.keeps:
            return _exact(tag, info.condition)
        return Verdict(tag, LOST, statement=f"{info.name} makes no claim")

    return under_step


def _norm(info: StepInfo, field: AbstractField) -> Verdict:
    """A sphere field's energy is `|x|^2 / 2`: a step that keeps the energy keeps the norm."""
    if NORM in info.keeps | info.imposes:
        return _exact(NORM, info.condition)
    if field.energy is not None and field.energy.half_square and ENERGY in info.keeps:
        return _exact(NORM, f"the energy |x|^2 / 2 is kept; {info.condition}")
    return _of_order(NORM, info)


def _volume(info: StepInfo, field: AbstractField) -> Verdict:
    """Kept by declaration, by a form that is kept, by shears, or to an order."""
    if VOLUME in info.keeps:
        return _exact(VOLUME, info.condition)
    if field.structure & info.keeps & {SYMPLECTIC, POISSON}:
        return _exact(VOLUME, f"with the form that is kept; {info.condition}")
    if field.shear and info.keeps_shears:
        return _exact(VOLUME, f"the Jacobian is similar to its negative; {info.condition}")
    if field.shear or field.structure & {SYMPLECTIC, POISSON}:
        return _of_order(VOLUME, info)
    return Verdict(VOLUME, ORDER, info.order, statement="to the accuracy of the step")


def _energy(info: StepInfo, field: AbstractField) -> Verdict:
    if ENERGY in info.keeps:
        return _exact(ENERGY, info.condition)
    if info.quadratic and field.energy is not None and field.energy.quadratic:
        return _exact(ENERGY, f"the energy is quadratic; {info.condition}")
    order = info.order_of_loss("energy_order")
    return Verdict(ENERGY, ORDER, order, statement=f"energy error O(h^{order + 1}) per step")


def _dissipative(info: StepInfo, field: AbstractField) -> Verdict:
    if DISSIPATIVE in info.keeps:
        return _exact(DISSIPATIVE, info.condition)
    energy = field.energy
    if energy is not None and info.quadratic and energy.quadratic:
        return _exact(DISSIPATIVE, f"the energy is quadratic; every h > 0; {info.condition}")
    if energy is not None and info.convex and energy.convex:
        return _exact(DISSIPATIVE, f"the energy is convex; every h > 0; {info.condition}")
    if info.descent > 0 and field.gradient_flow:
        statement = f"for 0 < h <= {info.descent:.4g} / L, L the Lipschitz constant of grad V"
        return Verdict(DISSIPATIVE, CONDITIONAL, bound=info.descent, statement=statement)
    return Verdict(DISSIPATIVE, LOST, statement="for small h only; no bound is proved")


def _non_expansive(info: StepInfo, field: AbstractField) -> Verdict:
    if math.isinf(info.contractivity) or NON_EXPANSIVE in info.keeps:
        return _exact(NON_EXPANSIVE, f"{info.name}: every h > 0")
    if info.contractivity > 0:
        bound = 2 * info.contractivity
        statement = f"for 0 < h <= {bound:.4g} / nu, nu = |A|^2"
        return Verdict(NON_EXPANSIVE, CONDITIONAL, bound=bound, statement=statement)
    statement = f"{info.name} has a weight that is zero or negative: no h > 0 is safe"
    return Verdict(NON_EXPANSIVE, LOST, statement=statement)


def _symmetric(info: StepInfo, field: AbstractField) -> Verdict:
    if info.symmetric:
        return _exact(SYMMETRIC, info.condition)
    return Verdict(SYMMETRIC, LOST, statement=f"{info.name} is not so")


def _reversible(info: StepInfo, field: AbstractField) -> Verdict:
    if info.invertible:
        return _exact(REVERSIBLE, info.condition)
    return Verdict(REVERSIBLE, LOST, statement=f"{info.name} has no exact inverse")


def _always(change) -> bool:
    """A statement about the map alone that no affine change of coordinates touches."""
    return True


def _isometric(change) -> bool:
    """Norms keep their ratio and the origin its place."""
    return change.uniform and change.centred


ROWS: dict[Tag, Row] = {
    row.tag: row
    for row in (
        Row(
            SYMPLECTIC,
            oracles.on_map(oracles.symplecticity_defect),
            "max |D^T J D - J|",
            oracles.symplecticity_defect,
            _equality(SYMPLECTIC),
            flow_oracle=rates.symplectic_rate,
            flow_defect="max |S - S^T|, S = J^T Df",
            map_cancellation=sizes.symplectic_size,
            cancellation=sizes.of_step(sizes.symplectic_size),
            composes=True,
            survives=lambda change: change.equal_areas,
            families="a Hamiltonian field",
            square_only=True,
        ),
        Row(
            POISSON,
            oracles.poisson_oracle,
            "max |D B D^T - B|",
            None,
            _equality(POISSON),
            flow_oracle=rates.poisson_rate,
            flow_defect="max |P - P^T|, P = Df B",
            cancellation=sizes.poisson_of_step,
            composes=False,
            survives=_always,  # with the matrix S B S, which the scaled field offers
            families="PoissonField",
            summands=False,
            square_only=True,
        ),
        Row(
            VOLUME,
            oracles.on_map(oracles.volume_defect),
            "| |det D| - 1 |",
            oracles.volume_defect,
            _volume,
            flow_oracle=rates.volume_rate,
            flow_defect="|div f|",
            map_cancellation=sizes.volume_size,
            cancellation=sizes.of_step(sizes.volume_size),
            composes=True,
            survives=_always,
            families="ShearField or a Hamiltonian field",
            square_only=True,
        ),
        Row(
            ENERGY,
            oracles.energy_oracle,
            "largest change of the energy",
            None,
            _energy,
            flow_oracle=rates.energy_rate,
            flow_defect="|dH/dt| of the field's energy along it",
            cancellation=sizes.energy_of_step,
            composes=False,
            survives=lambda change: change.keeps_no_input,
            families="a Hamiltonian field of an energy that does not read the time",
            summands=False,
        ),
        Row(
            MOMENTUM,
            oracles.momentum_oracle,
            "largest change of the total momentum",
            None,
            _linear(MOMENTUM),
            flow_oracle=rates.momentum_rate,
            flow_defect="largest force on all bodies together",
            cancellation=sizes.momentum_of_step,
            composes=False,
            survives=lambda change: change.equal_rates and change.keeps_no_input,
            families="PairwiseField",
            summands=False,
        ),
        Row(
            DISSIPATIVE,
            oracles.dissipation_oracle,
            "largest rise of the energy",
            None,
            _dissipative,
            flow_oracle=rates.dissipative_rate,
            flow_defect="largest dH/dt of the field's energy along it, without input",
            cancellation=sizes.energy_of_step,
            composes=False,
            survives=lambda change: change.keeps_no_input,
            families="GradientField or PortHamiltonianField",
            one_way=True,
            summands=False,
        ),
        Row(
            SYMMETRIC,
            oracles.symmetry_oracle,
            "largest error of a step there and a step back",
            None,
            _symmetric,
            cancellation=sizes.symmetry_of_step,
            composes=False,
            survives=_always,
            families="any; it is a property of the step",
        ),
        Row(
            REVERSIBLE,
            oracles.reversibility_defect,
            "largest error of the map and its inverse",
            None,
            _reversible,
            cancellation=sizes.inverse_of_step,
            composes=True,
            survives=_always,
            families="any; it is a property of the step",
        ),
        Row(
            NORM,
            oracles.on_map(oracles.norm_defect),
            "largest relative change of the norm",
            oracles.norm_defect,
            _norm,
            flow_oracle=rates.norm_rate,
            flow_defect="|x . f|",
            map_cancellation=sizes.norm_size,
            cancellation=sizes.of_step(sizes.norm_size),
            composes=True,
            survives=_isometric,
            families="SphereField",
        ),
        Row(
            SUM,
            oracles.on_map(oracles.sum_defect),
            "largest change of the sum",
            oracles.sum_defect,
            _linear(SUM),
            flow_oracle=rates.sum_rate,
            flow_defect="|sum of f|",
            map_cancellation=sizes.sum_size,
            cancellation=sizes.of_step(sizes.sum_size),
            composes=True,
            survives=lambda change: change.uniform,
            families="SumPreservingField",
        ),
        Row(
            ORTHOGONAL,
            oracles.on_map(oracles.orthogonality_defect),
            "max |Q'^T Q' - Q^T Q|",
            oracles.orthogonality_defect,
            _equality(ORTHOGONAL),
            flow_oracle=rates.orthogonal_rate,
            flow_defect="max |Q^T F + F^T Q|",
            map_cancellation=sizes.orthogonal_size,
            cancellation=sizes.of_step(sizes.orthogonal_size),
            composes=True,
            survives=_isometric,
            families="OrthogonalFlowField",
            square_only=True,
        ),
        Row(
            NON_EXPANSIVE,
            oracles.on_map(oracles.expansion_excess),
            "largest Lipschitz ratio above one",
            oracles.expansion_excess,
            _non_expansive,
            flow_oracle=rates.non_expansive_rate,
            flow_defect="largest eigenvalue of Df + Df^T",
            map_cancellation=sizes.non_expansive_size,
            cancellation=sizes.of_step(sizes.non_expansive_size),
            composes=True,
            survives=lambda change: change.uniform,
            families="NonExpansiveField",
            one_way=True,
        ),
    )
}
"""The row of each tag, in the order of `TAGS`."""

if tuple(ROWS) != TAGS:
    raise ImportError("every tag has one row, in the order of TAGS")

OF_STEPS = frozenset({SYMMETRIC, REVERSIBLE})
"""Tags of the step alone: what it has of them, it has for every field."""

CLOSED = frozenset(tag for tag, row in ROWS.items() if row.composes)
"""Tags that a composition keeps when all its maps do."""


def surviving(tags: frozenset[Tag], change) -> frozenset[Tag]:
    """The tags that outlive a change of units, see `Row.survives`."""
    return frozenset(tag for tag in tags if ROWS[tag].survives(change))
