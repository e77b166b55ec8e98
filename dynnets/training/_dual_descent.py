"""Levenberg-Marquardt with more parameters than residuals: the damped step in its dual form."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import optimistix as optx


class _DualState(eqx.Module):
    jacobian: jnp.ndarray
    directions: jnp.ndarray
    squares: jnp.ndarray
    residual: jnp.ndarray


class _DualDescent(optx.AbstractDescent):
    """`-J^T (J J^T + mu I)^{-1} r`, which is `-(J^T J + mu I)^{-1} J^T r`, with `mu = 1 / step`.

    One symmetric eigenvalue problem of the size of the residual per Jacobian serves every `mu`.
    """

    def init(self, y, f_info_struct):
        size = f_info_struct.residual.shape[0]
        zero = jnp.zeros(size, y.dtype)
        square = jnp.zeros((size, size), y.dtype)
        return _DualState(jnp.zeros((size, y.shape[0]), y.dtype), square, zero, zero)

    def query(self, y, f_info, state):
        jacobian = f_info.jac.as_matrix()
        squares, directions = jnp.linalg.eigh(jacobian @ jacobian.T)
        # round-off makes the smallest ones negative, and a mu below that would divide by them
        squares = jnp.maximum(squares, 0)
        return _DualState(jacobian, directions, squares, f_info.residual)

    def step(self, step_size, state):
        smallest = jnp.finfo(state.squares.dtype).tiny
        damped = state.squares + jnp.maximum(1 / step_size, smallest)
        weights = state.directions @ ((state.directions.T @ state.residual) / damped)
        return -(state.jacobian.T @ weights), optx.RESULTS.successful


class DualLevenbergMarquardt(optx.AbstractGaussNewton):
    """Optimistix's Levenberg-Marquardt method, its step solved by `J J^T + mu I`.

    For vectors of parameters and residuals, with `options={"jac": "bwd"}`: one pull-back per
    residual instead of one push-forward per parameter. **Arguments:** the tolerances.
    """

    rtol: float
    atol: float
    norm: Callable
    descent: optx.AbstractDescent
    search: optx.AbstractSearch
    verbose: Callable

    def __init__(self, rtol: float, atol: float):
        self.rtol, self.atol = rtol, atol
        self.norm = optx.max_norm
        self.descent = _DualDescent()
        # the damping falls with every fair step: residuals that are polynomials of high degree
        # in the weights never agree with their model to 0.99, which is the default
        self.search = optx.ClassicalTrustRegion(0.1, 1e-4, 3.0, 0.25)
        self.verbose = _silent


def _silent(**values):
    pass
