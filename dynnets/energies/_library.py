"""Libraries of basis functions: what an energy may be a sum of, with names and gradients."""

import abc
import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import check_size


class AbstractLibrary(eqx.Module):
    """Basis functions `phi_1, ..., phi_K` of a state `x: (dim,)`, none of them constant."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Size of the argument."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many terms there are, `K`."""

    @abc.abstractmethod
    def __call__(self, x) -> Array:
        """`phi(x)`, shape `(K,)`, or `(K, N)` for features-first `(dim, N)`."""

    @abc.abstractmethod
    def term_names(self, variables: tuple[str, ...], latex: bool = False) -> tuple[str, ...]:
        """The terms in words, for components of these names; as LaTeX if asked."""

    def gradient(self, coefficients: Float[Array, " terms"], x) -> Array:
        """`sum_k c_k grad phi_k(x)`, of the shape of `x`.

        By reverse differentiation here; closed forms override it (tested against this one).
        """
        values, pull = jax.vjp(self, x)
        weights = coefficients.reshape(coefficients.shape + (1,) * (x.ndim - 1))
        return pull(jnp.broadcast_to(weights, values.shape))[0]


class MonomialLibrary(AbstractLibrary):
    """Monomials `x_1^e_1 ... x_d^e_d`, given by their exponents; see `monomials`.

    Values and gradients come from one table of powers made by repeated multiplication. The
    gradient of a polynomial is a polynomial: its coefficients are `c_k` times an exponent, its
    monomials each evaluated once. Cost: a product a variable and monomial.

    **Arguments:** `exponents`: one tuple of `d` integers a term. Raises `ValueError` for none,
    unequal lengths, negative or repeated ones, and the constant, which no motion shows.
    """

    exponents: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __check_init__(self):
        if not self.exponents or len({len(e) for e in self.exponents}) != 1:
            raise ValueError(f"exponents are tuples of one length, got {self.exponents}")
        if len(set(self.exponents)) != len(self.exponents):
            raise ValueError(f"a monomial stands twice in {self.exponents}")
        for exponent in self.exponents:
            for power in exponent:
                check_size("an exponent", power, 0)
            if not any(exponent):
                raise ValueError("a constant moves nothing: leave out the exponents (0, ..., 0)")

    @property
    def dim(self) -> int:
        """Number of variables."""
        return len(self.exponents[0])

    @property
    def size(self) -> int:
        """Number of monomials."""
        return len(self.exponents)

    def __call__(self, x):
        """The monomials at `x`."""
        return _evaluate(np.array(self.exponents), x)

    def gradient(self, coefficients, x):
        """`sum_k c_k grad phi_k(x)` in closed form."""
        lower, columns, powers = _derivatives(self.exponents)
        matrix = jnp.asarray(powers, coefficients.dtype) * coefficients[columns]
        return matrix @ _evaluate(lower, x)

    def term_names(self, variables, latex=False):
        """Products of powers, such as `q0^2 q1`."""
        names = latex_names(variables) if latex else variables
        return tuple(_monomial_name(e, names, latex) for e in self.exponents)


def _evaluate(exponents: np.ndarray, x):
    """Monomials `(K, ...)` of exponents `(K, d)` at `x (d, ...)`."""
    powers = [jnp.ones_like(x), x]
    for _ in range(int(exponents.max(initial=1)) - 1):
        powers.append(powers[-1] * x)
    table = jnp.stack(powers)
    factors = (
        table.at[exponents[:, i], i].get(mode="promise_in_bounds") for i in range(x.shape[0])
    )
    return functools.reduce(jnp.multiply, factors)


@functools.lru_cache(maxsize=64)
def _derivatives(exponents: tuple[tuple[int, ...], ...]):
    """The monomials `(M, d)` of all first derivatives, and where they come from.

    The derivative by `x_i` holds the monomial `m` with the factor `powers[i, m]` times the
    coefficient of the term `columns[i, m]`; that factor is zero where it does not occur.
    """
    index = {exponent: k for k, exponent in enumerate(exponents)}
    dim = len(exponents[0])
    lowered = {}
    for exponent in exponents:
        for i in range(dim):
            if exponent[i]:
                less = tuple(p - (j == i) for j, p in enumerate(exponent))
                lowered.setdefault(less, len(lowered))
    columns = np.zeros((dim, len(lowered)), int)
    powers = np.zeros((dim, len(lowered)))
    for less, m in lowered.items():
        for i in range(dim):
            raised = tuple(p + (j == i) for j, p in enumerate(less))
            if raised in index:
                columns[i, m], powers[i, m] = index[raised], raised[i]
    return np.array(list(lowered)), columns, powers


def monomials(dim: int, degree: int) -> MonomialLibrary:
    """All monomials of `dim` variables of total degree 1 to `degree`: `C(dim + degree, dim) - 1`.

    Raises `ValueError` for sizes below one.

    ```python
    >>> from dynnets.energies import monomials
    >>> monomials(2, 2).term_names(("x", "y"))
    ('x', 'x^2', 'y', 'y^2', 'x y')

    ```
    """
    check_size("dim", dim)
    check_size("degree", degree)
    every = itertools.product(range(degree + 1), repeat=dim)
    kept = sorted((e for e in every if 0 < sum(e) <= degree), key=_reading_order)
    return MonomialLibrary(tuple(kept))


def tensor_monomials(dim: int, degree: int, interaction: int | None = None) -> MonomialLibrary:
    """All monomials with every exponent at most `degree`: `(degree + 1)^dim - 1` of them.

    **Arguments:** `interaction`: at most so many different variables in one term, all of them by
    default. For two variables the count is `degree^2 + 2 degree`, and the total degree goes up to
    `2 degree`. Raises `ValueError` for sizes below one.
    """
    check_size("dim", dim)
    check_size("degree", degree)
    interaction = dim if interaction is None else interaction
    check_size("interaction", interaction)
    every = itertools.product(range(degree + 1), repeat=dim)
    kept = sorted((e for e in every if 0 < sum(map(bool, e)) <= interaction), key=_reading_order)
    return MonomialLibrary(tuple(kept))


def _reading_order(exponent):
    """Few variables first, then by the variables, then low powers first."""
    variables = tuple(i for i, power in enumerate(exponent) if power)
    return len(variables), variables, exponent


def _monomial_name(exponent, names, latex: bool) -> str:
    power = "{0}^{{{1}}}" if latex else "{0}^{1}"
    factors = [
        name if p == 1 else power.format(name, p)
        for name, p in zip(names, exponent, strict=True)
        if p
    ]
    return " ".join(factors)


def latex_names(variables: tuple[str, ...]) -> tuple[str, ...]:
    """`q12` becomes `q_{12}`; names without digits at their end stay as they are."""
    found = []
    for name in variables:
        letters = name.rstrip("0123456789")
        found.append(f"{letters}_{{{name[len(letters) :]}}}" if letters != name else name)
    return tuple(found)
