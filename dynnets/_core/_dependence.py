"""Which entries of a function's value depend on which half of its argument, read off its program.

The program that JAX traces is run on sets instead of numbers. For every entry of every array we
keep the halves of the argument that it depends on (a bit mask: 1 the first half, 2 the second),
whether it is an exact zero, and its number where that is known while tracing. Exact zeros
annihilate: a zero block of a constant matrix, a mask, the other half of a gradient. An operation
that is not in the tables of `_operations` counts as one that mixes everything, so an entry that is
called independent is independent.
"""

from typing import NamedTuple

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from ._operations import CALLS, Known, join, known, mixed, operation

_MOST_ROUNDS = 64  # of a loop's fixed point; beyond, everything counts as dependent


class HalfDependence(NamedTuple):
    """For a function from `(2n,)` to `(2n,)`: whether entries of a half depend on a half.

    `on_first`, `on_second`: NumPy arrays of bool, of the shape of the value.
    """

    on_first: np.ndarray
    on_second: np.ndarray


def half_dependence(function, like) -> HalfDependence:
    """What every entry of `function(x)` depends on, for `x` of the shape and dtype of `like`.

    `like`: an array `(2n,)`, of which only shape and dtype are used. Cost: one trace of the
    function, and NumPy operations on arrays of the sizes that occur in it; nothing is compiled.
    A false answer is possible in one direction only: an entry that does not depend on a half may
    be said to depend on it. Raises what `function` raises.
    """
    size = like.shape[0]
    program = jax.make_jaxpr(function)(jax.ShapeDtypeStruct(like.shape, like.dtype))
    bits = np.where(np.arange(size) < size // 2, 1, 2).astype(np.uint8)
    (value,) = _run(program, [Known(bits, np.zeros(size, bool), None)])
    return HalfDependence((value.bits & 1) > 0, (value.bits & 2) > 0)


def _run(program: ClosedJaxpr, inputs: list[Known]) -> list[Known]:
    """The values of a closed program."""
    return _run_open(program.jaxpr, program.consts, inputs)


def _run_open(jaxpr, consts, inputs: list[Known]) -> list[Known]:
    table = dict(zip(jaxpr.constvars, map(known, consts), strict=True))
    table.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom):
        return known(atom.val) if isinstance(atom, Literal) else table[atom]

    for equation in jaxpr.eqns:
        values = _equation(equation, [read(atom) for atom in equation.invars])
        values = [
            Known(np.asarray(bits), np.asarray(zero), number) for bits, zero, number in values
        ]
        table.update(
            zip(equation.outvars, values, strict=True)
        )  # NumPy gives scalars for () arrays
    return [read(atom) for atom in jaxpr.outvars]


def _equation(equation, values: list[Known]) -> list[Known]:
    name, params = equation.primitive.name, equation.params
    shapes = [variable.aval.shape for variable in equation.outvars]
    if name == "cond":
        return _cond(params["branches"], *values)
    if name == "scan":
        return _scan(equation, values, shapes)
    if name == "while":
        return _while(params, values, shapes)
    if name in CALLS:
        inner = next((params[key] for key in CALLS[name] if key in params), None)
        if isinstance(inner, ClosedJaxpr):
            return _run(inner, values)
        if inner is not None and not inner.constvars:
            return _run_open(inner, [], values)
        return mixed(values, shapes)
    return operation(name, params, values, shapes)


def _tainted(value: Known, bits: int) -> Known:
    """The value, chosen by something that depends on `bits`."""
    return Known(value.bits | np.uint8(bits), np.zeros_like(value.zero), None) if bits else value


def _cond(branches, index: Known, *operands: Known) -> list[Known]:
    if index.value is not None:
        chosen = int(np.clip(index.value, 0, len(branches) - 1))
        return _run(branches[chosen], list(operands))
    results = [_run(branch, list(operands)) for branch in branches]
    joined = results[0]
    for result in results[1:]:
        joined = [join(a, b) for a, b in zip(joined, result, strict=True)]
    return [_tainted(value, int(index.bits)) for value in joined]


def _fixed_point(body, carry: list[Known]) -> list[Known] | None:
    """The carry that another round of `body` leaves as it is; `None` if that takes too long."""
    for _ in range(_MOST_ROUNDS):
        after = [join(a, b) for a, b in zip(carry, body(carry), strict=True)]
        if all(_same(a, b) for a, b in zip(carry, after, strict=True)):
            return after
        carry = after
    return None


def _same(a: Known, b: Known) -> bool:
    same = np.array_equal(a.bits, b.bits) and np.array_equal(a.zero, b.zero)
    return same and (a.value is None) == (b.value is None)


def _while(params, values: list[Known], shapes) -> list[Known]:
    n_test, n_body = params["cond_nconsts"], params["body_nconsts"]
    of_test, of_body = values[:n_test], values[n_test : n_test + n_body]

    def body(carry):
        return _run(params["body_jaxpr"], [*of_body, *carry])

    carry = _fixed_point(body, values[n_test + n_body :])
    if carry is None:
        return mixed(values, shapes)
    (goes_on,) = _run(params["cond_jaxpr"], [*of_test, *carry])
    # how often the body runs depends on what the test reads
    return [_tainted(value, int(goes_on.bits)) for value in carry]


def _scan(equation, values: list[Known], shapes) -> list[Known]:
    # What is carried has the same shape inside and outside, what is scanned over has not. The
    # parameters that count both are called otherwise in every other version of JAX.
    params, inner = equation.params, equation.params["jaxpr"].jaxpr
    pairs = zip(equation.outvars, inner.outvars, strict=True)
    n_carry = sum(outside.aval.shape == inside.aval.shape for outside, inside in pairs)
    pairs = zip(equation.invars, inner.invars, strict=True)
    n_rows = sum(outside.aval.shape != inside.aval.shape for outside, inside in pairs)
    n_consts = len(values) - n_carry - n_rows
    consts, carry = values[:n_consts], values[n_consts : n_consts + n_carry]
    length = params["length"]
    if not length:
        return mixed(values, shapes)
    rows = [_any_row(x) for x in values[n_consts + n_carry :]]

    def body(carry):
        return _run(params["jaxpr"], [*consts, *carry, *rows])[:n_carry]

    settled = _fixed_point(body, carry)
    if settled is None:
        return mixed(values, shapes)
    outputs = _run(params["jaxpr"], [*consts, *settled, *rows])[n_carry:]
    stacked = [Known(_rows(y.bits, length), _rows(y.zero, length), None) for y in outputs]
    return [*settled, *stacked]


def _any_row(value: Known) -> Known:
    """What holds of every row along the first axis."""
    bits, zero = np.bitwise_or.reduce(value.bits, axis=0), value.zero.all(axis=0)
    return Known(np.asarray(bits), np.asarray(zero), None)


def _rows(part, length: int) -> np.ndarray:
    return np.broadcast_to(part, (length, *np.shape(part)))
