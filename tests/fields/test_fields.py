"""Closed forms, limits and refusals of the field families."""

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from hypothesis import given, settings, strategies as st

from dynnets import energies as E, fields as F, nn as NN
from dynnets.fields import canonical_matrix


@given(
    width=st.integers(1, 9),
    depth=st.integers(0, 3),
    activation=st.sampled_from(NN.ACTIVATIONS),
    seed=st.integers(0, 2**30),
)
@settings(max_examples=15, deadline=None)
def test_closed_form_gradient_of_any_net(width, depth, activation, seed):
    key = jr.key(seed)
    net = NN.MLP(3, 1, width, depth, activation=activation, key=key)
    x = jr.normal(key, (3,))
    expected = jax.grad(lambda y: net(y)[0])(x)
    assert float(jnp.abs(net.gradient(x) - expected).max()) <= tol(x.dtype)


def test_weights_start_orthogonal_and_the_energy_has_no_constant(getkey):
    energy = E.MLPEnergy(4, 16, 2, key=getkey())
    weight = energy.net.layers[1][0]
    assert float(jnp.abs(weight @ weight.T - jnp.eye(16)).max()) <= tol(weight.dtype)
    assert energy.net.layers[-1][1] is None


def test_quadratic_energy_flows_by_the_matrix_exponential(getkey):
    matrix = jr.normal(getkey(), (6, 6))
    field = F.HamiltonianField(E.QuadraticEnergy(matrix))
    x = jr.normal(getkey(), (6,))
    rate = canonical_matrix(3) @ (matrix + matrix.T) / 2
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri8(),
        0.0,
        1.0,
        None,
        x,
        stepsize_controller=diffrax.PIDController(rtol=1e-13, atol=1e-13),
    )
    exact = jax.scipy.linalg.expm(rate) @ x
    assert float(jnp.abs(solution.ys[-1] - exact).max()) <= 1e-11 * float(jnp.abs(exact).max())


@pytest.mark.parametrize("n", [1, 3, 8])
def test_hessian_of_the_field_is_symmetric_and_energy_is_kept(n, getkey):
    energy = E.MLPEnergy(2 * n, 16, 2, key=getkey())
    field = F.HamiltonianField(energy)
    x = jr.normal(getkey(), (2 * n,))
    hessian = canonical_matrix(n).T @ jax.jacfwd(lambda y: field(0.0, y))(x)
    assert float(jnp.abs(hessian - hessian.T).max()) <= 1e-12
    assert abs(float(energy.gradient(0.0, x) @ field(0.0, x))) <= 1e-12


def test_field_does_not_see_a_constant_in_the_energy(getkey):
    energy, x = E.MLPEnergy(4, 8, 2, key=getkey()), jr.normal(getkey(), (4,))
    shifted = E.FunctionEnergy(lambda t, y: energy(t, y) + 3.0)
    difference = F.HamiltonianField(energy)(0.0, x) - F.HamiltonianField(shifted)(0.0, x)
    assert float(jnp.abs(difference).max()) <= tol(x.dtype)


def test_kinetic_energy_and_masses():
    kinetic = E.KineticEnergy(jnp.array([1.0, 4.0]))
    p = jnp.array([2.0, 2.0])
    assert float(kinetic(0.0, p)) == pytest.approx(2.5, rel=1e-14)
    assert jnp.allclose(kinetic.mass, jnp.array([1.0, 4.0]), rtol=1e-14)
    with pytest.raises(ValueError, match="positive"):
        E.KineticEnergy(jnp.array([1.0, -4.0]))


def test_port_hamiltonian_power_balance(getkey):
    energy, x = E.MLPEnergy(4, 8, 2, key=getkey()), jr.normal(getkey(), (4,))
    matrix = jr.normal(getkey(), (2, 1))
    damping = F.initial_damping(2, 0.7, key=getkey())
    field = F.PortHamiltonianField(energy, damping, matrix)
    velocity = energy.gradient(0.0, x)[2:]
    u = jnp.array([0.4])
    power = energy.gradient(0.0, x) @ field(0.0, x, u)
    expected = -velocity @ damping.matrix(x[:2]) @ velocity + velocity @ matrix @ u
    assert float(power - expected) == pytest.approx(0, abs=1e-13)
    assert float(jnp.linalg.eigvalsh(damping.matrix(x[:2])).min()) >= 0
    with pytest.raises(ValueError, match="no input_matrix"):
        F.PortHamiltonianField(energy, damping)(0.0, x, u)


def test_helmholtz_parts_show_in_divergence_and_curl(getkey):
    energy = E.MLPEnergy(2, 8, 2, key=getkey())
    dissipation = E.MLPEnergy(2, 8, 2, key=getkey())
    field, x = F.HelmholtzField(energy, dissipation), jr.normal(getkey(), (2,))
    jacobian = jax.jacfwd(lambda y: field(0.0, y))(x)
    laplacian = lambda e: jnp.trace(jax.hessian(e, argnums=1)(0.0, x))  # noqa: E731
    assert float(jnp.trace(jacobian) - laplacian(dissipation)) == pytest.approx(0, abs=1e-12)
    curl = jacobian[1, 0] - jacobian[0, 1]
    assert float(curl + laplacian(energy)) == pytest.approx(0, abs=1e-12)


def test_conjugate_harmonic_pairs_give_one_field():
    """The split is not unique: this is why the damping is read off the port-Hamiltonian form."""
    zero = E.FunctionEnergy(lambda t, x: 0.0 * x[0])
    saddle = E.FunctionEnergy(lambda t, x: (x[0] ** 2 - x[1] ** 2) / 2)
    product = E.FunctionEnergy(lambda t, x: x[0] * x[1])
    x = jnp.array([0.3, -1.2])
    gradient_form = F.HelmholtzField(zero, saddle)(0.0, x)
    hamiltonian_form = F.HelmholtzField(product, zero)(0.0, x)
    assert (gradient_form == hamiltonian_form).all()


def test_inputs_in_every_form(getkey):
    u = jnp.array([0.3])
    path = diffrax.LinearInterpolation(jnp.array([0.0, 2.0]), jnp.array([[0.1], [0.5]]))
    field = F.NeuralField(2, 8, 1, input_dim=1, key=getkey())
    x = jnp.ones(2)
    values = [field(1.0, x, args) for args in (u, path, lambda t: 0.3 * jnp.ones(1) * t)]
    for value in values:
        assert float(jnp.abs(value - values[0]).max()) <= tol(x.dtype)
    with pytest.raises(ValueError, match="1 inputs"):
        field(1.0, x)
    with pytest.raises(ValueError, match="'wind'"):
        field(1.0, x, "wind")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: NN.MLP(0, 1, 8, 1, key=k), "in_size"),
        (lambda k: NN.MLP(2, 1, -8, 1, key=k), "-8"),
        (lambda k: NN.MLP(2, 1, 8, 1, activation="relu", key=k), "relu"),
        (lambda k: NN.MLP(2, 3, 8, 1, key=k).gradient(jnp.ones(2)), "got 3"),
        (lambda k: E.QuadraticEnergy(jnp.ones((2, 3))), r"\(2, 3\)"),
        (lambda k: F.PoissonField(E.MLPEnergy(2, 4, 1, key=k), jnp.eye(2)), "skew"),
        (lambda k: F.HamiltonianField(E.MLPEnergy(3, 4, 1, key=k))(0.0, jnp.ones(3)), "got 3"),
        (lambda k: F.initial_damping(2, -1.0, key=k), "-1.0"),
        (lambda k: F.NeuralField(2, 4, 1, input_dim=-1, key=k), "-1"),
    ],
)
def test_bad_arguments_are_named(make, message, getkey):
    with pytest.raises(ValueError, match=message):
        make(getkey())
