"""Named splitting methods of order three to eight, and the weights of symmetric compositions.

Weights are roots or rationals where a closed form exists. Where none does, the published values
have been refined by Newton's method on the order conditions, in more digits than a float has, so
that the conditions hold to round-off; the tests derive them again from three digits each.

```python
>>> from dynnets.integrators import (
...     mclachlan4, ruth3, splitting_order, suzuki4, symplectic_euler, symplectic_euler_adjoint,
...     yoshida6)
>>> steps = symplectic_euler, symplectic_euler_adjoint, ruth3, mclachlan4, suzuki4, yoshida6
>>> [step.order for step in steps]
[1, 1, 3, 4, 4, 6]
>>> splitting_order(mclachlan4.coefficients)
4

```
"""

import itertools
import math

from ._splitting import Splitting, coefficients_of

_YOSHIDA = "Yoshida, Physics Letters A 150, 1990"
_BLANES_MOAN = "Blanes, Moan, J. Comput. Appl. Math. 142, 2002"


def _palindrome(half: tuple[float, ...]) -> tuple[float, ...]:
    """`half`, then what is missing to a sum of one, then `half` backwards."""
    return (*half, 1 - 2 * math.fsum(half), *half[::-1])


def triple_jump_weights(order: int) -> tuple[float, float, float]:
    """`(w, 1 - 2 w, w)`, `w = 1 / (2 - 2^(1 / (order + 1)))`: raise an even `order` by two.

    Source: Yoshida, Physics Letters A 150, 1990. Raises `ValueError` unless `order` is even.
    """
    _check_even(order)
    return _palindrome((1 / (2 - 2 ** (1 / (order + 1))),))  # type: ignore[return-value]


def suzuki_weights(order: int) -> tuple[float, ...]:
    """`(w, w, 1 - 4 w, w, w)`, `w = 1 / (4 - 4^(1 / (order + 1)))`: raise an even `order` by two.

    Five sub-steps of smaller size, hence a smaller error constant than the triple jump's.
    Source: Suzuki, Physics Letters A 146, 1990. Raises `ValueError` unless `order` is even.
    """
    _check_even(order)
    outer = 1 / (4 - 4 ** (1 / (order + 1)))
    return _palindrome((outer, outer))


def _check_even(order):
    if order < 2 or order % 2:
        raise ValueError(f"a symmetric composition starts from an even order, got {order}")


YOSHIDA6_WEIGHTS = _palindrome((0.7845136104775573, 0.23557321335935813, -1.177679984178871))
"""Seven sub-steps of a symmetric method of order 2 that give order 6 (Yoshida 1990, solution A)."""

YOSHIDA8_WEIGHTS = _palindrome(
    (
        0.6290306502103708,
        1.3693494641688178,
        -1.0645871478918252,
        1.6633580996335051,
        -1.6789692825967384,
        -1.5594680382147026,
        0.31179081241846677,
    )
)
"""Fifteen sub-steps that give order 8 (Yoshida 1990, solution D)."""

SUZUKI_UMENO8_WEIGHTS = _palindrome(
    (
        0.741670364350613,
        -0.4091008258000316,
        0.1907547102962384,
        -0.5738624711160822,
        0.2990641813036559,
        0.33462491824529816,
        0.3152930923967666,
    )
)
"""Fifteen sub-steps, none longer than `0.8 h`, that give order 8 (Suzuki and Umeno 1993)."""


def symmetric_weights(order: int) -> tuple[float, ...]:
    """Weights with which a symmetric method of order 2 gives an even `order`.

    1 (order 2), 3 (4, triple jump), 7 (6, Yoshida) and 15 sub-steps (8, Suzuki and Umeno); from
    there each triple jump multiplies them by three. Raises `ValueError` unless `order` is even.

    ```python
    >>> from dynnets.integrators import (
    ...     SUZUKI_UMENO8_WEIGHTS, YOSHIDA6_WEIGHTS, YOSHIDA8_WEIGHTS, compose, symmetric_weights,
    ...     triple_jump_weights, verlet_kdk)
    >>> symmetric_weights(6) == YOSHIDA6_WEIGHTS, symmetric_weights(8) == SUZUKI_UMENO8_WEIGHTS
    (True, True)
    >>> compose(verlet_kdk, triple_jump_weights(2)).info.order
    4
    >>> len(YOSHIDA8_WEIGHTS)
    15

    ```
    """
    _check_even(order)
    known = {2: (1.0,), 4: triple_jump_weights(2), 6: YOSHIDA6_WEIGHTS, 8: SUZUKI_UMENO8_WEIGHTS}
    if order in known:
        return known[order]
    outer, inner = triple_jump_weights(order - 2), symmetric_weights(order - 2)
    return tuple(a * b for a, b in itertools.product(outer, inner))


def _verlet(weights: tuple[float, ...]) -> tuple[float, ...]:
    """Coefficients of the composition of Stormer-Verlet steps of these sizes."""
    return coefficients_of(tuple(w / 2 for w in weights for _ in range(2)))


def _mclachlan_sweeps() -> tuple[float, ...]:
    root = math.sqrt(19)
    half = (
        (14 - root) / 108,
        (146 + 5 * root) / 540,
        (-23 - 20 * root) / 270,
        (-2 + 10 * root) / 135,
        1 / 5,
    )
    return half + half[::-1]


def _partitioned(outer: tuple[float, ...], inner: tuple[float, ...]) -> tuple[float, ...]:
    """A palindrome of both parts; the middle coefficient makes each part sum to one."""
    first, second = (*outer, 1 - 2 * math.fsum(outer)), (*inner, 0.5 - math.fsum(inner))
    # the last coefficient of the first part is the middle one, which is in no pair
    half = tuple(c for pair in zip(first, second, strict=False) for c in pair)
    return (*half, first[-1], *half[::-1])


ruth3 = Splitting(
    "ruth3",
    3,
    "kick",
    (7 / 24, 2 / 3, 3 / 4, -2 / 3, -1 / 24, 1.0),
    "Ruth, IEEE Transactions on Nuclear Science 30, 1983",
)
"""Ruth's method with rational coefficients. Order 3, not symmetric; three kicks, three drifts."""

mclachlan4 = Splitting(
    "mclachlan4",
    4,
    "kick",
    coefficients_of(_mclachlan_sweeps()),
    "McLachlan, SIAM Journal on Scientific Computing 16, 1995",
)
"""Five sweeps and their adjoints, weights in `sqrt(19)`. Order 4, symmetric, a small error
constant; five kicks, five drifts."""

suzuki4 = Splitting(
    "suzuki4", 4, "kick", _verlet(suzuki_weights(2)), "Suzuki, Physics Letters A 146, 1990"
)
"""Suzuki's five Verlet steps. Order 4, symmetric; five kicks, five drifts."""

blanes_moan4 = Splitting(
    "blanes_moan4",
    4,
    "kick",
    _partitioned(
        (0.07920369643119567, 0.353172906049774, -0.04206508035771953),
        (0.20951510661336203, -0.143851773179818),
    ),
    _BLANES_MOAN,
)
"""The method S6 of Blanes and Moan: order 4, symmetric, for any two parts; six kicks, six drifts.
Three free parameters were chosen there to make the error constant small."""

blanes_moan6 = Splitting(
    "blanes_moan6",
    6,
    "kick",
    _partitioned(
        (
            0.050262764400392686,
            0.4135143004283438,
            0.045079889794398066,
            -0.1880548538195689,
            0.5419606784507801,
        ),
        (0.14881644790104323, -0.13238586576778366, 0.06730760469218446, 0.4326664025781736),
    ),
    _BLANES_MOAN,
)
"""The method S10 of Blanes and Moan: order 6, symmetric, for any two parts; ten kicks, ten
drifts. One free parameter was chosen there to make the error constant small."""

yoshida6 = Splitting("yoshida6", 6, "kick", _verlet(YOSHIDA6_WEIGHTS), _YOSHIDA)
"""Yoshida's solution A, seven Verlet steps. Order 6, symmetric; seven kicks, seven drifts."""

yoshida8 = Splitting("yoshida8", 8, "kick", _verlet(YOSHIDA8_WEIGHTS), _YOSHIDA)
"""Yoshida's solution D, fifteen Verlet steps. Order 8, symmetric; fifteen kicks and drifts."""

suzuki_umeno8 = Splitting(
    "suzuki_umeno8",
    8,
    "kick",
    _verlet(SUZUKI_UMENO8_WEIGHTS),
    "Suzuki, Umeno, Computer Simulation Studies in Condensed Matter Physics VI, 1993",
)
"""Fifteen Verlet steps, none longer than `0.8 h`. Order 8, symmetric; the error constant is far
below that of `yoshida8` at the same cost: fifteen kicks, fifteen drifts."""
