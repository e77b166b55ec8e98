"""Losses against the same sums written as loops, and what they are for: finding parameters."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import tol

from dynnets.data import AbstractBatch, Trajectories
from dynnets.energies import KineticEnergy, QuadraticEnergy
from dynnets.fields import (
    AbstractField,
    HamiltonianField,
    SeparableHamiltonianField as Separable,
    input_at,
)
from dynnets.integrators import rollout, verlet_kdk, yoshida4
from dynnets.losses import (
    OneStepMatching,
    TrajectoryMatching,
    derivative_matching,
    flow_matching,
    flow_samples,
)
from dynnets.models import HNN, AbstractModel, NetworkFlow
from dynnets.networks import sympnet_la
from dynnets.training import FreeInitialStates, fit, index_trials

ADAM = optax.adam(optax.exponential_decay(0.1, 100, 0.2))


class Batch(AbstractBatch):
    ts: jax.Array
    xs: jax.Array
    us: jax.Array | None
    mask: jax.Array


class Points(AbstractBatch):
    t: jax.Array
    x: jax.Array
    dx: jax.Array
    u: jax.Array | None = None


class Model(AbstractModel):
    field: AbstractField

    @property
    def structure(self):
        return frozenset()

    def predict(self, x0, ts, args=None):
        return rollout(verlet_kdk, self.field, x0, ts, args).xs


class Forced(AbstractField):
    """q' = p, p' = -k q + t u_0 - u_1: depends on time and input."""

    stiffness: jax.Array
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x, args=None):
        u = input_at(t, args)
        force = 0 * x[0] if u is None else t * u[0] - u[1]
        return jnp.stack([x[1], -self.stiffness * x[0] + force])

    def kick(self, t, q, args=None):
        return self(t, jnp.concatenate([q, q]), args)[1:]

    def drift(self, t, p, args=None):
        return p


class Unbatched(AbstractField):
    """The same field, for one state only."""

    field: Forced

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x, args=None):
        assert x.shape == (2,)
        assert jnp.shape(t) == ()
        return self.field(t, x, args)


def oscillator(stiffness=2.0):
    potential = QuadraticEnergy(jnp.array([[stiffness]]))
    return Model(Separable(KineticEnergy(jnp.ones(1)), potential))


def irregular_times(key, trials, n):
    return jnp.cumsum(jr.uniform(key, (trials, n), minval=0.05, maxval=0.15), axis=1)


def make_batch(getkey, model=None, us=False, lengths=(7, 4, 6)):
    """Trials of different length; the padding holds nonsense that must not matter."""
    ts = irregular_times(getkey(), 3, 7)
    xs = jr.normal(getkey(), (3, 7, 2))
    mask = jnp.arange(7)[None, :] < jnp.array(lengths)[:, None]
    inputs = jr.normal(getkey(), (3, 7, 2)) if us else None
    return Batch(ts, xs, inputs, mask)


@pytest.mark.parametrize("has_input", [False, True])
@pytest.mark.parametrize("wrap", [lambda f: f, Unbatched])
def test_derivative_matching_is_the_mean_square(has_input, wrap, getkey):
    t, x, dx = jr.normal(getkey(), (5,)), jr.normal(getkey(), (5, 2)), jr.normal(getkey(), (5, 2))
    u = jr.normal(getkey(), (5, 2)) if has_input else None
    field = Forced(jnp.array(2.0))
    inputs = [None] * 5 if u is None else list(u)
    sums = [jnp.sum((field(t[i], x[i], inputs[i]) - dx[i]) ** 2) for i in range(5)]
    loss = derivative_matching(Model(wrap(field)), Points(t, x, dx, u), key=getkey())
    np.testing.assert_allclose(loss, sum(sums) / 10, rtol=tol(float))


def test_derivative_matching_refuses_other_shapes(getkey):
    with pytest.raises(ValueError, match=r"one shape.*\(5, 2\), \(4, 2\)"):
        derivative_matching(oscillator(), Points(jnp.ones(5), jnp.ones((5, 2)), jnp.ones((4, 2))))


def test_one_step_matching_is_the_mean_over_neighbours(getkey):
    model, batch = oscillator(), make_batch(getkey)
    squares = []
    for i, length in enumerate((7, 4, 6)):
        for k in range(length - 1):
            h = batch.ts[i, k + 1] - batch.ts[i, k]
            x = batch.xs[i, k]
            for _ in range(2):
                x = verlet_kdk(model.field, batch.ts[i, k], x, h / 2)
            squares.append((x - batch.xs[i, k + 1]) ** 2)
    loss = value_of(OneStepMatching(verlet_kdk, substeps=2), model, batch, getkey())
    np.testing.assert_allclose(loss, np.mean(squares), rtol=tol(float))


@eqx.filter_jit
def value_of(loss, model, batch, key):
    """Compiled, as `fit` calls it: an eager scan would be compiled anew at every call."""
    return loss(model, batch, key=key)


slope_of = eqx.filter_jit(
    eqx.filter_grad(lambda model, loss, batch: value_of(loss, model, batch, jr.key(0)))
)


def lerp(start, h, first, last):
    return lambda t: first + (t - start) / h * (last - first)


@pytest.mark.parametrize("inputs", ["linear", "zero_order_hold"])
@pytest.mark.parametrize("kind", ["one_step", "trajectory"])
def test_inputs_between_samples(kind, inputs, getkey):
    model, batch = Model(Forced(jnp.array(2.0))), make_batch(getkey, us=True, lengths=(7, 7, 7))
    squares = []
    for ts, xs, us in zip(batch.ts, batch.xs, batch.us, strict=True):
        x = xs[0]
        for k in range(6):
            h = ts[k + 1] - ts[k]
            u = us[k]
            if inputs == "linear":
                u = lerp(ts[k], h, us[k], us[k + 1])
            x = yoshida4(model.field, ts[k], xs[k] if kind == "one_step" else x, h, u)
            squares.append((x - xs[k + 1]) ** 2)
    loss = {"one_step": OneStepMatching, "trajectory": TrajectoryMatching}[kind]
    value = value_of(loss(yoshida4, inputs=inputs), model, batch, getkey())
    np.testing.assert_allclose(value, np.mean(squares), rtol=tol(float))


def test_trajectory_matching_is_the_mean_over_rollouts(getkey):
    model, batch = oscillator(), make_batch(getkey)
    scale = jnp.array([0.5, 3.0])
    roll = jax.jit(lambda x, t: rollout(verlet_kdk, model.field, x, t, substeps=3).xs)
    squares = []
    for ts, xs, length in zip(batch.ts, batch.xs, (7, 4, 6), strict=True):
        path = roll(xs[0], ts)[:length]
        squares.append((((path - xs[:length]) / scale[None, :]) ** 2)[1:])
    loss = TrajectoryMatching(verlet_kdk, substeps=3, scale=scale)
    value = value_of(loss, model, batch, getkey())
    np.testing.assert_allclose(value, np.mean(np.concatenate(squares)), rtol=tol(float))


def test_padding_changes_neither_value_nor_gradient(getkey):
    model, batch = oscillator(400.0), make_batch(getkey, lengths=(3, 4, 2))
    # rolled through, the padding would blow up: the step is far outside the stability region
    far = eqx.tree_at(lambda b: b.ts, batch, jnp.where(batch.mask, batch.ts, 1e6 * batch.ts))
    short = jax.tree.map(lambda a: a[:, :4], batch)
    for loss in (TrajectoryMatching(verlet_kdk), OneStepMatching(verlet_kdk)):
        values = [value_of(loss, model, b, jr.key(0)) for b in (far, short)]
        np.testing.assert_allclose(*values, rtol=tol(float))
        slopes = [jax.tree.leaves(slope_of(model, loss, b)) for b in (far, short)]
        for a, b in zip(*slopes, strict=True):
            np.testing.assert_allclose(a, b, rtol=tol(float))


def test_shared_times_agree_with_separate_rollouts(getkey):
    batch = make_batch(getkey, us=True, lengths=(7, 7, 7))
    batch = eqx.tree_at(lambda b: b.ts, batch, jnp.tile(batch.ts[:1], (3, 1)))
    model = Model(Forced(jnp.array(2.0)))
    for case in (batch, eqx.tree_at(lambda b: b.us, batch, None)):
        one, many = (
            value_of(TrajectoryMatching(yoshida4, shared_times=s), model, case, getkey())
            for s in (True, False)
        )
        np.testing.assert_allclose(one, many, rtol=tol(float))
    with pytest.raises(ValueError, match="features-first"):
        TrajectoryMatching(yoshida4, shared_times=True)(
            Model(Unbatched(model.field)), batch, key=getkey()
        )


def test_noise_moves_the_start_by_the_key(getkey):
    model, batch = oscillator(), make_batch(getkey)
    for make in (TrajectoryMatching, OneStepMatching):
        loss = make(verlet_kdk, noise=0.1)
        values = [float(value_of(loss, model, batch, jr.key(k))) for k in (0, 0, 1)]
        assert values[0] == values[1] != values[2]
        exact = value_of(make(verlet_kdk), model, batch, jr.key(0))
        assert values[0] != exact


def test_float32_is_kept(getkey):
    model, batch = (
        jax.tree.map(
            lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, (tree)
        )
        for tree in (Model(Forced(jnp.array(2.0))), make_batch(getkey, us=True))
    )  # fmt: skip
    for loss in (
        TrajectoryMatching(verlet_kdk, noise=0.1),
        OneStepMatching(verlet_kdk, substeps=2),
    ):
        out = eqx.filter_eval_shape(loss, model, batch, key=getkey())
        assert out.dtype == jnp.float32
    points = Points(batch.ts[0], batch.xs[0], batch.xs[1])
    assert derivative_matching(model, points, key=getkey()).dtype == jnp.float32


def rolled_batch(getkey, model, noise, trials=4, n=12):
    ts = irregular_times(getkey(), trials, n)
    starts = jr.normal(getkey(), (trials, 2))
    roll = jax.jit(jax.vmap(lambda x, t: rollout(yoshida4, model.field, x, t).xs))
    xs = roll(starts, ts)
    measured = xs + noise * jr.normal(getkey(), xs.shape)
    return starts, Batch(ts, measured, None, jnp.ones((trials, n), bool))


def test_free_initial_states_are_found_under_noise(getkey):
    truth = oscillator(3.0)
    starts, batch = rolled_batch(getkey, truth, noise=0.05)
    model = FreeInitialStates(oscillator(2.0), batch.xs[:, 0])
    result = fit(
        model, TrajectoryMatching(yoshida4), index_trials(batch), optax.adam(0.03),
        steps=400, key=getkey(), batch_size=2,
    )  # fmt: skip
    error = jnp.abs(result.model.initial_states - starts).max()
    assert error < jnp.abs(batch.xs[:, 0] - starts).max()
    stiffness = result.model.field.potential.gradient(0.0, jnp.ones(1))[0]
    assert abs(stiffness - 3.0) < 0.1  # noise of 0.05 on 48 samples
    assert result.model.model.field is not None


def test_free_initial_states_find_an_unobserved_momentum(getkey):
    truth = oscillator(3.0)
    starts, batch = rolled_batch(getkey, truth, noise=0.0)
    seen = eqx.tree_at(lambda b: b.xs, batch, batch.xs[..., :1])
    guess = jnp.concatenate([seen.xs[:, 0], jnp.zeros((4, 1))], axis=1)
    spec = eqx.tree_at(
        lambda m: m.initial_states,
        jax.tree.map(lambda _: False, FreeInitialStates(truth, guess)),
        True,
    )
    loss = TrajectoryMatching(yoshida4, observed=(0,))
    model = FreeInitialStates(truth, guess)
    result = fit(model, loss, seen, ADAM, steps=400, key=getkey(), filter_spec=spec)
    # noise-free and linear in the unknowns; 1e-3 is what Adam leaves
    np.testing.assert_allclose(result.model.initial_states, starts, atol=1e-3)
    with pytest.raises(ValueError, match="observed="):
        TrajectoryMatching(yoshida4)(model, seen, key=getkey())
    with pytest.raises(ValueError, match="4 free initial states, the batch 2"):
        loss(model, jax.tree.map(lambda a: a[:2], seen), key=getkey())


def test_derivative_matching_finds_a_quadratic_energy(getkey):
    matrix = jnp.array([[2.0, 0.3], [0.3, 1.0]])
    x = jr.normal(getkey(), (50, 2))
    dx = HamiltonianField(QuadraticEnergy(matrix))(0.0, x.T).T
    model = Model(HamiltonianField(QuadraticEnergy(jnp.eye(2))))
    data = Points(jnp.zeros(50), x, dx)
    result = fit(model, derivative_matching, data, ADAM, steps=400, key=getkey())
    found = result.model.field.energy.matrix
    np.testing.assert_allclose((found + found.T) / 2, matrix, atol=1e-3)  # what Adam leaves


@pytest.mark.parametrize("make", [OneStepMatching, TrajectoryMatching])
def test_wrong_options(make, getkey):
    with pytest.raises(ValueError, match="inputs must be one of.*'liner'.*linear"):
        make(verlet_kdk, inputs="liner")
    with pytest.raises(ValueError, match="substeps"):
        make(verlet_kdk, substeps=0)
    with pytest.raises(ValueError, match="noise"):
        make(verlet_kdk, noise=-1.0)
    short = jax.tree.map(lambda a: a[:, :1], make_batch(getkey))
    with pytest.raises(ValueError, match="at least two samples"):
        make(verlet_kdk)(oscillator(), short, key=getkey())


def test_initial_states_have_two_axes():
    with pytest.raises(ValueError, match=r"\(trials, d\), got \(2,\)"):
        FreeInitialStates(oscillator(), jnp.zeros(2))


def test_a_loss_that_does_not_fit_names_the_one_that_does():
    record = Trajectories.from_trials([jnp.arange(3.0)], [jnp.ones((3, 2))], phase="momenta")
    model = HNN(2, 4, 1, key=jr.key(0))
    net = NetworkFlow(sympnet_la(2, key=jr.key(0)), 0.1)
    with pytest.raises(ValueError, match="midpoint_derivatives"):
        derivative_matching(model, record)
    with pytest.raises(ValueError, match="NetworkFlow has no vector field: train it by flow_match"):
        TrajectoryMatching(verlet_kdk)(net, record, key=jr.key(0))
    with pytest.raises(ValueError, match="HNN is no flow"):
        flow_matching(model, flow_samples(record))
    with pytest.raises(ValueError, match="flow_samples"):
        flow_matching(net, record)
