"""Order conditions of splittings and compositions, by comparing power series of flows.

A flow over `c h` of a field `A` is the formal series `exp(c h A)` in words of non-commuting
letters; a method is a product of such series, and its order is the number of powers of `h` up to
which it equals the series of the exact flow. Nothing is looked up, so every table of coefficients
can be checked, and the order of every new composition is derived.
"""

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence

Series = dict
"""The coefficient of every word, a tuple of letters; of any type of number."""

_HIGHEST = 10
_ROUNDOFF = 1e-12


def _degree(word, degrees) -> int:
    return sum(degrees[letter] for letter in word)


def _exponential(letters: Mapping, degrees, top: int) -> Series:
    """`exp(sum_l c_l l)` up to degree `top`."""
    series: Series = {(): 1}
    newest, k = dict(series), 0
    while newest:
        k += 1
        newest = {
            (*word, letter): value * c / k
            for word, value in newest.items()
            for letter, c in letters.items()
            if _degree(word, degrees) + degrees[letter] <= top
        }
        series |= newest
    return series


def _product(a: Series, b: Series, degrees, top: int) -> Series:
    """The product of two series, first factor acting first."""
    by_degree: list[list] = [[] for _ in range(top + 1)]
    for word, value in b.items():
        by_degree[_degree(word, degrees)].append((word, value))
    result: Series = {}
    for word, value in a.items():
        for bucket in by_degree[: top + 1 - _degree(word, degrees)]:
            for other, factor in bucket:
                joined = word + other
                result[joined] = result.get(joined, 0) + value * factor
    return result


def _defects(factors: Sequence, exact: Mapping, degrees: Mapping, top: int) -> dict:
    """Method minus exact flow on every word of degree 1 to `top`."""
    series: Series = {(): 1}
    for factor in factors:
        series = _product(series, _exponential(factor, degrees, top), degrees, top)
    target = _exponential(exact, degrees, top)
    words = sorted((series.keys() | target.keys()) - {()}, key=lambda w: (len(w), str(w)))
    return {word: series.get(word, 0) - target.get(word, 0) for word in words}


def _order(defects_up_to: Callable[[int], tuple[dict, Mapping]]) -> int:
    for top in range(1, _HIGHEST + 1):
        defects, degrees = defects_up_to(top)
        newest = [abs(v) for w, v in defects.items() if _degree(w, degrees) == top]
        if max(newest) > _ROUNDOFF:
            return top - 1
    return _HIGHEST


def splitting_defects(coefficients: Sequence, top: int) -> dict:
    """The order conditions of a splitting of two parts, used in turn: zero up to its order.

    **Arguments:** `coefficients`: those of the parts `A, B, A, ...`, floats or any exact number
    type; `top`: highest degree. **Returns** a value for each word in `A`, `B` of length 1 to `top`:
    the method's coefficient of `h^length` minus that of `exp(h (A + B))`.
    """
    factors = [{"AB"[i % 2]: c} for i, c in enumerate(coefficients)]
    return _defects(factors, {"A": 1, "B": 1}, {"A": 1, "B": 1}, top)


@functools.cache
def splitting_order(coefficients: tuple) -> int:
    """Order of a splitting of any two parts with these coefficients, used in turn.

    Exact up to round-off of `1e-12`, ten at most. On special systems (quadratic kinetic energy,
    a small perturbation) a method may do better. Cost: about a second at order eight, cached.
    """
    return _order(lambda top: (splitting_defects(coefficients, top), {"A": 1, "B": 1}))


def _letters(base: Hashable, order: int, symmetric: bool, top: int) -> dict:
    """Degrees of the unknown terms `h^k Y_k` in the logarithm of one step of a method."""
    return {
        (base, k): k for k in range(order + 1, top + 1) if not (symmetric and (k - order) % 2 == 0)
    }


def composition_defects(substeps: Sequence[tuple], top: int) -> tuple[dict, dict]:
    """The order conditions of a composition of one-step methods.

    **Arguments:** `substeps`: in the order in which they act, `(base, order, symmetric, adjoint,
    weight)`: which method (equal keys are one method), its order and symmetry, whether its
    adjoint acts, and over which fraction of `h`; `top`: highest degree.

    **Returns** the value of each condition (zero up to the order) and the degrees of the letters.
    A method of order `p` is `exp(h F + h^(p+1) Y_(p+1) + ...)` with unknown `Y`; symmetric ones
    have odd powers only; the adjoint changes the sign of even powers.

    ```python
    >>> from dynnets.integrators import composition_defects, composition_order, splitting_defects
    >>> halves = (("Verlet", 2, True, False, 0.5),) * 2
    >>> composition_order(halves)
    2
    >>> defects, degrees = composition_defects(halves, 3)
    >>> {word: value for word, value in defects.items() if value}
    {(('Verlet', 3),): 0.25}
    >>> splitting_defects((1, 1), 2)  # a kick and a drift: AB is missed by a half
    {('A',): 0, ('B',): 0, ('A', 'A'): 0.0, ('A', 'B'): 0.5, ('B', 'A'): -0.5, ('B', 'B'): 0.0}

    ```
    """
    degrees: dict = {"F": 1}
    for base, order, symmetric, _, _ in substeps:
        degrees |= _letters(base, order, symmetric, top)
    factors = []
    for base, order, symmetric, adjoint, weight in substeps:
        factor: dict = {"F": weight}
        for letter, k in _letters(base, order, symmetric, top).items():
            factor[letter] = weight**k * (-1 if adjoint and k % 2 == 0 else 1)
        factors.append(factor)
    return _defects(factors, {"F": 1}, degrees, top), degrees


@functools.cache
def composition_order(substeps: tuple[tuple, ...]) -> int:
    """Order of a composition, for every field: see `composition_defects`.

    Ten at most; zero when the weights do not sum to one.
    """
    return _order(lambda top: composition_defects(substeps, top))
