"""The energy is kept, or falls, for every step size; what each discrete gradient adds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField

STEPS = [I.Gonzalez(), I.MeanValue(), I.ItohAbe(), I.ItohAbe(symmetrised=True)]
steps = pytest.mark.parametrize("step", STEPS, ids=lambda s: s.info.name)
QUARTIC = E.FunctionEnergy(lambda t, x: x[0] ** 4 + 0.5 * x[1] ** 2 + x[0] * x[1] ** 2 / 4)


class Descent(AbstractField):
    """`x' = -grad V(x)`."""

    energy: AbstractEnergy

    @property
    def structure(self):
        return frozenset()

    def apply_structure(self, t, x, gradient, args=None):
        return -gradient

    def __call__(self, t, x, args=None):
        return -self.energy.gradient(t, x)


@steps
def test_energy_is_kept_for_long_and_short_steps(step):
    field = F.HamiltonianField(QUARTIC)
    xs = jr.normal(jr.key(0), (8, 2))

    @eqx.filter_jit
    def change(xs, h):
        ends = jax.vmap(lambda x: step(field, 0.0, x, h))(xs)
        return jnp.abs(jax.vmap(lambda x, y: QUARTIC(0.0, y) - QUARTIC(0.0, x))(xs, ends))

    for h in (0.3, 1e-3, 1e-8, 0.0):
        assert float(change(xs, jnp.asarray(h)).max()) <= tol(xs.dtype)
    single = change(xs.astype(jnp.float32), jnp.asarray(0.1, jnp.float32))
    assert float(single.max()) <= tol(jnp.float32)
    rest = step(field, 0.0, jnp.zeros(2), 0.1)  # an equilibrium: 0/0 in the quotients
    assert float(jnp.abs(rest).max()) <= tol(rest.dtype)
    rest_gradient = jax.grad(lambda x: step(field, 0.0, x, 0.1)[1])(jnp.zeros(2))
    assert bool(jnp.isfinite(rest_gradient).all())


@steps
def test_a_gradient_flow_falls_where_the_midpoint_rule_rises(step):
    """`V = softplus(8 x) - x / 2`, `h = 4` from -1.641: the midpoint rule goes from .82 to 1.94."""
    flow = Descent(E.FunctionEnergy(lambda t, x: jax.nn.softplus(8 * x[0]) - x[0] / 2))
    x = jnp.array([-1.641])
    middle = I.ImplicitMidpoint(50)(flow, 0.0, x, 4.0)
    assert float(flow.energy(0.0, middle)) > 1.9
    after = jax.jit(lambda x: step(flow, 0.0, x, 0.5))(x)
    assert float(flow.energy(0.0, after)) < float(flow.energy(0.0, x))


@steps
def test_damping_takes_energy_and_an_input_gives_it(step):
    field = F.PortHamiltonianField(QUARTIC, F.ConstantDamping(jnp.ones((1, 1))), jnp.ones((1, 1)))
    x, h = jnp.array([0.4, -0.8]), 0.2

    @eqx.filter_jit
    def ends(x):
        return step(field, 0.0, x, h), step(field, 0.0, x, h, jnp.array([-5.0]))

    free, driven = ends(x)
    assert float(QUARTIC(0.0, free)) < float(QUARTIC(0.0, x)) < float(QUARTIC(0.0, driven))


@pytest.mark.parametrize("step", STEPS[:2], ids=["Gonzalez", "MeanValue"])
def test_quadratic_energies_give_the_midpoint_rule(step):
    field = F.PoissonField(
        E.QuadraticEnergy(jnp.diag(jnp.array([1.0, 2.0, 3.0]))),
        jnp.array([[0.0, 1.0, -0.4], [-1.0, 0.0, 0.7], [0.4, -0.7, 0.0]]),
    )
    x = jnp.array([0.3, -0.5, 0.2])
    gap = step(field, 0.0, x, 0.5) - I.ImplicitMidpoint()(field, 0.0, x, 0.5)
    assert float(jnp.abs(gap).max()) <= tol(x.dtype)


@pytest.mark.parametrize("field", [F.SphereField, F.LowRankSphereField])
def test_on_spheres_they_stay_there(field):
    options = () if field is F.SphereField else (2,)
    field = field(4, *options, 8, 1, key=jr.key(0))
    x = jnp.array([0.3, -1.0, 0.5, 2.0])
    steps = I.Gonzalez(), I.MeanValue(2), I.ImplicitMidpoint()
    found = jax.jit(lambda x: [step(field, 0.0, x, 0.7) for step in steps])(x)
    assert float(jnp.linalg.norm(found[0] - x)) > 0.05
    for step, y in zip(steps, found, strict=True):
        assert T.verdict(step, field, T.NORM).status == T.EXACT
        assert abs(float(jnp.linalg.norm(y) - jnp.linalg.norm(x))) <= tol(x.dtype)
        np.testing.assert_allclose(y, found[-1], atol=tol(x.dtype))


def test_the_mean_value_keeps_total_momentum_and_gonzalez_does_not():
    potential = E.FunctionEnergy(lambda t, q: jnp.cosh(q[0] - q[1]) + (q[1] - q[0]) ** 3)
    field = F.mechanical_field(jnp.array([1.0, 3.0]), potential)
    x = jnp.array([0.4, -0.5, 0.2, 0.1])

    @eqx.filter_jit
    def momentum(step):
        return jnp.abs(jnp.sum(step(field, 0.0, x, 0.2)[2:]) - jnp.sum(x[2:]))

    assert float(momentum(I.MeanValue())) <= tol(x.dtype)
    assert float(momentum(I.Gonzalez())) > 1e-6


def test_discrete_gradients_are_ones():
    """`g(x, y) . (y - x) = H(y) - H(x)` and `g -> grad H`, one polynomial, closed forms."""
    x, y = jnp.array([0.3, -0.2]), jnp.array([0.5, 0.4])
    rules = [I.gonzalez_gradient, I.itoh_abe_gradient, lambda *a: I.mean_value_gradient(*a, 2)]
    for rule in rules:
        g = rule(QUARTIC, 0.0, x, y)
        assert float(abs(g @ (y - x) - (QUARTIC(0.0, y) - QUARTIC(0.0, x)))) <= tol(x.dtype)
        near = rule(QUARTIC, 0.0, x, x)
        # increments over eps^(1/3) of the size resolve a derivative to eps^(2/3), about 4e-11
        assert float(jnp.abs(near - QUARTIC.gradient(0.0, x)).max()) <= 1e-9
    first = (QUARTIC(0.0, jnp.stack([y[0], x[1]])) - QUARTIC(0.0, x)) / (y[0] - x[0])
    assert float(I.itoh_abe_gradient(QUARTIC, 0.0, x, y)[0]) == pytest.approx(float(first))
    # one point is exact for quadratics only, and the defect is of third order
    gaps = []
    for size in (1.0, 0.5):
        z = x + size * (y - x)
        g = I.mean_value_gradient(QUARTIC, 0.0, x, z, 1)
        gaps.append(float(abs(g @ (z - x) - (QUARTIC(0.0, z) - QUARTIC(0.0, x)))))
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(3, abs=0.6)


def test_missing_parts_and_bad_arguments_are_named():
    field = F.NeuralField(2, 4, 1, key=jr.key(0))
    with pytest.raises(ValueError, match="Gonzalez needs .*apply_structure and energy"):
        I.Gonzalez()(field, 0.0, jnp.ones(2), 0.1)
    with pytest.raises(ValueError, match="points.*0"):
        I.MeanValue(points=0)
    steep = F.HamiltonianField(E.FunctionEnergy(lambda t, x: jnp.exp(4 * x[0] ** 2) + x[1] ** 2))
    failed = I.Gonzalez(max_steps=1)(steep, 0.0, jnp.array([0.8, -0.6]), 0.5)
    assert bool(jnp.isnan(failed).all())
