"""The input `u(t)` of a forced field, in every form that `args` may bring it."""


def input_at(t, args):
    """The input at time `t`.

    **Arguments:** `args`: `None` (no input), an array `u: (m,)` (held constant; features-first
    `(m, N)` for a batch), an object with `evaluate(t)` such as a diffrax interpolation, or a
    function `u(t)`.

    **Returns:** `None` or an array.
    """
    # arrays of numpy, of jax and its tracers have no common class
    if args is None or hasattr(args, "shape"):
        return args
    # any interpolation, from diffrax or elsewhere
    if hasattr(args, "evaluate"):
        return args.evaluate(t)
    if callable(args):
        return args(t)
    raise ValueError(
        f"the input must be None, an array, an interpolation or a function of t, got {args!r}"
    )
