"""Densities by flows: volume, inverse, normalisation, and a bound that is exact where it can be."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import tol

from dynnets.data import Samples
from dynnets.energies import QuadraticEnergy
from dynnets.fields import NeuralField, SeparableHamiltonianField
from dynnets.integrators import explicit_euler, verlet_kdk
from dynnets.losses import NegativeBound, negative_log_likelihood
from dynnets.models import CouplingFlow, HamiltonianFlow, gaussian_kl, gaussian_log_density
from dynnets.networks import flow_network
from dynnets.nn import MLP
from dynnets.structure import SYMPLECTIC, VOLUME
from dynnets.training import fit


def grid(half, points):
    """Points of a square of the plane, `(2, points^2)`, and the area of a cell."""
    axis = np.linspace(-half, half, points)
    return jnp.asarray(np.stack(np.meshgrid(axis, axis)).reshape(2, -1)), (axis[1] - axis[0]) ** 2


@eqx.filter_jit
def density(flow, x):
    return flow.log_prob(x)


def integral(flow):
    """The integral of a density over the plane, by the rectangle rule."""
    points, cell = grid(9.0, 181)
    return np.sum(np.exp(density(flow, points))) * cell


@eqx.filter_jit
def normal_and_divergence(x, mean, log_deviation):
    wide = [jnp.broadcast_to(a[:, None], x.shape) for a in (mean, log_deviation)]
    zero = jnp.zeros_like(x)
    both = gaussian_log_density(x, *wide), gaussian_log_density(x, zero, zero)
    return *both, gaussian_kl(mean, log_deviation)


def test_normal_density_and_divergence_are_their_integrals():
    x, cell = grid(12.0, 401)
    mean, log_deviation = np.array([0.4, -0.3]), np.log(np.array([0.6, 1.3]))
    q, p, divergence = normal_and_divergence(x, jnp.asarray(mean), jnp.asarray(log_deviation))
    q, p = np.asarray(q), np.asarray(p)
    np.testing.assert_allclose(np.exp(q).sum() * cell, 1, atol=1e-12)
    np.testing.assert_allclose(divergence, (np.exp(q) * (q - p)).sum() * cell, atol=1e-10)
    assert float(normal_and_divergence(x, jnp.zeros(2), jnp.zeros(2))[2]) == 0


@eqx.filter_jit
def around(flow, x):
    """The Jacobian of the map from base to data, and the way there and back."""
    return jax.jacfwd(flow.network)(x), flow.network.inverse(flow.network(x))


def test_hamiltonian_flow_keeps_volume_and_is_inverted(getkey):
    flow, x = HamiltonianFlow(2, 3, 8, key=getkey()), jr.normal(getkey(), (4,))
    assert {VOLUME, SYMPLECTIC} <= flow.structure
    jacobian, again = around(flow, x)
    np.testing.assert_allclose(np.abs(np.linalg.det(jacobian)), 1, atol=1e-12)
    np.testing.assert_allclose(again, x, atol=1e-12)


@eqx.filter_jit
def from_base(flow, base):
    """Data, their density, the base's own, and the data by way of the flow but for its last."""
    scale = jnp.broadcast_to(flow.log_deviation[:, None], base.shape)
    own = gaussian_log_density(base, jnp.zeros_like(base), scale)
    x, last = flow.network(base), flow.network.depth - 1
    fields, sizes = flow.network.layer(last)
    near = flow.truncated(last).network(base)
    return x, flow.log_prob(x), own, verlet_kdk(fields[0], 0.0, near, sizes[0])


def test_joint_density_is_exact(getkey):
    """It integrates to one, and is that of the base point whatever the deviation of the base."""
    flow = HamiltonianFlow(1, 3, 8, key=getkey())
    flow = eqx.tree_at(lambda f: f.log_deviation, flow, jnp.asarray(np.array([0.3, -0.2])))
    np.testing.assert_allclose(integral(flow), 1, atol=1e-6)
    x, found, own, again = from_base(flow, flow.base_draws(5, key=getkey()))
    np.testing.assert_allclose(found, own, atol=1e-11)
    np.testing.assert_allclose(again, x, atol=1e-13)


@eqx.filter_jit
def quadratic_flow(key):
    """A flow of three quadratic energies and an affine momentum encoder."""

    def make(key):
        energies = (QuadraticEnergy(1 + jr.uniform(k, (1, 1))) for k in jr.split(key))
        return SeparableHamiltonianField(*energies)

    network = flow_network(make, 3, verlet_kdk, 0.4, key=key)
    flow = HamiltonianFlow(1, network=network, encoder=MLP(1, 2, 1, 0, key=key), key=key)
    return flow, jax.jacfwd(flow.network)(jnp.zeros(2))


def linear_flow(key):
    """The same with the exact momentum encoder of a base that is not round: `(flow, var(q))`."""
    scale = np.array([0.4, -0.5])
    flow, matrix = quadratic_flow(key)
    matrix = np.asarray(matrix) * np.exp(scale)
    (qq, qp), (_, pp) = matrix @ matrix.T
    layer = (np.array([[qp / qq], [0.0]]), np.array([0.0, np.log(pp - qp**2 / qq) / 2]))
    flow = eqx.tree_at(lambda f: f.log_deviation, flow, jnp.asarray(scale))
    exact = (tuple(jnp.asarray(a) for a in layer),)
    return eqx.tree_at(lambda f: f.encoder.layers, flow, exact), qq


@eqx.filter_jit
def bounds(flow, q, samples, keys):
    return jax.vmap(lambda key: flow.log_bound(q, samples=samples, key=key))(keys)


def test_bound_is_the_density_where_the_encoder_is_exact(getkey):
    flow, variance = linear_flow(getkey())
    q, keys = jnp.asarray(np.linspace(-2.0, 2.0, 7)[None]), jr.split(getkey(), 1000)
    exact = -(np.asarray(q[0]) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    for samples in (1, 5):
        found = bounds(flow, q, samples, keys[:1])[0]
        np.testing.assert_allclose(found, exact, atol=1e-12)
    np.testing.assert_allclose(bounds(flow, q[:, 0], 1, keys[:1])[0], exact[0], atol=1e-12)
    # any other encoder: below on average, by less the more momenta are drawn
    shifted = jnp.asarray(np.asarray(flow.encoder.layers[0][1]) + np.array([0.5, 0.0]))
    wrong = eqx.tree_at(lambda f: f.encoder.layers[0][1], flow, shifted)
    gaps = [np.mean(exact - np.asarray(bounds(wrong, q, n, keys))) for n in (1, 8, 64)]
    deviation = np.exp(np.asarray(flow.encoder.layers[0][1])[1])
    np.testing.assert_allclose(gaps[0], 0.5**2 / (2 * deviation**2), rtol=0.2)  # KL(f || p(p|q))
    assert gaps[0] > gaps[1] > gaps[2] > -0.01


@eqx.filter_jit
def couplings(flow, x):
    z, log_det = flow.inverse(x)
    jacobians = jax.vmap(jax.jacfwd(lambda y: flow.inverse(y)[0]), in_axes=1)(x)
    return flow.forward(z), log_det, jacobians, flow.log_prob(x[:, 0])


@pytest.mark.parametrize("dim", [2, 3])
def test_coupling_flow_is_the_change_of_variables(getkey, dim):
    flow, x = CouplingFlow(dim, 3, 8, 1, key=getkey()), jr.normal(getkey(), (dim, 4))
    again, log_det, jacobians, one = couplings(flow, x)
    np.testing.assert_allclose(again, x, atol=tol(x.dtype))
    np.testing.assert_allclose(np.linalg.slogdet(jacobians)[1], log_det, atol=1e-11)
    assert one.shape == ()
    if dim == 2:
        np.testing.assert_allclose(integral(flow), 1, atol=1e-6)


def test_training_raises_the_likelihood(getkey):
    points = jnp.asarray(0.5 * np.random.default_rng(0).standard_normal((64, 2)) + 1.0)
    hamiltonian = HamiltonianFlow(2, 2, 6, encoder_width=6, key=getkey())
    coupling = CouplingFlow(2, 2, 6, 1, key=getkey())
    for model, loss in ((hamiltonian, NegativeBound(2)), (coupling, negative_log_likelihood)):
        done = fit(model, loss, points, optax.adam(2e-2), steps=80, key=getkey())
        assert done.history.loss[-1] < done.history.loss[0] - 0.5


def test_refusals(getkey):
    field = lambda key: NeuralField(2, 4, 1, key=key)  # noqa: E731
    with pytest.raises(ValueError, match="keeps volume"):
        HamiltonianFlow(
            1, network=flow_network(field, 1, explicit_euler, 0.1, key=getkey()), key=getkey()
        )
    with pytest.raises(ValueError, match="dim must be"):
        CouplingFlow(1, key=getkey())
    flow = HamiltonianFlow(1, 2, 4, key=getkey())
    with pytest.raises(ValueError, match="2 steps, got depth=3"):
        flow.truncated(3)
    with pytest.raises(ValueError, match="samples"):
        NegativeBound(0)
    with pytest.raises(ValueError, match="points must be"):
        negative_log_likelihood(flow, jnp.zeros(3))


@eqx.filter_jit
def conditional(flow, x, condition):
    z, log_det = flow.inverse(x, condition)
    jacobian = jax.vmap(jax.jacfwd(lambda y, c: flow.inverse(y, c)[0]), (1, 1))(x, condition)
    return flow.forward(z, condition), log_det, jacobian, flow.log_prob(x, condition)


def test_conditional_density_is_the_change_of_variables_of_every_condition(getkey):
    flow = CouplingFlow(2, 3, 8, 1, condition_dim=3, key=getkey())
    x, condition = jr.normal(getkey(), (2, 4)), jr.normal(getkey(), (3, 4))
    again, log_det, jacobians, each = conditional(flow, x, condition)
    np.testing.assert_allclose(again, x, atol=tol(x.dtype))
    np.testing.assert_allclose(np.linalg.slogdet(jacobians)[1], log_det, atol=1e-11)
    one = flow.log_prob(x, condition[:, 1])
    np.testing.assert_allclose(one[1], each[1], atol=1e-12)
    assert abs(float(one[0] - each[0])) > 1e-3  # another condition, another density
    batch = Samples(jnp.zeros(4), x.T, x.T, condition.T)
    loss = negative_log_likelihood(flow, batch)
    np.testing.assert_allclose(loss, -np.mean(each), atol=1e-12)
    np.testing.assert_allclose(NegativeBound(2)(flow, batch, key=getkey()), loss, atol=1e-12)
    draws = flow.sample(key=jr.key(0), shape=(2, 3), condition=condition[:, 0])
    flat = flow.draws(6, condition[:, 0], key=jr.key(0))
    np.testing.assert_array_equal(draws.reshape(2, 6), flat)
    assert flow.sample(key=jr.key(0), condition=condition[:, 0]).shape == (2,)


def test_conditions_that_do_not_fit_are_refused(getkey):
    free, bound = CouplingFlow(2, 1, 4, 1, key=getkey()), HamiltonianFlow(1, 1, 4, key=getkey())
    given = CouplingFlow(2, 1, 4, 1, condition_dim=3, key=getkey())
    x = jnp.zeros((2, 4))
    for flow in (free, bound):
        with pytest.raises(ValueError, match=r"takes no condition, got one of shape \(3,\)"):
            flow.log_prob(x, jnp.zeros(3))
        with pytest.raises(ValueError, match="takes no condition"):
            flow.sample(key=getkey(), shape=(4,), condition=jnp.zeros(3))
    with pytest.raises(ValueError, match="needs a condition of size 3"):
        given.log_prob(x)
    with pytest.raises(ValueError, match=r"\(3,\) or \(3, 4\), got \(3, 5\)"):
        given.log_prob(x, jnp.zeros((3, 5)))
    with pytest.raises(ValueError, match="must be a tuple, got 5"):
        free.sample(key=getkey(), shape=5)
    with pytest.raises(ValueError, match="every entry of shape"):
        free.sample(key=getkey(), shape=(0,))
