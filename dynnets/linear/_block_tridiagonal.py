"""Block tridiagonal systems, solved by elimination along a scan.

```python
>>> import jax.numpy as jnp
>>> from dynnets.linear import solve_block_tridiagonal
>>> side, middle = jnp.full((3, 1, 1), -1.0), jnp.full((3, 1, 1), 2.0)
>>> x = solve_block_tridiagonal(side, middle, side, jnp.ones((3, 1)))
>>> [round(float(v), 3) for v in x[:, 0]]
[1.5, 2.0, 1.5]

```
"""

import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Float

from dynnets._core import check_finite, solve_regular

Blocks = Float[Array, "blocks n n"]


def solve_block_tridiagonal(
    lower: Blocks, diagonal: Blocks, upper: Blocks, right: Float[Array, "blocks n"]
) -> Float[Array, "blocks n"]:
    """The `x` with `A_k x_{k-1} + B_k x_k + C_k x_{k+1} = r_k`, by block elimination.

    **Arguments:** `lower`: the `A_k`, `diagonal`: the `B_k`, `upper`: the `C_k`, each `(N, n, n)`
    (`A_0` and `C_{N-1}` are not read); `right`: `(N, n)`.

    Cost: `O(N n^3)` where a dense solve takes `O(N^3 n^3)`; the compiled program does not grow
    with `N`. Pivots within blocks only: a leading block system that is singular to rounding is a
    `ValueError`, and NaN in compiled code. Source: Golub, Van Loan, Matrix Computations, 2013, 4.5.
    """

    def eliminate(carry, row):
        ratio, reduced = carry
        a, b, c, r = row
        pivot = b - a @ ratio
        both = jnp.concatenate([c, (r - a @ reduced)[:, None]], axis=1)
        both = solve_regular("a pivot block", pivot, both)
        carry = both[:, :-1], both[:, -1]
        return carry, carry

    def substitute(after, row):
        ratio, reduced = row
        x = reduced - ratio @ after
        return x, x

    start = jnp.zeros_like(diagonal[0]), jnp.zeros_like(right[0])
    _, rows = jax.lax.scan(eliminate, start, (lower, diagonal, upper, right))
    x = jax.lax.scan(substitute, jnp.zeros_like(right[0]), rows, reverse=True)[1]
    check_finite("the solution, unless every leading block system is regular,", x)
    return x


class BlockTridiagonal(lx.AbstractLinearSolver):
    """`solve_block_tridiagonal` as a linear solver of lineax, for vectors of shape `(N, n)`.

    Takes any operator whose matrix is block tridiagonal, such as the Jacobian of equations that
    couple neighbours only: its blocks are read off by `3 n` products, whatever `N`. That the other
    blocks vanish is the caller's promise.
    """

    def init(self, operator, options):
        """The three diagonals of blocks, by products with comb-shaped vectors."""
        shape = operator.in_structure()
        count, n = shape.shape
        places = jnp.arange(count) % 3

        def probe(colour, column):
            unit = jnp.zeros(n, shape.dtype).at[column].set(1)
            return operator.mv(jnp.where((places == colour)[:, None], unit[None], 0))

        columns = jax.vmap(lambda colour: jax.vmap(lambda j: probe(colour, j))(jnp.arange(n)))
        found = columns(jnp.arange(3)).transpose(0, 2, 3, 1)  # colour, row block, row, column

        def diagonal(offset):
            return found[(places + offset) % 3, jnp.arange(count)]

        return diagonal(-1), diagonal(0), diagonal(1)

    def compute(self, state, vector, options):
        """The solution; success is its being finite."""
        lower, diagonal, upper = state
        solution = solve_block_tridiagonal(lower, diagonal, upper, vector)
        failed = ~jnp.isfinite(solution).all()
        result = lx.RESULTS.where(failed, lx.RESULTS.singular, lx.RESULTS.successful)
        return solution, result, {}

    def transpose(self, state, options):
        """The blocks of the transposed matrix: neighbours change places."""
        lower, diagonal, upper = (jnp.swapaxes(blocks, 1, 2) for blocks in state)
        return (jnp.roll(upper, 1, axis=0), diagonal, jnp.roll(lower, -1, axis=0)), options

    def conj(self, state, options):
        """The conjugate blocks."""
        return tuple(blocks.conj() for blocks in state), options

    def assume_full_rank(self):
        """True."""
        return True
