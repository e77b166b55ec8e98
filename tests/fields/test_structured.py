"""The structured families: their property on random weights, closed forms, flows, refusals."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from hypothesis import given, settings, strategies as st

from dynnets import energies as E, fields as F, nn as NN
from dynnets.structure import DISSIPATIVE, NON_EXPANSIVE, NORM, ORTHOGONAL, SUM, VOLUME

DTYPES = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["f32", "f64"])


def shaken(tree, dtype, key):
    """The same module with every weight random, biases included."""
    leaves, structure = jax.tree.flatten(tree)
    keys = jr.split(key, len(leaves))
    leaves = [jr.normal(k, leaf.shape, dtype) for k, leaf in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, leaves)


def largest(x):
    return float(jnp.abs(x).max())


@DTYPES
@pytest.mark.parametrize("activation", NN.MONOTONE_ACTIVATIONS)
def test_ridge_fields_are_gradients_of_convex_functions(activation, dtype, getkey):
    field = F.NonExpansiveField(4, 6, activation=activation, key=getkey())
    field = shaken(field, dtype, getkey())
    assert field.structure == {NON_EXPANSIVE, DISSIPATIVE} and field.gradient_flow
    x = jr.normal(getkey(), (4,), dtype)
    value, slope = jax.value_and_grad(field.energy, argnums=1)(0.0, x)
    assert value.dtype == dtype
    jacobian = jax.jacfwd(lambda y: field(0.0, y))(x)
    slack = tol(dtype, float(field.nu) + 1)
    assert largest(slope + field(0.0, x)) <= slack
    assert largest(jacobian - jacobian.T) <= slack
    low, high = field.curvature
    spectrum = jnp.linalg.eigvalsh(-(jacobian + jacobian.T) / 2)
    assert float(low) - slack <= float(spectrum[0])
    assert float(spectrum[-1]) <= float(high) + slack
    assert float(high) == pytest.approx(float(field.nu), rel=1e-5)


def test_nu_is_attained_and_low_curvature_needs_a_tall_matrix(getkey):
    field = shaken(
        F.NonExpansiveField(3, 5, activation="identity", key=getkey()), jnp.float64, getkey()
    )
    xs = jr.normal(getkey(), (2, 3))
    weight = field.energy.weight
    jacobian = jax.jacfwd(lambda y: field(0.0, y))(xs[0])
    assert float(jnp.linalg.norm(jacobian, 2)) == pytest.approx(float(field.nu), rel=1e-13)
    assert float(field.lipschitz) == pytest.approx(float(jnp.linalg.norm(weight, 2)) ** 2)
    assert float(field.curvature[0]) > 0
    wide = F.NonExpansiveField(5, 3, activation="half_relu", key=getkey())
    assert float(wide.curvature[0]) == 0.0


def test_expansive_field_climbs_what_the_other_descends(getkey):
    down, up = (family(3, 5, key=jr.key(0)) for family in (F.NonExpansiveField, F.ExpansiveField))
    x = jr.normal(getkey(), (3,))
    assert bool((up(0.0, x) == -down(0.0, x)).all())
    assert up.structure == frozenset() and up.energy is None
    assert float(up.nu) == float(down.nu) == pytest.approx(1.0)


def test_gradient_field_descends(getkey):
    field = F.GradientField(E.MLPEnergy(3, 8, 2, key=getkey()))
    x = jr.normal(getkey(), (3,))
    assert field.structure == {DISSIPATIVE}
    rate = jax.jvp(lambda y: field.energy(0.0, y), (x,), (field(0.0, x),))[1]
    assert float(rate) == pytest.approx(-float(field(0.0, x) @ field(0.0, x)), rel=1e-12)


@DTYPES
def test_antisymmetric_spectrum(dtype, getkey):
    for damping in (0.0, 0.7):
        field = F.AntisymmetricField(5, damping=damping, key=getkey())
        field = shaken(field, dtype, getkey())
        x = jr.normal(getkey(), (5,), dtype)
        jacobian = jax.jacfwd(lambda y, f=field: f(0.0, y))(x)
        slopes = 1 - field(0.0, x) ** 2
        real = jnp.linalg.eigvals(jacobian).real
        slack = tol(dtype, 10.0)
        assert float(real.max()) <= -damping * float(slopes.min()) + slack
        assert float(real.min()) >= -damping * float(slopes.max()) - slack
        assert float(jnp.linalg.norm(jacobian, 2)) <= float(field.lipschitz) * (1 + slack)
        if VOLUME in field.structure:
            assert largest(jnp.diagonal(jacobian)) == 0.0
    assert field.structure == frozenset()
    with pytest.raises(ValueError, match="damping.*-0.1"):
        F.AntisymmetricField(3, damping=-0.1, key=getkey())


@given(n1=st.integers(1, 4), n2=st.integers(1, 4))
@settings(max_examples=4, deadline=None)
def test_shears_keep_volume_and_undo_themselves(n1, n2):
    a, b, c = jr.split(jr.key(n1 + 7 * n2), 3)
    field = shaken(F.ShearField(n1, n2, 6, key=a), jnp.float64, b)
    x = jr.normal(c, (n1 + n2,))

    def layer(x, h):
        for flow in field.flows if h > 0 else field.flows[::-1]:
            x = flow(0.0, x, h)
        return x

    jacobian = jax.jit(jax.jacfwd(lambda y: layer(y, 1.3)))(x)
    assert abs(float(jnp.linalg.slogdet(jacobian)[1])) <= 1e-12
    assert largest(layer(layer(x, 1.3), -1.3) - x) <= 1e-12
    assert largest(jnp.diagonal(jax.jacfwd(lambda y: field(0.0, y))(x))) == 0.0
    parts = sum(jax.jvp(lambda h, f=f: f(0.0, x, h), (0.0,), (1.0,))[1] for f in field.flows)
    assert largest(parts - field(0.0, x)) <= tol(x.dtype)


def test_shear_refuses_a_state_of_another_size(getkey):
    field = F.ShearField(2, 3, 4, key=getkey())
    assert field.structure == {VOLUME}
    with pytest.raises(ValueError, match=r"2 \+ 3 components, got 4"):
        field(0.0, jnp.ones(4))


@DTYPES
@pytest.mark.parametrize("shape", [(4,), (4, 3)], ids=["one", "many"])
def test_mass_moves_between_components_only(shape, dtype, getkey):
    weights = jr.normal(getkey(), (4,), dtype)
    for g in (None, weights):
        field = F.SumPreservingField(4, 8, 1, weights=g, key=getkey())
        field = shaken(field, dtype, getkey())
        field = field if g is None else jax.tree.map(lambda a: a, field)
        g = jnp.ones(4, dtype) if g is None else field.weights
        x = jr.normal(getkey(), shape, dtype)
        rate, fluxes = field(0.0, x), field.fluxes(x)
        dense = jnp.einsum("ij...,j->i...", fluxes, g)
        assert largest(rate - dense) <= tol(dtype, 10.0)
        assert largest(jnp.einsum("i...,i->...", rate, g)) <= tol(dtype, 10.0)
    assert field.structure == frozenset()
    assert F.SumPreservingField(4, 8, 1, key=getkey()).structure == {SUM}


def test_mass_sources_and_bad_weights(getkey):
    field, u = F.SumPreservingField(3, 4, 1, key=getkey()), jnp.array([0.1, 0.0, -0.4])
    x = jr.normal(getkey(), (3, 2))
    assert jnp.allclose(jnp.sum(field(0.0, x, u), axis=0), jnp.sum(u), atol=1e-14)
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        F.SumPreservingField(3, 4, 1, weights=jnp.ones(2), key=getkey())
    with pytest.raises(ValueError, match="at least 2, got 1"):
        F.SumPreservingField(1, 4, 1, key=getkey())


def sphere_fields(d, key):
    yield F.SphereField(d, 6, 1, key=key)
    yield F.LowRankSphereField(d, 2, 6, 1, key=key)
    yield F.RotationField(d, 6, 1, key=key)


@DTYPES
@pytest.mark.parametrize("d", [2, 5])
def test_sphere_fields_are_tangential(d, dtype, getkey):
    for field in sphere_fields(d, getkey()):
        field = shaken(field, dtype, getkey())
        assert NORM in field.structure
        x = jr.normal(getkey(), (d, 3), dtype)
        rate = field(0.0, x)
        assert largest(jnp.sum(x * rate, axis=0)) <= tol(dtype, 10.0)
        assert largest(field(0.0, x[:, 0]) - rate[:, 0]) <= tol(dtype, 10.0)
        if field.skew is not None:
            skew = field.skew(0.0, x[:, 0])
            assert bool((skew == -skew.T).all())
            assert largest(skew @ x[:, 0] - rate[:, 0]) <= tol(dtype, 10.0)


@DTYPES
@pytest.mark.parametrize("d", [2, 3, 4])
def test_rotations_are_the_exact_flows_of_their_parts(d, dtype, getkey):
    field = shaken(F.RotationField(d, 6, 1, key=getkey()), dtype, getkey())
    x = jr.normal(getkey(), (d,), dtype)
    rates = [jax.jvp(lambda h, f=f: f(0.0, x, h), (0.0,), (1.0,))[1] for f in field.flows]
    assert largest(sum(rates) - field(0.0, x)) <= tol(dtype, 10.0)
    for flow in field.flows:
        step = jax.jit(lambda y, h, flow=flow: flow(0.0, y, h))
        ahead = step(x, 2.0)
        assert largest(step(step(x, 0.7), 1.3) - ahead) <= tol(dtype, 10.0)  # a flow, not a step
        assert largest(step(ahead, -2.0) - x) <= tol(dtype, 10.0)
        assert float(jnp.linalg.norm(ahead) / jnp.linalg.norm(x)) == pytest.approx(
            1, abs=tol(dtype)
        )
        determinant = jnp.linalg.det(jax.jacfwd(lambda y, s=step: s(y, 2.0))(x))
        assert float(determinant) == pytest.approx(1, abs=tol(dtype, 100.0))


@DTYPES
def test_orthogonal_flow_field(dtype, getkey):
    field = shaken(F.OrthogonalFlowField(4, 2, 6, 1, key=getkey()), dtype, getkey())
    assert field.structure == {ORTHOGONAL, NORM} and not field.features_first
    q = jr.normal(getkey(), (4, 2), dtype)
    product = q.T @ field(0.0, q)
    assert largest(product + product.T) <= tol(dtype, 10.0)
    assert largest(field.skew(0.0, q) @ q - field(0.0, q)) == 0.0


def test_activations_of_slope_below_zero_are_refused(getkey):
    with pytest.raises(ValueError, match="activation.*'sin'"):
        F.NonExpansiveField(3, 4, activation="sin", key=getkey())
