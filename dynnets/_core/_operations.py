"""What single operations of a JAX program do to dependences, exact zeros and known numbers.

Read by `_dependence`. Every table is a list of what is understood; what stands in none mixes all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np


class Known(NamedTuple):
    """An array of a program, entry by entry.

    - `bits`: what the entry depends on, `uint8`: 1 the first half, 2 the second.
    - `zero`: the entry is exactly zero, whatever the argument is; its bits are then 0.
    - `value`: the numbers, where they are known while tracing, else `None`.
    """

    bits: np.ndarray
    zero: np.ndarray
    value: np.ndarray | None


def known(value) -> Known:
    """A constant: its numbers, unless another transformation is tracing it or it has none."""
    shape = np.shape(value)
    nothing = np.zeros(shape, np.uint8)
    if isinstance(value, jax.core.Tracer):
        return Known(nothing, np.zeros(shape, bool), None)
    try:
        number = np.asarray(value)
        return Known(nothing, number == 0, number)
    except TypeError:  # keys of random numbers are no numbers
        return Known(nothing, np.zeros(shape, bool), None)


def join(a: Known, b: Known) -> Known:
    """What holds of a value that is `a` or `b`."""
    same = a.value is not None and b.value is not None and np.array_equal(a.value, b.value)
    return Known(a.bits | b.bits, a.zero & b.zero, a.value if same else None)


def mixed(values: list[Known], shapes) -> list[Known]:
    """Results of which every entry depends on all that any operand depends on."""
    bits = np.uint8(0)
    for value in values:
        bits |= np.bitwise_or.reduce(value.bits, axis=None)
    return [Known(np.full(s, bits, np.uint8), np.zeros(s, bool), None) for s in shapes]


CALLS = {
    "pjit": ("jaxpr",),
    "jit": ("jaxpr",),
    "closed_call": ("call_jaxpr",),
    "core_call": ("call_jaxpr",),
    "remat": ("jaxpr",),
    "remat2": ("jaxpr",),
    "checkpoint": ("jaxpr",),
    "custom_jvp_call": ("call_jaxpr",),
    "custom_vjp_call": ("call_jaxpr", "fun_jaxpr"),
    "custom_vjp_call_jaxpr": ("call_jaxpr", "fun_jaxpr"),
}
"""Calls of another program, and where it stands."""

_KEEP_ZERO = frozenset(
    "neg sin tan tanh sinh asin atan asinh atanh sqrt cbrt abs sign expm1 log1p erf real imag conj "
    "copy copy_p convert_element_type reduce_precision round floor ceil square integer_pow "
    "device_put sharding_constraint stop_gradient optimization_barrier".split()
)
"""Entry by entry, and zero at zero."""

_ENTRYWISE = frozenset(
    "exp exp2 log cos acos cosh acosh logistic rsqrt erfc erf_inv lgamma digamma is_finite not "
    "population_count clamp pow atan2 rem nextafter max min eq ne lt le gt ge or xor complex "
    "shift_left shift_right_logical shift_right_arithmetic eq_to lt_to le_to".split()
)
"""Entry by entry, without more to say."""

_FOLD: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "neg": np.negative,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "max": np.maximum,
    "min": np.minimum,
    "clamp": lambda low, x, high: np.clip(x, low, high),
}
"""What is computed where all numbers are known: enough for indices, identities and masks."""

_REDUCTIONS = frozenset(
    "reduce_sum reduce_max reduce_min reduce_prod reduce_and reduce_or reduce_xor "
    "argmax argmin".split()
)
_CUMULATIVE = frozenset("cumsum cumprod cummax cummin cumlogsumexp".split())


def operation(name: str, params: dict, values: list[Known], shapes) -> list[Known]:
    """The results of one operation that calls no other program."""
    if name in _FOLD and all(v.value is not None for v in values):
        return [known(_FOLD[name](*(v.value for v in values)))]
    if name == "iota":
        return [_iota(params)]
    if name in _MOVES:
        moved = _MOVES[name](params, *values)
        return [moved] if isinstance(moved, Known) else moved or mixed(values, shapes)
    if name in _KEEP_ZERO:
        return [_keep_zero(name, params, value) for value in values[: len(shapes)]]
    if name in ("mul", "and", "div"):
        return [_product(name, *values)]
    if name in ("add", "sub", "add_any"):
        a, b = values
        return [_full(shapes[0], a.bits | b.bits, a.zero & b.zero)]
    if name in _ENTRYWISE:
        bits = values[0].bits
        for value in values[1:]:
            bits = bits | value.bits
        return [_full(shapes[0], bits, np.zeros(shapes[0], bool))]
    if name == "select_n":
        return [_select(*values)]
    if name in _REDUCTIONS:
        axes = tuple(params["axes"])
        bits = np.bitwise_or.reduce(values[0].bits, axis=axes)
        zero = values[0].zero.all(axis=axes) & (not name.startswith("arg"))
        return [Known(np.asarray(bits), np.asarray(zero), None)]
    if name in _CUMULATIVE:
        return [_cumulative(values[0], params["axis"], params["reverse"])]
    if name == "dot_general":
        return [_dot(params["dimension_numbers"], *values)]
    return mixed(values, shapes)


def _full(shape, bits, zero) -> Known:
    """A result of its shape, where an operand was a scalar."""
    return Known(np.broadcast_to(bits, shape), np.broadcast_to(zero, shape), None)


def _keep_zero(name: str, params: dict, value: Known) -> Known:
    zero = value.zero
    if name == "integer_pow" and params["y"] <= 0:
        zero = np.zeros_like(zero)
    number = None
    if value.value is not None and name in ("convert_element_type", "copy", "copy_p", "device_put"):
        number = value.value
        if name == "convert_element_type":
            number = number.astype(params["new_dtype"])
    return Known(value.bits, zero, number)


def _product(name: str, a: Known, b: Known) -> Known:
    zero = a.zero | (b.zero if name != "div" else False)
    bits = a.bits | b.bits
    return Known(np.where(zero, 0, bits).astype(np.uint8), np.asarray(zero), None)


def _select(which: Known, *cases: Known) -> Known:
    if which.value is not None:
        index = np.broadcast_to(which.value.astype(int), cases[0].bits.shape)
        parts = np.choose(index, [c.bits for c in cases]), np.choose(index, [c.zero for c in cases])
        numbers = [c.value for c in cases if c.value is not None]
        number = np.choose(index, numbers) if len(numbers) == len(cases) else None
        return Known(parts[0].astype(np.uint8), parts[1].astype(bool), number)
    bits, zero = which.bits, np.ones_like(cases[0].zero)
    for case in cases:
        bits, zero = bits | case.bits, zero & case.zero
    return Known(np.where(zero, 0, bits).astype(np.uint8), zero, None)


def _cumulative(value: Known, axis: int, reverse: bool) -> Known:
    bits = np.flip(value.bits, axis) if reverse else value.bits
    bits = np.bitwise_or.accumulate(bits, axis=axis)
    bits = np.flip(bits, axis) if reverse else bits
    return Known(bits, np.zeros_like(value.zero), None)


def _dot(numbers, a: Known, b: Known) -> Known:
    """A product of matrices: a term counts where neither of its factors is an exact zero."""
    ((a_sum, b_sum), (a_batch, b_batch)) = numbers

    def arranged(part, batch, summed, last: bool):
        free = [i for i in range(part.ndim) if i not in (*batch, *summed)]
        order = (*batch, *free, *summed) if last else (*batch, *summed, *free)
        moved = part.transpose(order)
        sizes = [int(np.prod([part.shape[i] for i in axes])) for axes in (free, summed)]
        head = [part.shape[i] for i in batch]
        shape = (*head, sizes[0], sizes[1]) if last else (*head, sizes[1], sizes[0])
        return moved.reshape(shape).astype(np.float32), [part.shape[i] for i in free]

    a_some, a_free = arranged(~a.zero, a_batch, a_sum, True)
    b_some, b_free = arranged(~b.zero, b_batch, b_sum, False)
    shape = (*(a.bits.shape[i] for i in a_batch), *a_free, *b_free)
    bits = np.zeros(shape, np.uint8)
    for bit in (1, 2):
        of_a = arranged((a.bits & bit) > 0, a_batch, a_sum, True)[0]
        of_b = arranged((b.bits & bit) > 0, b_batch, b_sum, False)[0]
        count = of_a @ b_some + a_some @ of_b
        bits |= np.where(count.reshape(shape) > 0, bit, 0).astype(np.uint8)
    return Known(bits, (a_some @ b_some).reshape(shape) == 0, None)


def _iota(params) -> Known:
    shape, axis = params["shape"], params["dimension"]
    row = np.arange(shape[axis]).astype(params["dtype"])
    sizes = [1] * len(shape)
    sizes[axis] = shape[axis]
    return known(np.broadcast_to(row.reshape(sizes), shape))


def _moved(move) -> Callable[..., Known]:
    """An operation that only moves entries: `move(params, array)`."""

    def one(params, value: Known, *rest) -> Known:
        number = None if value.value is None else move(params, value.value)
        return Known(move(params, value.bits), move(params, value.zero), number)

    return one


def _broadcast(params, array):
    shape = [1] * len(params["shape"])
    for axis, target in enumerate(params["broadcast_dimensions"]):
        shape[target] = array.shape[axis]
    return np.broadcast_to(array.reshape(shape), params["shape"])


def _slice(params, array):
    strides = params["strides"] or (1,) * array.ndim
    bounds = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return array[tuple(slice(*bound) for bound in bounds)]


def _split(params, value: Known) -> list[Known]:
    ends, axis = np.cumsum(params["sizes"])[:-1], params["axis"]
    parts = [np.split(value.bits, ends, axis), np.split(value.zero, ends, axis)]
    return [Known(bits, zero, None) for bits, zero in zip(*parts, strict=True)]


def _stack(params, *values: Known) -> Known:
    axis = params["axis"]
    numbers = [v.value for v in values if v.value is not None]
    number = np.stack(numbers, axis) if len(numbers) == len(values) else None
    bits = np.stack([v.bits for v in values], axis)
    return Known(bits, np.stack([v.zero for v in values], axis), number)


def _concatenate(params, *values: Known) -> Known:
    axis = params["dimension"]
    numbers = [v.value for v in values if v.value is not None]
    number = np.concatenate(numbers, axis) if len(numbers) == len(values) else None
    bits = np.concatenate([v.bits for v in values], axis)
    return Known(bits, np.concatenate([v.zero for v in values], axis), number)


def _pad(params, value: Known, filler: Known) -> Known | None:
    config = params["padding_config"]
    if any(low < 0 or high < 0 for low, high, _ in config):
        return None
    shape = [
        low + high + size + max(size - 1, 0) * inner
        for size, (low, high, inner) in zip(value.bits.shape, config, strict=True)
    ]
    place = tuple(
        slice(low, low + max(size + (size - 1) * inner, 0), inner + 1)
        for size, (low, _, inner) in zip(value.bits.shape, config, strict=True)
    )
    bits, zero = np.full(shape, filler.bits), np.full(shape, filler.zero)
    bits[place], zero[place] = value.bits, value.zero
    return Known(bits, zero, None)


def _start(value: Known, sizes, indices) -> tuple | None:
    """Where a block of known place begins, as XLA clips it."""
    numbers = [index.value for index in indices]
    if any(number is None for number in numbers):
        return None
    pairs = zip(numbers, value.bits.shape, sizes, strict=True)
    starts = [int(np.clip(number, 0, whole - size)) for number, whole, size in pairs]
    return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))


def _dynamic_slice(params, value: Known, *indices: Known) -> Known | None:
    block = _start(value, params["slice_sizes"], indices)
    if block is None:
        return None
    number = None if value.value is None else value.value[block]
    return Known(value.bits[block], value.zero[block], number)


def _dynamic_update_slice(params, value: Known, update: Known, *indices: Known) -> Known | None:
    block = _start(value, update.bits.shape, indices)
    if block is None:
        return None
    bits, zero = value.bits.copy(), value.zero.copy()
    bits[block], zero[block] = update.bits, update.zero
    number = None
    if value.value is not None and update.value is not None:
        number = value.value.copy()
        number[block] = update.value
    return Known(bits, zero, number)


def _gather(params, value: Known, indices: Known) -> Known | None:
    """Entries of known places, found by gathering the numbers of the entries."""
    if indices.value is None:
        return None
    names = ("dimension_numbers", "slice_sizes", "indices_are_sorted", "unique_indices", "mode")
    with jax.ensure_compile_time_eval():
        places = np.arange(1, value.bits.size + 1, dtype=np.int32).reshape(value.bits.shape)
        picked = jax.lax.gather(
            places, indices.value, fill_value=0, **{name: params[name] for name in names}
        )
    picked = np.asarray(picked) - 1
    inside = picked >= 0
    bits = np.where(inside, value.bits.ravel()[picked], 0).astype(np.uint8)
    return Known(bits, value.zero.ravel()[picked] & inside, None)


def _scatter(add: bool):
    """Updates of known places; each of them lands as a whole number of its entry."""

    def one(params, value: Known, indices: Known, update: Known) -> Known | None:
        if indices.value is None:
            return None
        names = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode")
        put = jax.lax.scatter_add if add else jax.lax.scatter

        def landed(old, new):
            settings = {name: params[name] for name in names}
            arrays = (part.astype(np.int32) for part in (old, new))
            with jax.ensure_compile_time_eval():
                old, new = arrays
                return np.asarray(put(old, indices.value, new, **settings)) > 0

        some = landed(~value.zero, ~update.zero)
        bits = np.zeros(value.bits.shape, np.uint8)
        for bit in (1, 2):
            found = landed((value.bits & bit) > 0, (update.bits & bit) > 0)
            bits |= np.where(found, bit, 0).astype(np.uint8)
        return Known(bits, ~some, None)

    return one


_MOVES: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": _moved(_broadcast),
    "reshape": _moved(lambda params, array: array.reshape(params["new_sizes"])),
    "transpose": _moved(lambda params, array: array.transpose(params["permutation"])),
    "squeeze": _moved(lambda params, array: array.squeeze(tuple(params["dimensions"]))),
    "expand_dims": _moved(lambda params, array: np.expand_dims(array, params["dimensions"])),
    "rev": _moved(lambda params, array: np.flip(array, params["dimensions"])),
    "slice": _moved(_slice),
    "split": _split,
    "concatenate": _concatenate,
    "stack": _stack,
    "pad": _pad,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "scatter": _scatter(add=False),
    "scatter-add": _scatter(add=True),
    "scatter_add": _scatter(add=True),
}
"""Operations that only move entries; they answer `None` where the places are not known."""
