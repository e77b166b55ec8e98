"""The compiled part of `fit`: any number of optimiser steps in one program.

The number of steps is an argument of the program, not a part of it, so a run is traced once
whatever its chunks are.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import PyTree


class Problem(eqx.Module):
    """All that stays the same during a run.

    With `members=k` the arrays of `frozen` and `keys` carry a leading axis `k`; so does the
    data if `data_axis` is 0.
    """

    frozen: PyTree
    loss: Callable
    optimiser: optax.GradientTransformationExtraArgs
    data: PyTree
    keys: Any
    samples: int = eqx.field(static=True)
    batch_size: int | None = eqx.field(static=True)
    members: int | None = eqx.field(static=True)
    data_axis: int | None = eqx.field(static=True)
    chunk: int = eqx.field(static=True)

    def each(self, function, over_data: bool = False):
        """`function`, mapped over the members of an ensemble where there is one."""
        if self.members is None:
            return function
        axes = eqx.if_array(0)
        if not over_data:
            return eqx.filter_vmap(function, in_axes=axes)
        data_axes = axes if self.data_axis == 0 else None
        return eqx.filter_vmap(lambda args, data: function(*args, data), in_axes=(axes, data_axes))


class State(eqx.Module):
    """All that changes during a run; its buffers are donated from chunk to chunk."""

    params: PyTree
    previous: PyTree  # the parameters one step earlier
    optimiser: PyTree
    order: Any  # the order of the samples in this epoch, or None without minibatches
    alive: Any  # False from the first step that was not finite
    good: Any  # steps that went into `params`
    step: Any


class Best(eqx.Module):
    """The best parameters on the validation data, when, and how long ago."""

    params: PyTree
    value: Any
    step: Any
    stale: Any  # evaluations since then


def own_copy(tree: PyTree) -> PyTree:
    """New buffers for every array, of strong type: donation can then hurt nobody else's."""
    return jax.tree.map(
        lambda a: jnp.array(a, dtype=a.dtype, copy=True) if eqx.is_array(a) else a, tree
    )


def real_dtype(params: PyTree):
    """The dtype that a real function of the parameters has."""
    return jnp.finfo(jnp.result_type(*jax.tree.leaves(params))).dtype


def initial_state(problem: Problem, params: PyTree) -> State:
    """The state before the first step."""
    k = problem.members
    lead = () if k is None else (k,)
    order = None
    if problem.batch_size is not None:
        order = jnp.broadcast_to(jnp.arange(problem.samples), (*lead, problem.samples))
    count = jnp.asarray(0)
    state = State(
        params=params,
        previous=params,
        optimiser=problem.each(problem.optimiser.init)(params),
        order=order,
        alive=jnp.ones(lead, dtype=bool),
        good=jnp.broadcast_to(count, lead),
        step=count,
    )
    return own_copy(state)


def initial_best(problem: Problem, params: PyTree) -> Best:
    """No evaluation yet: the initial parameters, infinitely bad."""
    lead = () if problem.members is None else (problem.members,)
    value = jnp.full(lead, jnp.inf, real_dtype(params))
    zeros = jnp.zeros(lead, dtype=jnp.asarray(0).dtype)
    return own_copy(Best(params, value, zeros, zeros))


def _shuffle(problem: Problem, state: State, batch_size: int):
    """A new order of the samples at the start of every epoch, and where this batch begins."""
    per_epoch = problem.samples // batch_size
    epoch = state.step // per_epoch

    def permute(keys):
        return jr.permutation(jr.fold_in(jr.fold_in(keys, 1), epoch), problem.samples)

    fresh = lambda: problem.each(permute)(problem.keys)  # noqa: E731
    order = jax.lax.cond(state.step % per_epoch == 0, fresh, lambda: state.order)
    return order, (state.step % per_epoch) * batch_size


def take(data: PyTree, indices) -> PyTree:
    """The samples `indices` of every array in `data`."""
    return jax.tree.map(
        lambda a: a.at[indices].get(mode="promise_in_bounds") if eqx.is_array(a) else a, data
    )


def _value(loss, params, frozen, batch, key):
    """The loss, checked: a real scalar of the parameters' own precision."""
    value = loss(eqx.combine(params, frozen), batch, key=key)
    wanted = real_dtype(params)
    if jnp.shape(value) != () or value.dtype != wanted:
        raise ValueError(
            f"the loss must be one number of the parameters' precision {wanted.name}, got shape "
            f"{jnp.shape(value)} of {value.dtype.name}: give data of the model's own dtype"
        )
    return value


def _finite(tree):
    """Whether the squared norm of `tree` is finite: one pass, and true of every entry then."""
    return jnp.isfinite(sum(jnp.sum(jnp.abs(a) ** 2) for a in jax.tree.leaves(tree)))


def _one_member(problem: Problem, start, step, params, previous, inner, rest, data):
    """One optimiser step of one model; nothing changes once loss or gradient is not finite.

    They are known before the update is written, so the guard costs no copy of the state. New
    parameters that are not finite themselves are left to `_without_last`.
    """
    frozen, order, alive, good, key = rest
    batch = data
    if problem.batch_size is not None:
        batch = take(data, jax.lax.dynamic_slice(order, (start,), (problem.batch_size,)))
    key = jr.fold_in(jr.fold_in(key, 0), step)

    def value_fn(p):
        return _value(problem.loss, p, frozen, batch, key)

    value, grads = jax.value_and_grad(value_fn)(params)
    alive = alive & jnp.isfinite(value) & _finite(grads)
    # optax is not written for strict promotion; the results are cast back by apply_updates
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        updates, new_inner = problem.optimiser.update(
            grads, inner, params, value=value, grad=grads, value_fn=value_fn
        )
        new_params = optax.apply_updates(params, updates)

    def keep(new, old):
        return jax.lax.select(alive, jnp.asarray(new, old.dtype), old)

    previous = jax.tree.map(keep, params, previous)
    params = jax.tree.map(keep, new_params, params)
    inner = jax.tree.map(keep, new_inner, inner)
    return params, previous, inner, alive, good + jnp.asarray(alive, good.dtype), value


def _without_last(params, previous, alive, good):
    """Undo the last step of one model if it led to parameters that are not finite."""
    fine = _finite(params) | (good == 0)
    params = jax.tree.map(lambda a, b: jax.lax.select(fine, a, b), params, previous)
    return params, alive & fine, good - jnp.asarray(~fine, good.dtype)


def _one_step(problem: Problem, state: State):
    order, start = state.order, 0
    if problem.batch_size is not None:
        order, start = _shuffle(problem, state, problem.batch_size)

    def update(params, previous, inner, rest, data):
        return _one_member(problem, start, state.step, params, previous, inner, rest, data)

    rest = (problem.frozen, order, state.alive, state.good, problem.keys)
    args = (state.params, state.previous, state.optimiser, rest)
    if problem.members is None:
        out = update(*args, problem.data)
    else:
        out = problem.each(update, over_data=True)(args, problem.data)
    params, previous, inner, alive, good, value = out
    return State(params, previous, inner, order, alive, good, state.step + 1), value


@eqx.filter_jit(donate="all-except-first")
def advance(problem: Problem, state: State, steps):
    """Up to `steps` (at most `problem.chunk`) optimiser steps.

    **Returns** the new state and the losses, shape `(chunk,)` or `(chunk, k)`, of which as many
    are filled as steps were taken. Stops when no member is alive.
    """
    shape = (problem.chunk, *state.alive.shape)
    losses = jnp.full(shape, jnp.nan, real_dtype(state.params))
    first = state.step

    def unfinished(carry):
        state, _ = carry
        return (state.step < first + steps) & state.alive.any()

    def body(carry):
        state, losses = carry
        at = state.step - first
        state, value = _one_step(problem, state)
        return state, losses.at[at].set(value)

    state, losses = jax.lax.while_loop(unfinished, body, (state, losses))
    kept = problem.each(_without_last)(state.params, state.previous, state.alive, state.good)
    return eqx.tree_at(lambda s: (s.params, s.alive, s.good), state, kept), losses


@eqx.filter_jit
def evaluate(problem: Problem, loss, data, params, best: Best, step):
    """The loss on validation data, and the best parameters so far.

    The same key at every evaluation: a stochastic loss is compared with itself.
    """

    def one(params, frozen, key, best, data):
        value = _value(loss, params, frozen, data, jr.fold_in(key, 2))
        better = value < best.value  # false for a value that is not finite
        chosen = Best(params, value, jnp.asarray(step, best.step.dtype), jnp.zeros_like(best.stale))
        other = Best(best.params, best.value, best.step, best.stale + 1)
        pick = lambda new, old: jax.lax.select(better, new, old)  # noqa: E731
        return value, jax.tree.map(pick, chosen, other)

    args = (params, problem.frozen, problem.keys, best)
    if problem.members is None:
        return one(*args, data)
    return problem.each(one, over_data=True)(args, data)
