"""What the algebra may and may not claim: every case here was claimed wrongly, or refused wrongly,
and each is measured by its tag's oracle.
"""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, models as M, systems as S
from dynnets.structure import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    REVERSIBLE,
    ROWS,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    TAGS,
    VOLUME,
    AffineChange,
    StructureLost,
    require_structure,
    structure_of,
    verdict,
)

MIXED = I.compose([I.lie, I.ImplicitMidpoint()], [0.5, 0.5])


def _defect(tag, step, field, x, h):
    return float(jax.jit(lambda y: ROWS[tag].oracle(step, field, 0.0, y, h))(x))


def test_every_tag_has_a_row_that_is_whole():
    assert tuple(ROWS) == TAGS
    for tag, row in ROWS.items():
        assert row.tag == tag
        assert row.defect
        assert row.families


def _turning(kind):
    if kind == "rotation":
        return F.RotationField(3, 8, 1, key=jr.key(0)), jnp.array([0.9, -0.4, 0.7])
    if kind == "rigid body":
        return S.RigidBody().field, jnp.array([0.9, -0.4, 0.7])
    return S.ChargedParticle().field, jnp.array([0.4, 0.3, 0.5, -0.6])


@pytest.mark.parametrize("kind", ["rigid body", "charged particle"])
def test_a_condition_stays_a_condition_in_a_composition(kind):
    """The midpoint keeps the volume of shears and forms, the flows that of every field."""
    field, x = _turning(kind)
    assert VOLUME in field.structure
    assert VOLUME in structure_of(I.lie, field)
    assert VOLUME not in structure_of(MIXED, field)
    assert _defect(VOLUME, MIXED, field, x, 0.8) > 1e-6
    shear = F.ShearField(1, 2, 6, key=jr.key(0))
    assert VOLUME in structure_of(MIXED, shear)
    assert _defect(VOLUME, MIXED, shear, jnp.array([0.3, 0.2, -0.4]), 0.8) <= tol(x.dtype)


def _swinging(t, x):
    return jnp.sum(x**2) * (1 + 0.5 * jnp.sin(3 * t)) / 2


@pytest.mark.parametrize(
    "make",
    [
        lambda H: F.HamiltonianField(H),
        lambda H: F.PoissonField(H, jnp.array([[0.0, 1.0], [-1.0, 0.0]])),
        lambda H: F.GradientField(H),
        lambda H: F.PortHamiltonianField(H, F.initial_damping(1, 0.3, key=jr.key(0))),
        lambda H: F.MassMatrixField(E.ConstantMass(jnp.zeros((1, 1))), H),
        lambda H: F.SeparableHamiltonianField(E.KineticEnergy(jnp.ones(1)), H),
    ],
    ids=["hamiltonian", "poisson", "gradient", "port", "mass matrix", "separable"],
)
def test_no_energy_is_claimed_where_it_depends_on_time(make):
    still, moving = E.FunctionEnergy(_swinging), E.FunctionEnergy(_swinging, reads_time=True)
    assert {ENERGY, DISSIPATIVE} & make(still).structure
    assert not {ENERGY, DISSIPATIVE} & make(moving).structure


def test_a_given_negative_step_is_refused_where_the_claim_is_for_positive_ones():
    field = F.NonExpansiveField(3, 6, key=jr.key(0))
    for tag in (NON_EXPANSIVE, DISSIPATIVE):
        require_structure(I.ImplicitEuler(), field, {tag}, h=5.0)
        for h in (-0.1, 0.0):
            with pytest.raises(StructureLost, match=f"h > 0 only; here h = {h}"):
                require_structure(I.ImplicitEuler(), field, {tag}, h=h)
    require_structure(I.verlet_kdk, S.Harmonic().field, {SYMPLECTIC}, h=-0.1)


def _left_end(lagrangian, t, q0, q1, v, h):
    return lagrangian(t, q0, v)


def test_a_drift_that_reads_the_time_has_no_two_step_form():
    moving = E.FunctionEnergy(_swinging, reads_time=True)
    still = E.QuadraticEnergy(jnp.eye(1))
    x = jnp.array([0.4, 0.7])
    bad, good = (
        F.SeparableHamiltonianField(*parts) for parts in ((moving, still), (still, moving))
    )
    assert bool(jnp.isnan(I.StormerVerlet()(bad, 0.0, x, 0.3)).any())
    # no claim holds of what is no number, finite as its Jacobian may be
    for tag in (SYMPLECTIC, VOLUME):
        assert not _defect(tag, I.StormerVerlet(), bad, x, 0.3) <= 1.0
    assert _defect(SYMPLECTIC, I.StormerVerlet(), good, x, 0.3) <= tol(x.dtype)


def test_a_one_sided_rule_is_not_called_symmetric():
    field = F.mechanical_field(jnp.ones(1), E.PolynomialPotential(jnp.array([[0.0, 1.0, 0.5]])))
    x = jnp.array([0.8, 0.5])
    own = I.VariationalStep(_left_end)
    assert own.info.order == 1
    assert SYMMETRIC not in structure_of(own, field)
    assert _defect(SYMMETRIC, own, field, x, 0.3) > 1e-3
    assert _defect(SYMPLECTIC, own, field, x, 0.3) <= tol(x.dtype)
    assert I.variational_gauss.info.order == 4
    assert SYMMETRIC in structure_of(I.variational_midpoint, field)


def test_composition_and_adjoint_keep_the_orders_of_what_is_lost():
    assert I.compose([I.heun], [1.0]).info.defect_order == I.heun.info.defect_order
    assert I.adjoint(I.lie).info.defect_order == I.lie.info.defect_order
    mean = I.MeanValue(2)
    assert I.compose(mean, [0.5, 0.5]).info.energy_order == mean.info.energy_order
    assert I.Projected(I.heun, NORM).info.order_of_loss("invariant_order") == 3
    assert I.Projected(I.heun, ENERGY).info.order_of_loss("invariant_order") == 2
    relaxed = I.Relaxation(I.heun, NORM).info
    assert [relaxed.order_of_loss(n) for n in ("defect_order", "invariant_order")] == [1, 3]
    rebound = I.compose([I.Rebound(I.verlet_kdk, S.Billiard().walls)], [1.0])
    assert rebound.info.defect_order == -1


@pytest.mark.parametrize("step", [I.cayley, I.cayley_midpoint, I.lie_euler, I.lie_midpoint])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize("h", [1e-3, 1.0, 1e4, -1e6])
def test_rotations_of_long_steps_keep_norms(step, dtype, h):
    """In odd dimension `S` has a kernel, and `(1 - hS/2)^-1` lost `eps |hS|` of the norm."""
    skew = jnp.asarray([[0.0, 1.0, -2.0], [-1.0, 0.0, 0.5], [2.0, -0.5, 0.0]], dtype)

    class Turning(F.AbstractField):
        structure = frozenset({NORM})

        def skew(self, t, x, args=None):
            return skew

        def __call__(self, t, x, args=None):
            return skew @ x

    x = jnp.asarray([0.3, -0.7, 0.2], dtype)
    one = jax.jit(lambda y: step(Turning(), 0.0, y, jnp.asarray(h, dtype)))
    assert abs(float(jnp.linalg.norm(one(x)) / jnp.linalg.norm(x)) - 1) <= 8 * jnp.finfo(dtype).eps


def test_orthonormal_columns_of_long_steps_stay_so():
    field = F.OrthogonalFlowField(5, 3, 8, 1, key=jr.key(0))
    q = jnp.linalg.qr(jr.normal(jr.key(1), (5, 3)))[0]
    assert field.structure == {ORTHOGONAL, NORM}
    for step in (I.cayley, I.lie_euler):
        assert _defect(ORTHOGONAL, step, field, q, 1e5) <= tol(q.dtype)
        assert _defect(NORM, step, field, q, 1e5) <= tol(q.dtype)


TRUE = {
    "projection to a norm of any field": (
        I.Projected(I.heun, NORM),
        F.NeuralField(3, 6, 1, key=jr.key(0)),
        NORM,
    ),
    "energy of the midpoint, quadratic": (
        I.ImplicitMidpoint(),
        F.HamiltonianField(E.QuadraticEnergy(jr.normal(jr.key(2), (4, 4)))),
        ENERGY,
    ),
    "dissipation of Gauss, quadratic": (
        I.Gauss(2),
        F.PortHamiltonianField(
            E.QuadraticEnergy(jnp.eye(4)), F.initial_damping(2, 0.3, key=jr.key(0))
        ),
        DISSIPATIVE,
    ),
    "implicit Euler on a convex ridge": (
        I.ImplicitEuler(),
        F.NonExpansiveField(3, 6, key=jr.key(0)),
        DISSIPATIVE,
    ),
    "Itoh-Abe on spheres": (I.ItohAbe(), F.SphereField(3, 6, 1, key=jr.key(0)), NORM),
    "Frobenius norm": (I.cayley, F.OrthogonalFlowField(3, 2, 6, 1, key=jr.key(0)), NORM),
}


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("h", [0.1, 2.0])
def test_true_pairings_are_claimed_and_hold(name, h):
    step, field, tag = TRUE[name]
    shape = (3, 2) if "Frobenius" in name else (4,) if "quadratic" in name else (3,)
    x = jr.normal(jr.key(3), shape)
    assert tag in structure_of(step, field)
    require_structure(step, field, {tag}, h=h)
    assert _defect(tag, step, field, x, h) <= 100 * tol(x.dtype)


def _units(scale, centre=0.0, inputs=None):
    scale = jnp.asarray(scale)
    ones = None if inputs is None else jnp.ones(1)
    start = None if inputs is None else inputs * ones
    return M.Units(0 * scale + centre, scale, jnp.asarray(0.5), start, ones)


def test_what_outlives_a_change_of_units_is_asked_tag_by_tag():
    """Sums, norms and distances broke by .28, .06 and a factor of four under unequal scales."""
    key = jr.key(0)
    makes = {
        SUM: F.SumPreservingField(3, 6, 1, key=key),
        NORM: F.SphereField(3, 6, 1, key=key),
        NON_EXPANSIVE: F.NonExpansiveField(3, 6, key=key),
    }
    steps = {SUM: I.rk4, NORM: I.cayley, NON_EXPANSIVE: I.ImplicitEuler()}
    x = jnp.array([0.4, -0.9, 0.7])
    for tag, field in makes.items():
        inner = M.FieldModel(field, steps[tag])
        for scale, keeps in (([2.0, 2.0, 2.0], True), ([1.0, 30.0, 0.05], False)):
            model = M.ScaledModel(inner, _units(scale))
            forecast = jax.jit(lambda y, model=model: model.predict(y, jnp.array([0.0, 0.3]))[-1])
            defect = float(ROWS[tag].map_defect(forecast, x))
            assert (tag in model.structure) == keeps == (tag in model.field.structure)
            assert (defect <= tol(x.dtype)) == keeps
        shifted = M.ScaledModel(inner, _units([2.0, 2.0, 2.0], centre=0.3))
        assert (tag in shifted.structure) == (tag != NORM)


def test_areas_decide_about_the_symplectic_form():
    inner = M.FieldModel(S.Pendulum().field, I.verlet_kdk)
    kept = {SYMPLECTIC, VOLUME, SYMMETRIC, REVERSIBLE}
    assert M.ScaledModel(inner, _units([2.0, 3.0])).structure == kept
    two = M.FieldModel(S.DoublePendulum().field, I.ImplicitMidpoint())
    for scale, same in (([1.0, 2.0, 4.0, 2.0], True), ([1.0, 2.0, 4.0, 2.0001], False)):
        model = M.ScaledModel(two, _units(scale))
        assert (SYMPLECTIC in model.structure) == same
        assert VOLUME in model.structure
        x = jnp.array([0.3, -0.2, 0.5, 0.8])
        forecast = jax.jit(lambda y, model=model: model.predict(y, jnp.array([0.0, 0.3]))[-1])
        assert (float(ROWS[SYMPLECTIC].map_defect(forecast, x)) <= tol(x.dtype)) == same


def test_an_input_that_is_centred_takes_the_word_of_no_input_away():
    inner = M.PortHamiltonianNetwork(2, 6, 1, input_dim=1, key=jr.key(0))
    assert DISSIPATIVE in M.ScaledModel(inner, _units([2.0, 2.0], inputs=0.0)).field.structure
    assert DISSIPATIVE not in M.ScaledModel(inner, _units([2.0, 2.0], inputs=0.7)).field.structure


def test_momentum_and_bracket_in_other_units():
    law = E.PowerLaw(jnp.array(1.0), jnp.array(2.0))
    bodies = F.PairwiseField(E.PairwisePotential(law, jnp.array([2.0, 0.5]), 1))
    x = jnp.array([0.3, 1.4, 0.2, -0.5])
    for scale, keeps in (([3.0, 3.0, 2.0, 2.0], True), ([3.0, 1.0, 2.0, 0.5], False)):
        field = M.ScaledModel(M.FieldModel(bodies, I.verlet_kdk), _units(scale)).field
        assert (MOMENTUM in field.structure) == keeps
        for tag in (POISSON, VOLUME) + ((MOMENTUM,) if keeps else ()):
            assert tag in structure_of(I.verlet_kdk, field)
            assert _defect(tag, I.verlet_kdk, field, x, 0.1) <= 100 * tol(x.dtype)


def test_a_traced_change_of_units_claims_only_what_needs_no_numbers():
    change = []

    @jax.jit
    def look(scale):
        change.append(AffineChange(scale, 0 * scale))
        return scale

    look(jnp.ones(4))
    answers = [getattr(change[0], n) for n in ("uniform", "centred", "equal_areas", "equal_rates")]
    assert answers == [False] * 4


def test_verdict_names_what_a_field_does_not_declare():
    with pytest.raises(ValueError, match="keeps nothing, not SYMPLECTIC"):
        verdict(I.rk4, F.NeuralField(2, 4, 1, key=jr.key(0)), SYMPLECTIC)


def test_a_composition_of_another_length_is_not_called_symmetric():
    """A step of `-h` from `t + h` cannot undo what moved the clock by `2 h`."""
    field = F.HamiltonianField(E.FunctionEnergy(_swinging, reads_time=True))
    x = jnp.array([0.8, 0.5])
    whole = I.compose(I.ImplicitMidpoint(), [0.5, 0.5])
    assert SYMMETRIC in structure_of(whole, field)
    assert _defect(SYMMETRIC, whole, field, x, 0.3) <= tol(x.dtype)
    for step in (I.compose(I.ImplicitMidpoint(), [1.0, 1.0]), I.scale(I.strang, 0.5)):
        assert not step.info.symmetric
    assert _defect(SYMMETRIC, I.compose(I.ImplicitMidpoint(), [1.0, 1.0]), field, x, 0.3) > 1e-4


def test_steps_adapted_around_a_solver_claim_no_explicit_inverse():
    """A long implicit step comes back to another root of its equation."""
    adapted = I.TimeTransformed(I.ImplicitMidpoint(), lambda t, x: 1 / (1 + jnp.sum(x**2)))
    assert not adapted.info.invertible
    assert "the solve converges" in adapted.info.condition
    assert I.TimeTransformed(I.strang, lambda t, x: 1.0).info.invertible


def test_no_contraction_is_known_of_an_implicit_step_backwards():
    """The bound 1.22 stood where two images were 5e4 apart."""
    for step in (I.ImplicitMidpoint(), I.ImplicitEuler()):
        assert float(step.contraction(0.5, jnp.zeros(()), jnp.ones(()))) <= 1
        assert jnp.isinf(step.contraction(-0.5, jnp.zeros(()), jnp.ones(())))
