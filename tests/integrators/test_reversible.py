"""Gradients that rebuild the trajectory: equal to stored ones, flat in memory, honest on drift."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.energies import FunctionEnergy, MLPEnergy
from dynnets.fields import HamiltonianField, SeparableHamiltonianField
from dynnets.integrators import (
    ImplicitMidpoint,
    Reversible,
    compose,
    reversible_scan,
    rollout,
    strang,
    symplectic_euler,
    undo_step,
    verlet_dkd,
    verlet_kdk,
    yoshida4,
)
from dynnets.systems import HenonHeiles


def _field(key):
    a, b = jr.split(key)
    return SeparableHamiltonianField(MLPEnergy(2, 8, 2, key=a), MLPEnergy(2, 8, 2, key=b))


class Driven(SeparableHamiltonianField):
    """A field whose parts depend on the time and on an amplitude in `args`."""

    def kick(self, t, q, args=None):
        return -self.potential.gradient(t, q) * (1 + args * jnp.sin(3 * t))

    def drift(self, t, p, args=None):
        return self.kinetic.gradient(t, p) * (1 + args * t**2)


def _driven(key):
    field = _field(key)
    return Driven(field.kinetic, field.potential)


def _deviation(a, b):
    """Largest difference between two gradients relative to the larger leaf."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(float(jnp.abs(x - y).max() / (jnp.abs(x).max() + 1e-30)) for x, y in pairs)


STEPS = (
    verlet_kdk,
    verlet_dkd,
    symplectic_euler,
    yoshida4,
    strang,
    compose([verlet_kdk, symplectic_euler], [0.5, 0.5]),
)


@pytest.mark.parametrize("substeps", [1, 3])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.info.name)
def test_gradients_equal_those_of_the_stored_trajectory(step, substeps, getkey):
    """With respect to parameters, initial states, irregular times and args, from all states."""
    field, x0 = _driven(getkey()), jr.normal(getkey(), (4, 3))
    if step is strang:
        field = _field(getkey())
    ts, weights = jnp.cumsum(jr.uniform(getkey(), (6,))), jr.normal(getkey(), (6, 4, 3))

    @eqx.filter_jit
    @eqx.filter_grad
    def gradient(varied, adjoint):
        field, x0, ts, amplitude = varied
        path = rollout(step, field, x0, ts, amplitude, substeps=substeps, adjoint=adjoint)
        return jnp.sum(weights * path.xs)

    varied = (field, x0, ts, jnp.asarray(0.3))
    assert _deviation(gradient(varied, None), gradient(varied, Reversible())) <= tol(x0.dtype)


def test_gradient_with_respect_to_the_width_of_the_step(getkey):
    field, x0 = _field(getkey()), jr.normal(getkey(), (4,))

    def end(h, adjoint):
        path = rollout(verlet_kdk, field, x0, (4 * h, 3), substeps=4, adjoint=adjoint)
        return jnp.sum(path.xs[-1] ** 2)

    stored, rebuilt = (jax.jit(jax.grad(lambda h, a=a: end(h, a)))(0.1) for a in _BOTH)
    assert abs(stored - rebuilt) <= tol(x0.dtype) * abs(stored)


_BOTH = (None, Reversible())


def _final(field, x0, steps, adjoint):
    path = rollout(verlet_kdk, field, x0, (0.02 * steps, 1), substeps=steps, adjoint=adjoint)
    return jnp.sum(path.xs[-1] ** 2)


def _temporary_bytes(steps, adjoint, field, x0):
    def gradients(varied):
        return eqx.filter_value_and_grad(lambda v: _final(*v, steps, adjoint))(varied)

    compiled = eqx.filter_jit(gradients).lower((field, x0)).compile()
    return compiled.compiled.memory_analysis().temp_size_in_bytes


def test_memory_does_not_grow_with_the_number_of_steps(getkey):
    field, x0 = _field(getkey()), jr.normal(getkey(), (4, 16))
    short, long = (_temporary_bytes(n, Reversible(), field, x0) for n in (1_000, 64_000))
    assert abs(long - short) <= 0.05 * short
    assert _temporary_bytes(1_000, None, field, x0) > 50 * short


def test_a_batch_by_vmap_and_a_static_field(getkey):
    """Nothing but the initial states varies; the adjoint is batched like everything else."""
    field, x0 = HenonHeiles().field, jax.vmap(HenonHeiles().sample)(jr.split(getkey(), 3))

    def gradient(adjoint):
        return jax.jit(jax.vmap(jax.grad(lambda x: _final(field, x, 50, adjoint))))(x0)

    assert _deviation(gradient(None), gradient(Reversible())) <= tol(x0.dtype)


def test_drift_is_reported_and_bounded_by_saved_states(getkey):
    field = HenonHeiles().field
    x0 = HenonHeiles().sample(getkey()).astype(jnp.float32)

    def drift(saved, substeps):
        adjoint = Reversible(monitor=True)
        path = eqx.filter_jit(rollout)(
            verlet_kdk, field, x0, (0.1 * substeps, saved), substeps=substeps, adjoint=adjoint
        )
        return float(path.drift)

    one, many = drift(1, 2000), drift(200, 10)
    assert 0 < one <= tol(jnp.float32)
    assert many < one


def test_tolerance_stops_a_run_whose_rebuilt_states_miss(getkey):
    field, x0 = HenonHeiles().field, jnp.array([0.1, 0.2, 0.3, 0.1])

    def gradient(tolerance):
        adjoint = Reversible(tolerance=tolerance)
        value = jax.jit(jax.grad(lambda x: _final(field, x, 500, adjoint)))(x0)
        return jax.block_until_ready(value)

    assert jnp.isfinite(gradient(1e-9)).all()
    with pytest.raises(Exception, match="not rebuilt within the tolerance"):
        gradient(1e-30)


def test_bad_input():
    field, x0 = HenonHeiles().field, jnp.ones(4)
    with pytest.raises(ValueError, match="ImplicitMidpoint has no exact inverse"):
        rollout(ImplicitMidpoint(), field, x0, (0.1, 3), adjoint=Reversible())
    with pytest.raises(ValueError, match="has no exact inverse"):
        undo_step(ImplicitMidpoint(), field, 0.0, x0, 0.1, None, x0)
    with pytest.raises(ValueError, match="tolerance must be positive"):
        Reversible(tolerance=0.0)
    whole = HamiltonianField(FunctionEnergy(lambda t, x: jnp.sum(x**2)))
    with pytest.raises(ValueError, match="offers drift and kick"):
        rollout(verlet_kdk, whole, x0, (0.1, 3), adjoint=Reversible())


def _stack(key, depth):
    """Layers `(field, h)` of learned separable fields and learned steps."""
    fields = eqx.filter_vmap(_field)(jr.split(key, depth))
    return fields, jnp.linspace(0.05, 0.2, depth)


def _forward(layer, x):
    field, h = layer
    return verlet_kdk(field, jnp.zeros_like(h), x, h)


def _inverse(layer, x):
    field, h = layer
    return verlet_kdk.inverse(field, jnp.zeros_like(h), x, h)


def _backward(layer, x, x_bar):
    field, h = layer
    x, (_, field_bar, _, x_bar, h_bar, _) = undo_step(
        verlet_kdk, field, jnp.zeros_like(h), x, h, None, x_bar
    )
    return x, (field_bar, h_bar), x_bar


@pytest.mark.parametrize("keep", [None, 4])
@pytest.mark.parametrize("backward", [None, _backward])
def test_stacked_layers(backward, keep, getkey):
    layers, x0 = _stack(getkey(), 12), jr.normal(getkey(), (4, 3))

    def stored(varied):
        layers, x0 = varied
        arrays, static = eqx.partition(layers, eqx.is_array)
        one = lambda x, layer: (_forward(eqx.combine(layer, static), x), None)  # noqa: E731
        return jnp.sum(jax.lax.scan(one, x0, arrays)[0] ** 3)

    def rebuilt(varied):
        out = reversible_scan(
            _forward, _inverse, *varied, backward=backward, keep=keep, tolerance=1e-9
        )
        return jnp.sum(out**3)

    one, other = (eqx.filter_jit(eqx.filter_grad(f))((layers, x0)) for f in (stored, rebuilt))
    assert _deviation(one, other) <= tol(x0.dtype)


def test_bad_stacks(getkey):
    layers, x0 = _stack(getkey(), 6), jnp.ones(4)
    with pytest.raises(ValueError, match="keep must divide the depth 6, got 4"):
        reversible_scan(_forward, _inverse, layers, x0, keep=4)
    with pytest.raises(ValueError, match="first axis of one length"):
        reversible_scan(_forward, _inverse, (layers[0], jnp.ones(3)), x0)
