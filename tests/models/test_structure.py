"""Oracles: what each model promises for every weight, checked on random ones."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.scipy.linalg as jsl
import numpy as np
import pytest
from helpers import tol

from dynnets.energies import FunctionEnergy, MLPEnergy, QuadraticEnergy
from dynnets.fields import canonical_matrix, mechanical_field
from dynnets.integrators import (
    ImplicitMidpoint,
    RungeKutta,
    Tao,
    TwoStepMidpoint,
    rollout,
    verlet_kdk,
)
from dynnets.models import (
    HNN,
    FieldModel,
    HelmholtzHNN,
    NeuralODE,
    PortHamiltonianNetwork,
    energy_rate,
)
from dynnets.structure import (
    DISSIPATIVE,
    POISSON,
    SYMPLECTIC,
    VOLUME,
    structure_of,
    symplecticity_defect,
)


def _jacobian(model, x):
    return jax.jacfwd(lambda y: model.field(0.0, y))(x)


@pytest.mark.parametrize(
    ("n", "dtype"), [(1, jnp.float64), (3, jnp.float64), (8, jnp.float64), (3, jnp.float32)]
)
def test_hnn_field_is_hamiltonian(getkey, n, dtype):
    """`div f = 0` and `Df = J S` with `S` symmetric; the energy stands still along `f`."""
    model = _cast(HNN(2 * n, 16, 2, key=getkey()), dtype)
    x = jr.normal(getkey(), (2 * n,), dtype)
    jacobian = _jacobian(model, x)
    symmetric = canonical_matrix(n, dtype).T @ jacobian
    limit = tol(dtype, float(jnp.abs(jacobian).max()))
    assert jnp.abs(symmetric - symmetric.T).max() <= limit
    assert abs(jnp.trace(jacobian)) <= limit
    assert abs(energy_rate(model, 0.0, x)) <= limit


def _cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def test_hnn_structure_follows_its_step(getkey):
    assert {SYMPLECTIC, VOLUME} <= HNN(4, 8, 1, key=getkey()).structure
    explicit = HNN(4, 8, 1, step=RungeKutta(diffrax.Tsit5()), key=getkey())
    assert SYMPLECTIC not in explicit.structure
    assert not NeuralODE(3, 8, 1, key=getkey()).structure
    assert DISSIPATIVE in PortHamiltonianNetwork(4, 8, 1, key=getkey()).field.structure


def test_hnn_forecast_is_symplectic(getkey):
    model = HNN(4, 16, 2, key=getkey())
    x, ts = jr.normal(getkey(), (4,)), jnp.array([0.0, 0.3, 0.5])
    jacobian = jax.jacfwd(lambda y: model.predict(y, ts)[-1])(x)
    j = canonical_matrix(2)
    assert jnp.abs(jacobian.T @ j @ jacobian - j).max() <= tol(x.dtype)


def test_hnn_energy_drift_by_step(getkey):
    """Tsit5 loses energy at fifth order in `h`; the implicit midpoint rule stays bounded."""
    model = HNN(2, 16, 2, learned=_pendulum(), key=getkey())
    x = jnp.array([1.2, 0.3])

    def errors(step, h, time):
        xs = rollout(step, model.field, x, (h, round(time / h))).xs
        energies = jax.vmap(lambda y: model.energy(0.0, y))(xs)
        return np.abs(np.asarray(energies - energies[0]))

    tsit5 = RungeKutta(diffrax.Tsit5())
    coarse, fine = errors(tsit5, 0.2, 40.0)[-1], errors(tsit5, 0.1, 40.0)[-1]
    assert np.log2(coarse / fine) > 4.5
    short, long = errors(ImplicitMidpoint(), 0.2, 20.0), errors(ImplicitMidpoint(), 0.2, 200.0)
    assert long.max() < 1.05 * short.max()


def _pendulum():
    return FunctionEnergy(lambda t, x: x[1] ** 2 / 2 - jnp.cos(x[0]))


def test_quadratic_energy_gives_the_matrix_exponential(getkey):
    matrix = jr.normal(getkey(), (6, 6))
    symmetric = matrix + matrix.T
    model = HNN(6, learned=QuadraticEnergy(symmetric), key=getkey())
    x, t = jr.normal(getkey(), (6,)), 0.7
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(model.field),
        diffrax.Dopri8(),
        0.0,
        t,
        1e-3,
        x,
        stepsize_controller=diffrax.ConstantStepSize(),
    )
    exact = jsl.expm(t * canonical_matrix(3) @ symmetric) @ x
    scale = float(jnp.abs(exact).max())
    np.testing.assert_allclose(solution.ys[0], exact, rtol=0, atol=1e-12 * max(1.0, scale))


@pytest.mark.parametrize("step", [Tao(5.0), TwoStepMidpoint()], ids=["Tao", "two-step"])
def test_a_step_on_pairs_promises_nothing_of_a_forecast(getkey, step):
    """The form is kept on two states; the map of the one that comes out loses it, measurably."""
    model = FieldModel(HNN(4, 16, 2, key=getkey()).field, step)
    assert {SYMPLECTIC, VOLUME} & structure_of(step, model.field)
    assert model.structure == frozenset()
    move = jax.jit(lambda x: model.predict(x, jnp.array([0.0, 0.3]))[-1])
    assert float(symplecticity_defect(move, jr.normal(getkey(), (4,)))) > 1e-6


def test_field_ignores_a_constant_in_the_energy(getkey):
    model = HNN(4, 16, 2, key=getkey())
    shifted = HNN(4, learned=FunctionEnergy(lambda t, x: model.energy(t, x) + 7.0), key=getkey())
    x = jr.normal(getkey(), (4,))
    difference = model.field(0.0, x) - shifted.field(0.0, x)
    assert jnp.abs(difference).max() <= tol(x.dtype)


def test_a_skew_matrix_in_place_of_j(getkey):
    raw = jr.normal(getkey(), (3, 3))
    model = HNN(3, 8, 1, matrix=raw - raw.T, key=getkey())
    x = jr.normal(getkey(), (3,))
    assert abs(energy_rate(model, 0.0, x)) <= tol(x.dtype)
    assert POISSON in model.structure
    same = HNN(4, learned=model_energy(getkey()), matrix=canonical_matrix(2), key=getkey())
    canonical = HNN(4, learned=same.energy, key=getkey())
    y = jr.normal(getkey(), (4,))
    np.testing.assert_allclose(same.field(0.0, y), canonical.field(0.0, y), atol=1e-14)


def model_energy(key):
    return MLPEnergy(4, 8, 1, key=key)


def test_shifting_the_energy_is_exact_to_the_step(getkey):
    model = HNN(2, learned=_pendulum(), key=getkey())
    x = jnp.array([1.2, 0.3])
    for amount in (0.5, -0.3):
        moved = model.shift_energy(x, amount)
        change = model.energy(0.0, moved) - model.energy(0.0, x)
        assert change == pytest.approx(amount, abs=1e-7)
    np.testing.assert_allclose(model.riemann_gradient(0.0, x), [np.sin(1.2), 0.3], atol=1e-14)


@pytest.mark.parametrize("n", [1, 3])
def test_helmholtz_divergence_is_that_of_the_field(getkey, n):
    model = HelmholtzHNN(2 * n, 16, 2, key=getkey())
    x = jr.normal(getkey(), (2 * n,))
    trace = jnp.trace(_jacobian(model, x))
    assert model.divergence(0.0, x) == pytest.approx(float(trace), abs=tol(x.dtype))
    assert abs(trace) > 1e-3  # it is not conservative


def test_helmholtz_split_is_not_unique(getkey):
    """`D = (q^2 - p^2)/2` alone and `H = q p` alone give the field `(q, -p)`."""
    blank = HelmholtzHNN(2, 8, 1, key=getkey())
    zero = QuadraticEnergy(jnp.zeros((2, 2)))
    saddle = QuadraticEnergy(jnp.diag(jnp.array([1.0, -1.0])))
    product = QuadraticEnergy(jnp.array([[0.0, 1.0], [1.0, 0.0]]))

    def fill(h, d):
        return eqx.tree_at(lambda m: (m.hamiltonian, m.dissipation), blank, (h, d))

    x = jr.normal(getkey(), (2,))
    first, second = fill(zero, saddle), fill(product, zero)
    np.testing.assert_allclose(first.field(0.0, x), [x[0], -x[1]])
    np.testing.assert_allclose(second.field(0.0, x), [x[0], -x[1]])
    assert first.divergence(0.0, x) == second.divergence(0.0, x) == 0


@pytest.mark.parametrize("damping", ["constant", "coordinates", "none"])
def test_port_hamiltonian_loses_what_the_damping_takes(getkey, damping):
    model = PortHamiltonianNetwork(6, 16, 2, damping=damping, key=getkey())
    for _ in range(5):
        x = 2 * jr.normal(getkey(), (6,))
        velocity = model.energy.gradient(0.0, x)[3:]
        lost = 0.0 if damping == "none" else velocity @ model.damping(x[:3], velocity)
        rate = energy_rate(model, 0.0, x)
        assert rate == pytest.approx(-float(lost), abs=tol(x.dtype))
        assert rate <= tol(x.dtype)


def test_port_hamiltonian_takes_in_the_power_of_the_input(getkey):
    model = PortHamiltonianNetwork(4, 16, 2, input_dim=3, key=getkey())
    x, u = jr.normal(getkey(), (4,)), jr.normal(getkey(), (3,))
    velocity = model.energy.gradient(0.0, x)[2:]
    power = velocity @ (model.input_matrix @ u - model.damping(x[:2], velocity))
    assert energy_rate(model, 0.0, x, u) == pytest.approx(float(power), abs=tol(x.dtype))


def test_port_hamiltonian_energy_falls_along_a_forecast(getkey):
    model = PortHamiltonianNetwork(2, 16, 2, initial=0.3, substeps=4, key=getkey())
    xs = model.predict(jnp.array([1.0, 0.5]), jnp.linspace(0.0, 20.0, 100))
    energies = jax.vmap(lambda x: model.energy(0.0, x))(xs)
    assert jnp.diff(energies).max() <= 1e-9
    assert energies[-1] < energies[0]


def test_field_model_joins_field_and_step(getkey):
    field = mechanical_field(jnp.ones(2), MLPEnergy(2, 8, 1, key=getkey()))
    model = FieldModel(field, verlet_kdk, 2)
    assert SYMPLECTIC in model.structure
    x, ts = jr.normal(getkey(), (4,)), jnp.linspace(0.0, 1.0, 5)
    by_hand = rollout(verlet_kdk, field, x, ts, substeps=2).xs
    np.testing.assert_allclose(model.predict(x, ts), by_hand, atol=tol(x.dtype))
    assert model.energy(0.0, x) == field.energy(0.0, x)
    with pytest.raises(ValueError, match="needs a field that offers drift and kick"):
        FieldModel(HNN(4, 8, 1, key=getkey()).field, verlet_kdk)
