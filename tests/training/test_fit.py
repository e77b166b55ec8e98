import os
import signal

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import tol

from dynnets.training import FitInterrupted, Status, fit, stack_models, unstack

ADAM = optax.adam(0.05)  # one object: runs of equal shape share the compiled program


class Line(eqx.Module):
    """A small model: y = x W^T + b, with an integer array that nobody may touch."""

    weight: jax.Array
    bias: jax.Array
    count: jax.Array

    def __init__(self, key, dtype=float):
        self.weight = jr.normal(key, (2, 3), dtype)
        self.bias = jnp.zeros(2, dtype)
        self.count = jnp.arange(3)


def square_loss(model, batch, *, key):
    predicted = batch["x"] @ model.weight.T + model.bias[None, :]
    return jnp.mean((predicted - batch["y"]) ** 2)


def noisy_loss(model, batch, *, key):
    shift = jr.normal(key, model.bias.shape, model.bias.dtype) / 10
    return square_loss(eqx.tree_at(lambda m: m.bias, model, model.bias + shift), batch, key=key)


def make_data(key=3, samples=20, dtype=float):
    x = jr.normal(jr.key(key), (samples, 3), dtype)
    return {"x": x, "y": jnp.sin(x[:, :2])}


def equal(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(np.asarray(x), np.asarray(y)) for x, y in leaves)


def run(**options):
    defaults = {"steps": 25, "key": jr.key(1)}
    model = options.pop("model", None) or Line(jr.key(0))
    loss = options.pop("loss", square_loss)
    data = options.pop("data", None) or make_data()
    optimiser = options.pop("optimiser", None) or ADAM
    return fit(model, loss, data, optimiser, **(defaults | options))


def by_hand(model, data, optimiser, steps):
    params, frozen = eqx.partition(model, eqx.is_inexact_array)
    inner = optimiser.init(params)

    @jax.jit
    def step(params, inner):
        grads = jax.grad(lambda p: square_loss(eqx.combine(p, frozen), data, key=None))(params)
        with jax.numpy_dtype_promotion("standard"):
            updates, inner = optimiser.update(grads, inner, params)
        return optax.apply_updates(params, updates), inner

    for _ in range(steps):
        params, inner = step(params, inner)
    return eqx.combine(params, frozen)


def test_agrees_with_a_loop_by_hand():
    model, data = Line(jr.key(0)), make_data()
    result = run(model=model, data=data)
    expected = by_hand(model, data, ADAM, 25)
    np.testing.assert_allclose(result.model.weight, expected.weight, atol=tol(float))
    assert result.status == Status.COMPLETED
    assert (result.step, result.diverged) == (25, False)
    assert result.history.loss.shape == (25,)
    assert result.best_value is None
    assert equal(result.best_model, result.model)


def test_is_traced_once_and_leaves_the_users_arrays_alone():
    model, data = Line(jr.key(0)), make_data()
    before = jax.tree.map(np.array, (model, data))
    loss = chex.assert_max_traces(square_loss, n=1)
    run(
        model=model,
        data=data,
        loss=loss,
        chunk=7,
        evaluate_every=4,
        validation=make_data(5),
        validation_loss=square_loss,
    )
    assert equal(before, (model, data))  # also: no buffer was donated


def test_chunks_do_not_change_the_result():
    results = [run(loss=noisy_loss, batch_size=6, chunk=chunk) for chunk in (7, 100)]
    assert equal(results[0].model, results[1].model)
    np.testing.assert_array_equal(results[0].history.loss, results[1].history.loss)
    other = run(loss=noisy_loss, batch_size=6, key=jr.key(9))
    assert not equal(results[0].model, other.model)


def test_float32_stays_float32():
    optimiser = optax.adamw(optax.cosine_decay_schedule(0.05, 20))
    result = run(
        model=Line(jr.key(0), jnp.float32),
        data=make_data(dtype=jnp.float32),
        optimiser=optimiser,
        validation=make_data(4, dtype=jnp.float32),
    )
    assert result.model.weight.dtype == result.best_model.bias.dtype == jnp.float32
    assert result.history.loss.dtype == np.float32
    assert result.model.count.dtype == Line(jr.key(0)).count.dtype


def test_a_loss_of_another_precision_is_refused():
    data = make_data()

    def loss(model, batch, *, key):
        return jnp.sum(batch["x"]) * model.weight[0, 0].astype(float)

    with pytest.raises(ValueError, match="precision float32.*float64"):
        run(model=Line(jr.key(0), jnp.float32), data=data, loss=loss)


def test_every_sample_is_drawn_once_per_epoch():
    data = {"id": jnp.asarray([1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0])}

    def loss(model, batch, *, key):
        return jnp.sum(batch["id"]) + 0 * jnp.sum(model.weight) + 0 * jnp.sum(model.bias)

    losses = run(data=data, loss=loss, batch_size=2, steps=30).history.loss
    np.testing.assert_array_equal(losses.reshape(10, 3).sum(axis=1), 111111.0)
    assert len({tuple(epoch) for epoch in losses.reshape(10, 3)}) > 3


def test_a_line_search_takes_value_and_function():
    result = run(optimiser=optax.lbfgs(), steps=30)
    data = make_data()
    design = np.concatenate([data["x"], np.ones((20, 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, np.asarray(data["y"]), rcond=None)
    np.testing.assert_allclose(result.model.weight, solution[:3].T, atol=1e-6)  # sqrt of round-off


def test_only_what_the_filter_names_is_trained():
    model = Line(jr.key(0))
    spec = eqx.tree_at(lambda m: m.bias, jax.tree.map(lambda _: False, model), True)
    result = run(model=model, filter_spec=spec)
    assert equal(result.model.weight, model.weight)
    assert not equal(result.model.bias, model.bias)
    with pytest.raises(ValueError, match="no trainable array"):
        run(model=model, filter_spec=jax.tree.map(lambda _: False, model))


def explosive_loss(model, batch, *, key):
    return jnp.sum(jnp.exp(model.weight**2)) + jnp.sum(model.bias**2)


def test_stops_at_the_last_finite_state():
    options = {"loss": explosive_loss, "optimiser": optax.sgd(0.3)}
    result = run(**options, steps=60, validation=make_data())
    assert result.status == Status.DIVERGED
    assert result.diverged
    assert 0 < result.step < 60
    assert result.history.loss.shape == (result.step + 1,)
    assert result.message == f"diverged at step {result.step + 1}"
    assert equal(result.model, run(**options, steps=result.step).model)
    assert np.isfinite(result.model.weight).all()
    assert np.isfinite(result.best_value)


def test_a_gradient_that_is_not_finite_is_caught():
    def loss(model, batch, *, key):
        return jnp.sum(jnp.sqrt(model.bias)) + jnp.sum(model.weight**2)  # infinite slope at 0

    result = run(loss=loss)
    assert (result.status, result.step) == (Status.DIVERGED, 0)
    assert equal(result.model, Line(jr.key(0)))


@pytest.mark.parametrize("chunk", [1, 10])
def test_parameters_that_overflow_are_undone(chunk):
    def loss(model, batch, *, key):  # a finite slope, but a step beyond the largest number
        return 1e10 * (jnp.sum(jnp.sin(model.weight)) + jnp.sum(model.bias))

    scales = jnp.array([1e-12, 1e-12, 1e300, 1.0])
    optimiser = optax.sgd(lambda count: scales[jnp.minimum(count, 3)])
    result = run(loss=loss, optimiser=optimiser, chunk=chunk)
    assert (result.status, result.step) == (Status.DIVERGED, 2)
    assert equal(result.model, run(loss=loss, optimiser=optimiser, steps=2).model)
    assert np.isfinite(result.history.loss[:3]).all()


def test_an_ensemble_is_its_members():
    keys = jr.split(jr.key(7), 3)
    stack = stack_models(Line, keys)
    result = run(model=stack, ensemble=3, loss=noisy_loss, batch_size=6)
    assert result.step.shape == (3,)
    assert result.history.loss.shape == (25, 3)
    for i, member_key in enumerate(jr.split(jr.key(1), 3)):
        one = run(model=unstack(stack, i), loss=noisy_loss, batch_size=6, key=member_key)
        np.testing.assert_allclose(
            unstack(result.model, i).weight, one.model.weight, atol=tol(float)
        )
        np.testing.assert_allclose(result.history.loss[:, i], one.history.loss, atol=tol(float))


def test_members_have_their_own_data():
    data = [make_data(i) for i in (3, 4)]
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *data)
    stack = stack_models(Line, jr.split(jr.key(7), 2))
    result = run(model=stack, ensemble=2, data=stacked, data_axis=0, validation=stacked)
    for i in range(2):
        one = run(model=unstack(stack, i), data=data[i], validation=data[i])
        np.testing.assert_allclose(
            unstack(result.model, i).weight, one.model.weight, atol=tol(float)
        )
        np.testing.assert_allclose(result.best_value[i], one.best_value, atol=tol(float))


def test_a_diverged_member_freezes_and_the_others_go_on():
    stack = stack_models(Line, jr.split(jr.key(7), 2))
    big = eqx.tree_at(lambda m: m.weight, stack, stack.weight.at[1].set(30.0))
    result = run(model=big, ensemble=2, loss=explosive_loss, optimiser=optax.sgd(0.01))
    assert result.status == Status.COMPLETED
    assert result.diverged.tolist() == [False, True]
    assert result.step.tolist() == [25, 0]
    assert "member 1 at step 1" in result.message
    assert equal(unstack(result.model, 1), unstack(big, 1))
    assert not equal(unstack(result.model, 0), unstack(big, 0))


def test_keeps_the_best_model_and_loses_patience():
    data = make_data()
    validation = {"x": data["x"], "y": data["x"] @ Line(jr.key(0)).weight.T}

    def shifted(model, batch, *, key):  # least before the training data are fitted
        return square_loss(model, batch, key=key)

    result = run(
        data=data, validation=validation, validation_loss=shifted, evaluate_every=5, patience=3,
        steps=200,
    )  # fmt: skip
    assert result.status == Status.STOPPED_EARLY
    assert (result.step, result.best_step) == (15, 0)
    assert equal(result.best_model, Line(jr.key(0)))
    assert result.history.validation_step.tolist() == [0, 5, 10, 15]
    assert result.best_value == result.history.validation.min()


def test_callbacks_see_the_run_and_can_end_it():
    seen = []

    def watch(step, record):
        seen.append((step, float(record.loss), record.validation is None, record.model()))
        return step >= 12

    result = run(callbacks=[watch], chunk=4, validation=make_data(), evaluate_every=8, steps=40)
    assert [s[0] for s in seen] == [4, 8, 12]
    assert [s[2] for s in seen] == [True, False, True]
    assert result.status == Status.STOPPED_BY_CALLBACK
    assert equal(seen[-1][3], result.model)
    assert seen[-1][1] == result.history.loss[-1]


def test_progress_bar(capsys):
    run(progress=True, chunk=5)
    assert "25/25" in capsys.readouterr().err


@pytest.fixture
def ctrl_c():
    """Python's own handler, also in a background job, which starts with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_interrupt_keeps_what_was_learned(tmp_path):
    def press(step, record):
        if step == 10:
            os.kill(os.getpid(), signal.SIGINT)

    directory = tmp_path / "run"
    options = {"chunk": 5, "loss": noisy_loss, "checkpoint": directory}
    with pytest.raises(FitInterrupted, match=r"step 10 of 25; call fit again.*run") as info:
        run(**options, callbacks=[press])
    assert info.value.result.status == Status.INTERRUPTED
    assert info.value.result.step == 10
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert equal(run(**options).model, run(chunk=5, loss=noisy_loss).model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps must be"),
        ({"chunk": 0}, "chunk must be"),
        ({"batch_size": 21}, "batch_size is 21, but there are only 20"),
        ({"data": {"x": jnp.ones((3, 2)), "y": jnp.ones((4, 2))}}, "differ in their number"),
        ({"data": {"x": jnp.array([[1.0], [jnp.nan]])}}, r"data\['x'\] must be finite, got nan"),
        ({"data": {"x": jnp.ones((0, 2))}}, "no sample"),
        ({"data": {"x": "words"}}, "no array"),
        ({"optimiser": "adam"}, "GradientTransformation"),
        ({"patience": 3}, "needs validation data"),
        ({"ensemble": 5}, "share their first axis"),
        ({"data_axis": 0}, "needs ensemble"),
        ({"data_axis": 2}, "data_axis must be"),
        ({"loss": lambda model, batch, *, key: model.weight}, r"one number.*shape \(2, 3\)"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        run(**options)
