"""Claims that are false, in every unit and precision, and numbers that are none: none may hold."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets.analysis import GRADES, certify
from dynnets.energies import MLPEnergy, QuadraticEnergy
from dynnets.fields import (
    AbstractField,
    ConstantDamping,
    HamiltonianField,
    NonExpansiveField,
    SphereField,
    mechanical_field,
)
from dynnets.integrators import (
    FunctionStep,
    ImplicitMidpoint,
    StepInfo,
    cayley,
    explicit_euler,
    verlet_kdk,
)
from dynnets.models import HNN, FieldModel, NetworkFlow, ScaledModel, Units
from dynnets.networks import AbstractNetwork, FractionStepSize, flow_network
from dynnets.structure import (
    NORM,
    REVERSIBLE,
    ROWS,
    SYMMETRIC,
    SYMPLECTIC,
    TAGS,
    VOLUME,
)

SAMPLED = GRADES[2]
DTYPES = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])


def cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def named(certificate, name, grade=SAMPLED):
    return [line for line in certificate.by_grade(grade) if line.name == name]


def test_every_tag_has_its_sizes_and_its_statement_about_fields():
    assert {tag for tag in TAGS if ROWS[tag].flow_oracle} == set(TAGS) - {SYMMETRIC, REVERSIBLE}
    for row in ROWS.values():
        assert (row.map_defect is None) == (row.map_cancellation is None)
        assert (row.flow_oracle is None) == (row.flow_defect == "")


class Plain(AbstractField):
    """A field without structure, as fast as 4.68."""

    @property
    def structure(self):
        """Nothing."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """A fast field."""
        return 4.68 * jnp.tanh(5 * x[::-1])


class Named(AbstractField):
    """The same field with attributes that parts of other classes have as names."""

    inner: HamiltonianField
    damping: ConstantDamping
    kinetic: MLPEnergy
    potential: QuadraticEnergy
    mass: ConstantDamping
    net: MLPEnergy

    @property
    def structure(self):
        """Nothing."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """A fast field."""
        return 4.68 * jnp.tanh(5 * x[::-1])


def test_an_attribute_that_has_a_part_of_a_name_changes_no_line():
    """An attribute `inner` was taken for the field itself: a speed of 1 was called rigorous."""
    energy, damping = MLPEnergy(2, 4, 1, key=jr.key(0)), ConstantDamping(jnp.eye(2))
    field = Named(
        HamiltonianField(energy), damping, energy, QuadraticEnergy(jnp.eye(2)), damping, energy
    )
    states = jnp.array([[0.3, -0.4], [1.0, 2.0]])
    lists = [
        list(certify(model, states=states, h=0.1, steps=2).lines)
        for model in (FieldModel(Plain(), verlet_like()), FieldModel(field, verlet_like()))
    ]
    plain, other = ([line for line in lines if line.name != "FINITE WEIGHTS"] for lines in lists)
    assert plain == other
    assert not [line for line in certify(field).lines if line.name.startswith(("SPEED", "DAMPING"))]


def verlet_like(scale: float = 1.0, keeps=(), name="explicit"):
    """An explicit step times `scale`: with kicks and drifts where the field has them."""

    def step(field, t, x, h, args=None):
        if field.kick is None:
            return x + h * field(t, x, args)
        return scale * verlet_kdk(field, t, x, h, args)

    return FunctionStep(step, StepInfo(name, order=1, keeps=frozenset(keeps)))


def chain(dtype, step):
    """Three masses on springs in units in which they swing in a few units of time."""
    stiffness = jnp.array([[2.0, -1, 0], [-1, 2, -1], [0, -1, 2]])
    field = mechanical_field(jnp.array([1.0, 0.5, 2.0]), QuadraticEnergy(stiffness))
    return FieldModel(cast(field, dtype), step)


@DTYPES
@pytest.mark.parametrize("unit", [1e-3, 1e3, 1e6])
def test_units_hide_no_false_claim_and_break_no_true_one(unit, dtype):
    """A chain in millimetres: a map that stretches the form by a thousandth fails in every unit."""
    scale = unit * jnp.ones(6, dtype)
    units = Units(0.1 * scale, scale, jnp.asarray(0.01, dtype))
    states = unit * (1 + jr.normal(jr.key(0), (4, 6), dtype))
    options = {"states": states, "h": 0.2 * 0.01, "steps": 1}
    honest = certify(ScaledModel(chain(dtype, verlet_kdk), units), **options)
    assert honest.holds and not honest.undecided, str(honest)
    liar = verlet_like(1 + 5e-4, {SYMPLECTIC, VOLUME}, "liar")
    false = certify(ScaledModel(chain(dtype, liar), units), **options)
    assert not false.holds
    flow, step = named(false, "SYMPLECTIC")
    assert flow.holds and step.holds is False
    assert 0.9e-3 < step.value < 1.1e-3
    assert named(false, "VOLUME")[1].holds is False


def test_round_off_that_could_hide_anything_decides_nothing():
    """Without units of training, single precision cannot tell: the line says so and holds not."""
    model = chain(jnp.float32, verlet_kdk)
    stretch = jnp.array([1e4] * 3 + [1e-4] * 3, "float32")
    field = mechanical_field(
        jnp.exp(model.field.kinetic.log_mass) * 1e-8,
        QuadraticEnergy(model.field.potential.matrix * jnp.asarray(1e-8, "float32")),
    )
    found = certify(FieldModel(field, verlet_kdk), states=stretch[None], h=0.2, steps=1)
    (line,) = [line for line in named(found, "SYMPLECTIC") if "one step" in line.statement]
    assert line.holds is None and line.undecided
    assert line in found.undecided
    assert "not decidable in this precision" in line.statement
    assert "undecided" in str(found)


def test_a_sphere_field_is_tried_by_its_norm_and_by_nothing_else():
    field = SphereField(4, 4, 1, key=jr.key(0))
    states = jr.normal(jr.key(1), (2, 4))
    found = certify(FieldModel(field, cayley), states=states, h=0.1, steps=2)
    assert [line.holds for line in named(found, "NORM")] == [True, True]
    assert not named(found, "SYMPLECTIC") and not named(found, "VOLUME")
    growing = verlet_like_norm()
    broken = certify(FieldModel(field, growing), states=states, h=0.1, steps=2)
    assert [line.holds for line in named(broken, "NORM")] == [True, False]
    assert not broken.holds


def verlet_like_norm():
    """Explicit Euler that says it keeps the norm."""
    info = StepInfo("false", order=1, keeps=frozenset({NORM}))
    return FunctionStep(lambda field, t, x, h, args=None: x + h * field(t, x, args), info)


class ClaimsEverything(AbstractField):
    """A contraction to a point off the origin, which keeps nothing but claims every tag."""

    @property
    def structure(self):
        """All tags."""
        return frozenset(TAGS)

    @property
    def energy(self):
        """A paraboloid, which rises along the field where it is seen."""
        return QuadraticEnergy(-jnp.eye(2))

    @property
    def matrix(self):
        """A skew matrix."""
        return jnp.array([[0.0, 1.0], [-1.0, 0.0]])

    def __call__(self, t, x, args=None):
        """Away from the origin in one direction, towards a point in the other."""
        return jnp.array([1.0, -2.0]) * x + jnp.array([0.5, -1.5])


def test_every_claim_about_a_field_can_fail():
    found = certify(ClaimsEverything(), states=jnp.array([[0.3, 0.8]]))
    # a state of one column is no matrix: orthogonality is tried on matrices
    failed = {line.name for line in found.by_grade(SAMPLED) if line.holds is False}
    assert failed >= {tag.name for tag in TAGS if ROWS[tag].flow_oracle} - {
        "ORTHOGONAL",
        "DISSIPATIVE",
    }


class Stretch(AbstractNetwork):
    """A map of a factor, claimed to be symplectic and to have an inverse."""

    factor: float
    claims: frozenset = eqx.field(static=True)

    @property
    def structure(self):
        """What is claimed."""
        return self.claims

    def __call__(self, *arguments):
        """The last argument times the factor."""
        return self.factor * arguments[-1]


def test_flows_and_networks_are_tried_too():
    states = jnp.ones((2, 2))
    false = Stretch(1.001, frozenset({SYMPLECTIC, VOLUME, REVERSIBLE}))
    flow = NetworkFlow(Stretch(1.001, frozenset({SYMPLECTIC, VOLUME})), 0.1)
    for subject, options in ((false, {}), (flow, {"h": 0.1, "steps": 2})):
        found = certify(subject, states=states, **options)
        assert [line.holds for line in named(found, "SYMPLECTIC")] == [False]
        assert [line.holds for line in named(found, "VOLUME")] == [False]
    (line,) = named(certify(false, states=states), "REVERSIBLE")
    assert line.holds is False and "no inverse" in line.statement


def test_weights_that_are_no_numbers_fail():
    model = HNN(2, 4, 1, key=jr.key(0))
    broken = eqx.tree_at(lambda m: m.hamiltonian.net.layers[0][0], model, jnp.full((4, 2), jnp.nan))
    for found in (
        certify(broken),
        certify(broken.field),
        certify(broken, states=jnp.ones((1, 2)), h=0.1, steps=1),
    ):
        assert not found.holds
        (line,) = named(found, "FINITE WEIGHTS", GRADES[1])
        assert line.holds is False and line.value == 8
        (speed,) = named(found, "SPEED <=", GRADES[1])
        assert speed.holds is False
    assert all(line.holds is not True for line in found.by_grade(SAMPLED))


def test_a_network_without_values_does_not_hold():
    """A layer pruned to zero once made a step of 2 / 0."""
    net = flow_network(
        lambda key: NonExpansiveField(3, 4, key=key),
        2,
        explicit_euler,
        FractionStepSize(1.0),
        key=jr.key(0),
    )
    pruned = eqx.tree_at(lambda n: n.fields[0].energy.weight, net, jnp.zeros((2, 4, 3)))
    states = jnp.ones((2, 3))
    finite = bool(jnp.isfinite(jax.vmap(pruned)(states)).all())
    assert certify(pruned, states=states).holds == finite
    nothing = Stretch(float("nan"), frozenset({VOLUME}))
    assert not certify(nothing, states=jnp.ones((2, 2))).holds
    # no claim but finite values is broken here
    empty = certify(Stretch(float("inf"), frozenset()), states=jnp.ones((2, 2)))
    assert not empty.holds and "not finite" in named(empty, "FINITE")[0].statement


class Root(AbstractField):
    """`x' = -sqrt(x)`, which has no values below zero: a long implicit step finds no end."""

    @property
    def structure(self):
        """A claim, so that the step is tried."""
        return frozenset({SYMPLECTIC})

    def __call__(self, t, x, args=None):
        """Minus the root."""
        return -jnp.sqrt(x)


def test_a_solve_that_fails_is_a_line_in_words():
    found = certify(
        FieldModel(Root(), ImplicitMidpoint()),
        states=jnp.array([[1e-3, 1e-3], [9.0, 9.0]]),
        h=1.0,
        steps=3,
    )
    assert not found.holds
    (line, forecasts) = named(found, "FINITE")
    assert line.holds is False and line.value == 1
    assert (
        "one step of 1 could not be evaluated, or is not finite, at 1 of 2 states: "
        in line.statement
    )
    assert "\n" not in line.statement and len(line.statement) < 320
    assert forecasts.holds is False


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_is_certified_or_refused_in_words(dtype):
    model = cast(HNN(2, 4, 1, key=jr.key(0)), dtype)
    found = certify(model, states=jnp.ones((2, 2), dtype), h=0.1)
    (line,) = found.by_grade(SAMPLED)
    assert line.undecided and "round-off" in line.statement
    (speed,) = named(found, "SPEED <=", GRADES[1])
    exact = cast(model, jnp.float64).hamiltonian.net.lipschitz_bound()
    # the margin is that of half precision, and covers what an evaluation in it gives
    assert speed.value > exact * (1 + 4 * float(jnp.finfo(dtype).eps))
    xs = jr.normal(jr.key(1), (2, 500)).astype(dtype)
    rates = np.asarray(model.field(0.0, xs), float)
    assert np.linalg.norm(rates, axis=0).max() <= speed.value
    net = cast(Stretch(1.0, frozenset({VOLUME})), dtype)
    lines = certify(net, states=jnp.ones((2, 2), dtype)).by_grade(SAMPLED)
    assert [line.undecided for line in lines] == [True]
