"""Many equal steps in a row of which nobody looks at what is between them."""

import jax
import jax.numpy as jnp

from dynnets._core import join_phase, split_phase

from ._splitting import Splitting
from ._step import AbstractStep

HALF = {"drift": 0, "kick": 1}


def stages(splitting: Splitting) -> list[tuple[str, float, float]]:
    """`(part, weight, fraction of the step at which it is evaluated)`, in the order of a step."""
    spent, found = {"kick": 0.0, "drift": 0.0}, []
    part, other = ("kick", "drift") if splitting.first == "kick" else ("drift", "kick")
    for weight in splitting.coefficients:
        found.append((part, weight, spent[other]))
        spent[part] += weight
        part, other = other, part
    return found


def repeat(step, field, t, x, h, args, memory, count: int):
    """`count` steps of `h`: `(x', memory')`, memory as of `AbstractStep.advance`.

    The parts of a splitting that meet between two steps act as one, and the halves of the state
    are joined at the end only, so a step of Verlet is a kick and a drift and nothing else.
    """
    if isinstance(step, Splitting):
        return _merged(step, field, t, x, h, args, memory, count)

    def one(i, carry):
        now = t + jnp.asarray(i, h.dtype) * h
        if isinstance(step, AbstractStep):
            return step.advance(field, now, carry[0], h, args, carry[1])
        return step(field, now, carry[0], h, args), None

    return jax.lax.fori_loop(0, count, one, (x, memory))


def _merged(step, field, t, x, h, args, memory, count):
    parts = stages(step)
    shared = len(parts) % 2 == 1

    def act(halves, part, weight, at, rate=None):
        m = HALF[part]
        rate = getattr(field, part)(t + at * h, halves[1 - m], args) if rate is None else rate
        moved = halves[m] + (weight * h) * rate
        return ((halves[0], moved) if m else (moved, halves[1])), rate

    def body(i, halves):
        i = jnp.asarray(i, h.dtype)
        for part, weight, at in interior:
            halves, _ = act(halves, part, weight, i + at)
        return act(halves, meeting, both, i + 1)[0] if shared else halves

    halves = split_phase(x)
    if not shared:
        interior = parts
        return join_phase(*jax.lax.fori_loop(0, count, body, halves)), None
    (meeting, first, _), *interior, (_, last, _) = parts
    both = first + last
    halves, _ = act(halves, meeting, first, 0.0, memory)
    halves = jax.lax.fori_loop(0, count - 1, body, halves)
    for part, weight, at in interior:
        halves, _ = act(halves, part, weight, count - 1 + at)
    halves, memory = act(halves, meeting, last, float(count))
    return join_phase(*halves), memory
