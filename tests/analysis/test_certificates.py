"""Certificates: the right grade on every line, and claims that can fail."""

import json

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.analysis import (
    GRADES,
    Certificate,
    CertificateLine,
    certify,
    lipschitz_bound,
    range_bound,
    sample_domain,
    spectrum_bounds,
)
from dynnets.energies import ConstantMass, FunctionEnergy, MLPEnergy
from dynnets.fields import (
    AbstractField,
    ConstantDamping,
    HamiltonianField,
    MassMatrixField,
    PortHamiltonianField,
    mechanical_field,
)
from dynnets.integrators import ImplicitMidpoint, RungeKutta, Tao, verlet_kdk
from dynnets.models import (
    HNN,
    FieldModel,
    NeuralODE,
    PortHamiltonianNetwork,
    ScaledModel,
    Units,
    newtonian_bodies,
)
from dynnets.nn import MLP
from dynnets.structure import SYMPLECTIC
from dynnets.systems import Pendulum

BOX = (jnp.array([-1.0, -1.0]), jnp.array([1.0, 1.0]))


def _lines(certificate, name, grade):
    return [line for line in certificate.by_grade(grade) if line.name == name]


def _certify(model, **options):
    return certify(model, domain=BOX, key=jr.key(1), h=0.1, samples=4, steps=5, **options)


class Liar(AbstractField):
    """Claims to be Hamiltonian, and contracts."""

    @property
    def structure(self):
        """A claim that does not hold."""
        return frozenset({SYMPLECTIC})

    def __call__(self, t, x, args=None):
        """A contraction."""
        return -x


@pytest.fixture(scope="module")
def conservative():
    return _certify(HNN(2, 8, 2, key=jr.key(0)), energies={"true": Pendulum().energy})


def test_conservative_model(conservative):
    certificate = conservative
    assert certificate.holds
    for grade in GRADES:
        assert certificate.by_grade(grade)
    (claim, flow) = sorted(line.statement for line in _lines(certificate, "SYMPLECTIC", GRADES[0]))
    assert claim.startswith("exact flow")
    assert flow.startswith("forecast map")
    (sampled,) = _lines(certificate, "SYMPLECTIC", "sampled")
    assert sampled.holds
    assert sampled.value <= tol(jnp.float64)
    kept = [line.holds for line in _lines(certificate, "ENERGY", "by construction")]
    assert sorted(map(str, kept)) == ["None", "True"]
    assert [line.holds for line in _lines(certificate, "ENERGY", "sampled")] == [True]
    assert len(_lines(certificate, "ENERGY DRIFT", "sampled")) == 2
    assert "Newton" in certificate.condition or "solve" in certificate.condition


def test_damped_model():
    certificate = _certify(PortHamiltonianNetwork(2, 8, 1, key=jr.key(0)))
    assert certificate.holds
    (damping,) = _lines(certificate, "DAMPING >= 0", "rigorous bound")
    assert 0.05 < damping.value < 0.2
    (power,) = _lines(certificate, "DISSIPATIVE", "sampled")
    assert power.holds
    assert power.value < 0
    assert _lines(certificate, "VOLUME", "sampled")[0].holds is None


def test_model_without_structure_claims_nothing():
    certificate = _certify(NeuralODE(2, 8, 1, input_dim=1, key=jr.key(0)))
    assert certificate.holds
    assert [line.name for line in certificate.by_grade("by construction")] == ["NONE"]
    (sampled,) = _lines(certificate, "SYMPLECTIC", "sampled")
    assert sampled.holds is None
    assert sampled.value > 1e-6


def test_explicit_steps_in_single_precision():
    field = mechanical_field(jnp.array([0.5]), MLPEnergy(1, 8, 1, key=jr.key(2)))
    model = jax.tree.map(
        lambda leaf: leaf.astype("float32"), FieldModel(field, verlet_kdk, substeps=2)
    )
    states = jr.normal(jr.key(0), (4, 2), "float32")
    certificate = certify(model, states=states, h=0.1, steps=5)
    assert certificate.holds
    assert {"SYMMETRIC", "REVERSIBLE"} <= {line.name for line in certificate.by_grade("sampled")}
    (masses,) = _lines(certificate, "MASSES > 0", "rigorous bound")
    assert abs(masses.value - 0.5) < 1e-6
    assert "0.05" in _lines(certificate, "SYMPLECTIC", "sampled")[0].statement


def test_two_copies_are_certified_as_a_pair():
    certificate = _certify(HNN(2, 8, 1, step=Tao(10.0), key=jr.key(0)))
    assert certificate.holds
    pair, alone = _lines(certificate, "SYMPLECTIC", "sampled")
    assert pair.holds
    assert alone.holds is None
    assert alone.value > pair.value
    exact, forecast = _lines(certificate, "SYMPLECTIC", "by construction")
    assert exact.holds
    assert forecast.holds is None and "pair of states" in forecast.statement


def test_a_false_claim_fails():
    assert SYMPLECTIC not in FieldModel(Liar(), RungeKutta(diffrax.Tsit5())).structure
    broken = _certify(FieldModel(Liar(), ImplicitMidpoint()))
    assert not broken.holds
    (line,) = _lines(broken, "SYMPLECTIC", "sampled")
    assert line.holds is False
    assert "FAILS" in str(broken)


def test_a_bare_field_and_an_empty_domain():
    field = HamiltonianField(MLPEnergy(4, 8, 1, key=jr.key(0)))
    for certificate in (certify(field), certify(HNN(2, 8, 1, key=jr.key(0)))):
        assert not certificate.by_grade("sampled")
        assert certificate.by_grade("by construction")


def test_report_is_plain_json(conservative):
    report = conservative.to_json()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report["lines"][0]) == {"name", "grade", "holds", "value", "statement"}
    text = str(conservative)
    assert text.splitlines()[0].startswith("Certificate of HNN forecasting by ImplicitMidpoint")
    assert all(grade in text for grade in GRADES)
    worst = CertificateLine("FINITE", "sampled", False, float("inf"), "lost")
    assert not Certificate("x", "", (worst,)).holds
    assert Certificate("x", "", (worst,)).to_json()["lines"][0]["value"] == "inf"


def test_bounds_enclose_what_is_sampled():
    net = MLPEnergy(3, 16, 3, key=jr.key(4)).net
    net = jax.tree.map(lambda leaf: 1.7 * leaf + 0.1, net)
    xs = 3 * jr.normal(jr.key(5), (3, 2000))
    slopes = jnp.linalg.norm(net.gradient(xs), axis=0)
    assert slopes.max() <= lipschitz_bound(net)
    low, high = range_bound(net)
    values = net(xs)
    assert low <= values.min()
    assert values.max() <= high
    assert range_bound(MLP(3, 1, 8, 1, activation="softplus", key=jr.key(0))) is None
    linear = MLP(3, 1, 1, 0, key=jr.key(0))
    assert abs(lipschitz_bound(linear) - jnp.linalg.norm(linear.layers[0][0])) <= 1e-12
    assert range_bound(linear) is None


def test_spectrum_of_a_singular_damping_matrix():
    factor = jnp.array([[1.0], [2.0]])
    low, high = spectrum_bounds(factor @ factor.T)
    assert -1e-13 < low <= 0
    assert 5 <= high < 5 + 1e-12
    energy = MLPEnergy(4, 4, 1, key=jr.key(0))
    certificate = certify(PortHamiltonianField(energy, ConstantDamping(factor)))
    (line,) = _lines(certificate, "DAMPING >= 0", "rigorous bound")
    assert line.holds


def test_mass_matrix():
    field = MassMatrixField(ConstantMass(jnp.zeros((2, 2))), MLPEnergy(2, 4, 1, key=jr.key(0)))
    (line,) = _lines(certify(field), "MASS MATRIX > 0", "rigorous bound")
    assert line.holds
    assert abs(line.value - 1) < 1e-12


def test_bodies_on_states_of_velocities():
    """Masses from 1 down to 1e-3: momentum and the bracket are those of the learned masses."""
    model = newtonian_bodies(jnp.array(1.0), jnp.array([1.0, 1e-2, 1e-3]), 2)
    x = jnp.array([0.0, 0, 1, 0, 0, 2, 0, 0, 0, 1, -0.7, 0])
    certificate = certify(model, states=x[None], h=0.05, steps=5)
    assert certificate.holds
    assert _lines(certificate, "MOMENTUM", "sampled")[0].holds
    assert _lines(certificate, "POISSON", "sampled")[0].value < 1e-9
    assert _lines(certificate, "MASSES > 0", "rigorous bound")[0].value == pytest.approx(1e-3)


def test_a_model_in_other_units():
    """The bounds are those of the field inside; the samples, and a zero input, of the record."""
    one = jnp.ones(1)
    units = Units(jnp.zeros(2), jnp.array([2.0, 3.0]), jnp.array(0.5), 0 * one, 4 * one)
    inner = PortHamiltonianNetwork(2, 4, 1, input_dim=1, key=jr.key(0))
    certificate = _certify(ScaledModel(inner, units))
    assert certificate.holds
    (damping,) = _lines(certificate, "DAMPING >= 0", "rigorous bound")
    assert damping.statement.endswith("in the units that it was trained in")
    free = NeuralODE(2, 4, 1, input_dim=1, key=jr.key(0))
    assert _certify(ScaledModel(free, units)).holds


def test_samples_fill_the_box():
    low, high = jnp.array([-1.0, 2.0, 5.0]), jnp.array([1.0, 3.0, 5.0])
    xs = sample_domain((low, high), 500, key=jr.key(0))
    np.testing.assert_allclose(xs.min(axis=0), low, atol=0.02)
    np.testing.assert_allclose(xs.max(axis=0), high, atol=0.02)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"domain": BOX, "h": 0.1}, "needs a key"),
        ({"domain": BOX, "key": jr.key(0)}, "needs the time h"),
        ({"domain": BOX, "key": jr.key(0), "h": -0.1}, "h must be positive.*-0.1"),
        ({"domain": BOX, "key": jr.key(0), "h": 0.1, "steps": 0}, "steps.*0"),
        ({"domain": BOX[::-1], "key": jr.key(0), "h": 0.1}, r"low <= high, got 1\.0 > -1\.0"),
        ({"domain": (BOX[0],), "key": jr.key(0), "h": 0.1}, "a pair"),
        ({"domain": (jnp.ones(2), jnp.ones(3)), "key": jr.key(0), "h": 0.1}, "two rows"),
        ({"states": jnp.ones(2), "h": 0.1}, r"states must have shape \(n, d\)"),
        ({"states": jnp.full((1, 2), jnp.nan), "h": 0.1}, "states must be finite"),
    ],
)
def test_bad_input_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        certify(HNN(2, 4, 1, key=jr.key(0)), **options)


def test_unknown_grade_is_refused():
    with pytest.raises(ValueError, match="'proved'"):
        certify(HNN(2, 4, 1, key=jr.key(0))).by_grade("proved")


def test_an_implicit_step_that_cannot_be_solved_fails_in_words():
    """The certificate is a table with a line that FAILS, not an error of the linear solver."""
    steep = FunctionEnergy(lambda t, x: jnp.exp(4 * x[0] ** 2) + x[1] ** 2)
    model = FieldModel(HamiltonianField(steep), ImplicitMidpoint(max_steps=1))
    certificate = certify(model, domain=BOX, key=jr.key(1), h=0.5, samples=4, steps=5)
    assert not certificate.holds
    (line,) = _lines(certificate, "SYMPLECTIC", "sampled")
    assert line.holds is False
    assert line.value == float("inf")
    assert "FAILS" in str(certificate)
    assert "not finite" in line.statement
