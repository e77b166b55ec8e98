"""Losses of learned flows, the regions that fresh points come from, and time marching."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import tol

from dynnets.data import AbstractBatch
from dynnets.fields import NeuralField
from dynnets.losses import Box, FlowResidual, FlowSamples, StatePool, flow_matching, flow_samples
from dynnets.models import AbstractFlow, NeuralFlow, SympFlow
from dynnets.systems import Harmonic, HenonHeiles
from dynnets.training import fit, march, stack_models, unstack

SYSTEM = Harmonic()
BOX = Box(-jnp.ones(2), jnp.ones(2))


@eqx.filter_jit
def value_of(loss, model, key):
    """Compiled, as `fit` calls it."""
    return loss(model, BOX, key=key)


class Exact(AbstractFlow):
    """The true flow, which knows the true energy."""

    dt: float = eqx.field(static=True, default=1.0)

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x0):
        q, p = x0[:1], x0[1:]
        t = jnp.broadcast_to(t, q.shape)
        return jnp.concatenate([q * jnp.cos(t) + p * jnp.sin(t), p * jnp.cos(t) - q * jnp.sin(t)])

    def hamiltonian(self, t, x):
        return SYSTEM.energy(t, x)


def test_the_exact_flow_has_no_residual():
    loss = FlowResidual(SYSTEM.field, 50, matching=1.0, conservation=1.0)
    assert value_of(loss, Exact(), jr.key(0)) < 1e-28


def test_every_term_is_the_mean_square(getkey):
    key, flow = getkey(), SympFlow(2, 4, 2, key=getkey())
    loss = FlowResidual(SYSTEM.field, 40, (-0.2, 0.7), matching=3.0, conservation=0.5)
    bare, matching = jr.split(key)
    t, x0 = loss.draw(bare, BOX)
    assert -0.2 <= t.min() and t.max() < 0.7 and jnp.abs(x0).max() <= 1 and x0.shape == (2, 40)
    energy, one = SYSTEM.energy, eqx.filter_jit(lambda flow, t, x: flow.velocity(t, x))
    total = 0.0
    for i in range(40):
        x, rate = one(flow, t[i], x0[:, i])
        total += jnp.sum((rate - SYSTEM.field(t[i], x)) ** 2) / 2
        total += 0.5 * (energy(0.0, x) - energy(0.0, x0[:, i])) ** 2
    t, x = loss.draw(matching, BOX)
    total += 3 * jnp.sum((flow.hamiltonian(t, x) - energy(0.0, x)) ** 2)
    np.testing.assert_allclose(value_of(loss, flow, key), total / 40, rtol=tol(float))


def test_shared_points_match_where_the_flow_leads(getkey):
    key, flow = getkey(), SympFlow(2, 4, 2, key=getkey())
    loss = FlowResidual(SYSTEM.field, 40, matching=1.0, shared=True)
    bare = FlowResidual(SYSTEM.field, 40)
    t, x0 = loss.draw(jr.split(key)[0], BOX)
    x = flow(t, x0)
    match = jnp.mean((flow.hamiltonian(t, x) - SYSTEM.energy(0.0, x)) ** 2)
    np.testing.assert_allclose(
        value_of(loss, flow, key), value_of(bare, flow, key) + match, rtol=tol(float)
    )


def test_points_are_fresh_at_every_key():
    flow, loss = SympFlow(2, 4, 2, key=jr.key(0)), FlowResidual(SYSTEM.field, 40)
    values = {float(value_of(loss, flow, jr.key(i))) for i in range(3)}
    assert len(values) == 3


def test_fit_lowers_the_loss_in_the_models_precision():
    system = HenonHeiles()
    flow = jax.tree.map(lambda a: a.astype(jnp.float32), SympFlow(4, 6, 2, key=jr.key(0)))
    pool = StatePool(0.3 * jr.normal(jr.key(1), (500, 4), jnp.float32))
    loss = FlowResidual(system.field, 64, matching=1.0, shared=True)
    run = fit(flow, loss, pool, optax.adam(1e-2), steps=60, key=jr.key(2))
    assert run.history.loss.dtype == jnp.float32
    assert run.history.loss[-10:].mean() < 0.5 * run.history.loss[:5].mean()
    assert run.model.offset != 0


def test_draws_of_the_regions():
    box = Box(jnp.array([-1.0, 2.0]), jnp.array([0.0, 3.0]))
    x = box.draw(jr.key(0), 200)
    assert x.shape == (2, 200)
    assert bool(((x >= box.low[:, None]) & (x <= box.high[:, None])).all())
    assert jnp.abs(x.mean(axis=1) - jnp.array([-0.5, 2.5])).max() < 0.1
    states = jnp.arange(6.0).reshape(3, 2)
    drawn = StatePool(states).draw(jr.key(0), 100)
    assert drawn.shape == (2, 100) and set(drawn[0].tolist()) == {0.0, 2.0, 4.0}
    assert bool((drawn[1] == drawn[0] + 1).all())


class Record(AbstractBatch):
    ts: jax.Array
    xs: jax.Array
    mask: jax.Array


def test_segments_become_pairs_without_padding(getkey):
    ts = jnp.cumsum(jr.uniform(getkey(), (2, 4), minval=0.1), axis=1)
    xs = jr.normal(getkey(), (2, 4, 2))
    data = flow_samples(Record(ts, xs, jnp.array([[True] * 4, [True, True, False, False]])))
    assert data.t.shape == (4,) and data.x.shape == (4, 2)
    assert bool((data.t == jnp.append(ts[0, 1:] - ts[0, 0], ts[1, 1] - ts[1, 0])).all())
    assert bool((data.x0[3] == xs[1, 0]).all()) and bool((data.x[3] == xs[1, 1]).all())
    flow = NeuralFlow(2, 4, 1, key=getkey())
    value = sum(
        jnp.sum((flow(*pair[:2]) - pair[2]) ** 2)
        for pair in zip(data.t, data.x0, data.x, strict=True)
    )
    np.testing.assert_allclose(flow_matching(flow, data, key=None), value / 8, rtol=tol(float))
    with pytest.raises(ValueError, match="at least two samples"):
        flow_samples(Record(ts[:, :1], xs[:, :1], jnp.ones((2, 1), bool)))


def test_supervised_batches_go_through_fit(getkey):
    t, x0 = jr.uniform(getkey(), (60,)), jr.normal(getkey(), (60, 2))
    data = FlowSamples(t, x0, jax.vmap(SYSTEM.solution)(t, x0))
    flow = SympFlow(2, 6, 2, key=getkey())
    run = fit(flow, flow_matching, data, optax.adam(1e-2), steps=60, key=getkey(), batch_size=20)
    assert run.history.loss[-5:].mean() < 0.5 * run.history.loss[:5].mean()


def test_marching_joins_its_windows():
    make = lambda key: NeuralFlow(2, 8, 1, dt=0.5, amortised=False, key=key)  # noqa: E731
    x0, keys = jnp.array([1.0, 0.0]), jr.split(jr.key(0), 2)
    found = march(
        make, SYSTEM.field, x0, optax.adam(2e-2), windows=3, steps=150, keys=keys, points=50
    )
    assert len(found.runs) == 3
    for i in range(2):
        solution = unstack(found.model, i)
        assert bool((solution.starts[0] == x0).all()) and solution.starts.shape == (3, 2)
        assert jnp.abs(solution(0.5 - 1e-9) - solution(0.5)).max() < 1e-6
        ts = jnp.linspace(0.0, 1.5, 31)
        truth = jax.vmap(lambda t: SYSTEM.solution(t, x0), out_axes=-1)(ts)
        assert jnp.abs(solution(ts) - truth).max() < 0.1
    assert jnp.abs(unstack(found.model, 0)(1.0) - unstack(found.model, 1)(1.0)).max() > 0


def test_bad_arguments_are_refused():
    for options, message in (
        ({"points": 0}, "points"),
        ({"times": (1.0, 1.0)}, "interval"),
        ({"matching": -1.0}, "matching must be positive"),
        ({"conservation": float("nan")}, "conservation must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            FlowResidual(SYSTEM.field, **options)
    with pytest.raises(ValueError, match="no energy"):
        FlowResidual(NeuralField(2, 3, 1, key=jr.key(0)), matching=1.0)
    with pytest.raises(ValueError, match="NeuralFlow has no hamiltonian"):
        FlowResidual(SYSTEM.field, matching=1.0)(
            NeuralFlow(2, 3, 1, key=jr.key(0)), BOX, key=jr.key(0)
        )
    with pytest.raises(ValueError, match=r"low < high, got 1.0 and 1.0"):
        Box(jnp.array([0.0, 1.0]), jnp.array([1.0, 1.0]))
    with pytest.raises(ValueError, match="finite"):
        StatePool(jnp.full((2, 2), jnp.inf))
    make = lambda key: NeuralFlow(2, 3, 1, key=key)  # noqa: E731
    with pytest.raises(ValueError, match="windows"):
        march(make, SYSTEM.field, jnp.ones(2), None, windows=0, steps=1, keys=jr.split(jr.key(0)))


def test_seeds_train_in_one_program():
    flows = stack_models(lambda key: NeuralFlow(2, 4, 1, key=key), jr.split(jr.key(0), 3))
    run = fit(
        flows, FlowResidual(SYSTEM.field, 20, conservation=1.0), BOX, optax.adam(1e-2),
        steps=5, key=jr.key(1), ensemble=3,
    )  # fmt: skip
    assert run.history.loss.shape == (5, 3) and np.isfinite(run.history.loss).all()
