"""SympFlow: symplectic for all weights, and the exact flow of the energy that it computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from jaxtyping import Array

from dynnets.analysis import certify
from dynnets.integrators import rollout
from dynnets.models import ExactFlow, NeuralFlow, SympFlow
from dynnets.structure import (
    REVERSIBLE,
    ROWS,
    SYMPLECTIC,
    VOLUME,
    structure_of,
    symplecticity_defect,
    volume_defect,
)
from dynnets.training import load_model, save_model

TIMES = (-0.3, 0.0, 0.5, 1.0, 7.0)


def random_flow(layers=3, dim=4, dt=1.0, key=0):
    """A flow whose biases are not zero."""
    flow = SympFlow(dim, 6, layers, dt=dt, key=jr.key(key))
    leaves, tree = jax.tree.flatten(flow)
    keys = jr.split(jr.key(key + 1), len(leaves))
    noisy = [a + 0.3 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(tree, noisy)


FLOW = random_flow()
X = jr.normal(jr.key(5), (4,))
call = eqx.filter_jit(lambda flow, t, x: flow(t, x))


@pytest.mark.parametrize("t", TIMES)
def test_symplectic_for_all_weights(t):
    function = eqx.filter_jit(lambda x: call(FLOW, t, x))
    assert symplecticity_defect(function, X) < 1e-12
    assert volume_defect(function, X) < 1e-12


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_identity_at_time_zero_bit_for_bit(dtype):
    flow = jax.tree.map(lambda a: a.astype(dtype), FLOW)
    for x in (X, jr.normal(jr.key(6), (4, 33))):
        x = x.astype(dtype)
        y = call(flow, 0.0, x)
        assert y.dtype == dtype and bool((y == x).all())


@pytest.mark.parametrize("t", TIMES)
def test_inverse_is_exact(t):
    there_and_back = eqx.filter_jit(lambda f, t, x: f.inverse(t, f(t, x)))
    assert jnp.abs(there_and_back(FLOW, t, X) - X).max() < 1e-13


@pytest.mark.parametrize("layers", [1, 3, 9])
def test_it_is_the_exact_flow_of_its_hamiltonian(layers):
    """The key test: it ties the composition formula, its order and all signs."""
    flow = random_flow(layers)

    @eqx.filter_jit
    def defect(flow, t, x0):
        x, rate = flow.velocity(t, x0)
        return jnp.abs(rate - flow.field(t, x)).max()

    for t in (0.0, 0.3, 0.99):
        assert defect(flow, t, X) < 1e-10
    assert defect(flow, jnp.array([0.1, 0.9]), jr.normal(jr.key(1), (4, 2))) < 1e-10


def test_along_and_pull_back_agree():
    x0, t = jr.normal(jr.key(1), (4, 5)), jr.uniform(jr.key(2), (5,))
    x, energy = FLOW.along(t, x0)
    assert jnp.abs(x - FLOW(t, x0)).max() < tol(x.dtype)
    assert jnp.abs(energy - FLOW.hamiltonian(t, x)).max() < tol(x.dtype)
    (x, _), (rate, _) = FLOW.velocity_along(t, x0)
    for a, b in zip((x, rate), FLOW.velocity(t, x0), strict=True):
        assert jnp.abs(a - b).max() < tol(x.dtype)


class Square(eqx.Module):
    """`V(t, q) = t q^2 / 2` in the place of a net."""

    one: Array

    def impulse(self, t, q):
        return self.one * t * q, self.one * jnp.sum(q**2, axis=0) / 2


def test_closed_form_of_two_quadratic_shears():
    flow = eqx.tree_at(
        lambda f: f.potentials, SympFlow(2, 3, 1, key=jr.key(0)), Square(jnp.ones((1, 2)))
    )
    q, p, t = 0.7, -0.4, 0.6
    x = jnp.array([q, p])
    kicked = p - t * q
    assert jnp.abs(flow(t, x) - jnp.array([q + t * kicked, kicked])).max() < 1e-15
    expected = p**2 / 2 + (q - t * p) ** 2 / 2
    assert jnp.abs(flow.hamiltonian(t, x) - expected) < 1e-15


def test_a_constant_of_the_energy_changes_no_orbit():
    moved = eqx.tree_at(lambda f: f.offset, FLOW, FLOW.offset + 2.0)
    assert bool((moved(0.7, X) == FLOW(0.7, X)).all())
    assert jnp.abs(moved.hamiltonian(0.7, X) - FLOW.hamiltonian(0.7, X) - 2).max() < 1e-14


def test_extension_is_continuous_and_the_forecast_is_it():
    flow = random_flow(dt=0.25)
    extend = eqx.filter_jit(lambda t, x: flow.extend(t, x))
    for k in (1, 2, 5):
        low, high = extend(0.25 * k - 1e-9, X), extend(0.25 * k + 1e-9, X)
        assert jnp.abs(low - high).max() < 1e-6
    assert jnp.abs(extend(0.5, X) - flow(0.25, flow(0.25, X))).max() < 1e-13
    ts = jnp.array([2.0, 2.1, 2.25, 3.3, 3.31])
    xs = flow.predict(X, ts)
    assert bool((xs[0] == X).all())
    for t, x in zip(ts, xs, strict=True):
        assert jnp.abs(extend(t - 2.0, X) - x).max() < 1e-12
    batch = flow.predict(jnp.stack([X, 2 * X], axis=1), ts)
    assert jnp.abs(batch[:, :, 0] - xs).max() < 1e-12
    columns = extend(jnp.array([0.1, 1.3]), jnp.stack([X, X], axis=1))
    assert jnp.abs(columns[:, 1] - extend(1.3, X)).max() < 1e-12
    assert jnp.abs(columns[:, 0] - extend(0.1, X)).max() < 1e-12


def test_propagation_is_a_group_and_a_step():
    flow = random_flow(dt=0.25)
    go = eqx.filter_jit(lambda t, x, h: flow.propagate(t, x, h))
    y = go(0.1, X, 0.8)
    assert jnp.abs(go(0.9, y, -0.8) - X).max() < 1e-12
    assert jnp.abs(go(0.4, go(0.1, X, 0.3), 0.5) - y).max() < 1e-12
    step, field = flow.step, flow.field
    assert structure_of(step, field) == {SYMPLECTIC, VOLUME, REVERSIBLE} == flow.structure
    back = eqx.filter_jit(step.inverse)(field, 0.1, y, 0.8)
    assert jnp.abs(back - X).max() < 1e-12
    xs = eqx.filter_jit(rollout)(step, field, X, (0.2, 5)).xs
    assert jnp.abs(xs[-1] - flow.extend(1.0, X)).max() < 1e-12
    with pytest.raises(ValueError, match="propagate"):
        ExactFlow()(NeuralFlow(2, 3, 1, key=jr.key(0)), 0.0, X, 0.1)


def test_certificate_holds():
    certificate = certify(FLOW, states=X[None], h=0.3, steps=4)
    assert certificate.holds
    names = {(line.name, line.grade, line.holds) for line in certificate.lines}
    for tag in (SYMPLECTIC, VOLUME, REVERSIBLE):
        assert (tag.name, "by construction", True) in names
        assert (tag.name, "sampled", True) in names
    assert SYMPLECTIC in ROWS


def test_saved_and_loaded_bit_for_bit(tmp_path):
    save_model(tmp_path / "flow", FLOW)
    loaded = load_model(tmp_path / "flow", SympFlow)
    assert bool((loaded(0.7, X) == FLOW(0.7, X)).all())
    assert loaded.structure == FLOW.structure


def test_many_layers_are_a_loop():
    """Above a few layers the scan is not unrolled: the program stops growing."""

    def size(layers):
        flow = SympFlow(2, 3, layers, key=jr.key(0))
        return len(str(jax.make_jaxpr(lambda x: flow(0.5, x))(jnp.ones(2))))

    assert size(40) < 1.2 * size(9)


def test_bad_sizes_and_times_are_refused():
    for arguments in ((3, 4, 2), (2, 0, 2), (2, 4, 0)):
        with pytest.raises(ValueError, match="got"):
            SympFlow(*arguments, key=jr.key(0))
    for dt in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="dt must be positive"):
            SympFlow(2, 4, 2, dt=dt, key=jr.key(0))
    with pytest.raises(ValueError, match="-0.5"):
        FLOW.extend(-0.5, X)
    with pytest.raises(ValueError, match="finite"):
        FLOW.predict(jnp.full(4, jnp.nan), jnp.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="increase"):
        FLOW.predict(X, jnp.array([0.0, 0.0]))
    with pytest.raises(ValueError, match="even dimension"):
        FLOW(0.5, jnp.ones(3))


def test_lowers_for_every_platform():
    exported = jax.export.export(
        jax.jit(lambda x: FLOW.extend(3.3, x)), platforms=["cpu", "cuda", "tpu"]
    )(X)
    assert exported.out_avals[0].shape == X.shape
