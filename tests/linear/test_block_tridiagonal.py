"""Block tridiagonal solves against dense ones, and as a solver of lineax."""

import jax
import jax.numpy as jnp
import jax.random as jr
import lineax as lx
import pytest
from helpers import assert_close

from dynnets.linear import BlockTridiagonal, solve_block_tridiagonal

COUNT, N = 5, 2


def blocks():
    keys = jr.split(jr.key(0), 4)
    lower, diagonal, upper = (jr.normal(key, (COUNT, N, N)) for key in keys[:3])
    return lower, diagonal + 4 * jnp.eye(N)[None], upper, jr.normal(keys[3], (COUNT, N))


def product(lower, diagonal, upper, x):
    """The matrix of the blocks times `x`."""
    edge = jnp.zeros((1, N))
    before, after = jnp.concatenate([edge, x[:-1]]), jnp.concatenate([x[1:], edge])
    return sum(
        jnp.einsum("kij,kj->ki", a, y) for a, y in ((lower, before), (diagonal, x), (upper, after))
    )


def test_elimination_solves_the_system():
    lower, diagonal, upper, right = blocks()
    x = jax.jit(solve_block_tridiagonal)(lower, diagonal, upper, right)
    assert_close(product(lower, diagonal, upper, x), right)


def test_a_block_that_only_rounding_makes_regular_is_refused():
    lower, diagonal, upper, right = blocks()
    diagonal = diagonal.at[0].set(jnp.array([[0.1, 0.3], [0.3, 0.9]]))
    with pytest.raises(ValueError, match="leading block system is regular.*nan"):
        solve_block_tridiagonal(lower, diagonal, upper, right)
    x = jax.jit(solve_block_tridiagonal)(lower, diagonal, upper, right)
    assert bool(jnp.isnan(x).any())


def test_as_a_linear_solver():
    """The system, the transposed one, the gradient (which needs it), and a singular block."""
    lower, diagonal, upper, right = blocks()

    def operator(diagonal):
        return lx.FunctionLinearOperator(lambda x: product(lower, diagonal, upper, x), right)

    def total(right):
        return jnp.sum(lx.linear_solve(operator(diagonal), right, BlockTridiagonal()).value)

    @jax.jit
    def values(right):
        forward, back = operator(diagonal), operator(diagonal).T
        broken = operator(diagonal.at[0].set(0))
        solutions = [lx.linear_solve(o, right, BlockTridiagonal()).value for o in (forward, back)]
        result = lx.linear_solve(broken, right, BlockTridiagonal(), throw=False).result
        found = [forward.mv(solutions[0]), back.mv(solutions[1])]
        return found, jax.grad(total)(right), forward.as_matrix(), result

    found, slope, dense, result = values(right)
    for each in found:
        assert_close(each, right)
    expected = jnp.linalg.solve(dense.T, jnp.ones(COUNT * N)).reshape(COUNT, N)
    assert_close(slope, expected)
    assert bool(result != lx.RESULTS.successful)
