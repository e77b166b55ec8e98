"""Networks as discrete control problems: layers are times, weights are controls."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


def forward_states(layer: Callable, controls: PyTree, x0: Array) -> Array:
    """`x_0, ..., x_N` with `x_{k+1} = layer(x_k, u_k)`, shape `(N + 1, *x0.shape)`.

    **Arguments:** `layer`: a map that keeps the shape of `x`; `controls`: its weights, each leaf
    with the leading axis `N`; `x0`: a state, or a batch as the layer takes it.
    """

    def body(x, control):
        new = layer(x, control)
        return new, new

    return jnp.concatenate([x0[None], jax.lax.scan(body, x0, controls)[1]])


def layer_hamiltonian(layer: Callable, running_cost: Callable | None, x, u, costate) -> Array:
    """`H(x_k, u_k, l_{k+1}) = L(x_k, u_k) + l_{k+1} . layer(x_k, u_k)`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.control import backward_costates, forward_states, layer_hamiltonian
    >>> layer = lambda x, u: x + 0.1 * u * x
    >>> controls, cost = jnp.array([1.0, 2.0]), lambda x: jnp.sum(x**2) / 2
    >>> xs = forward_states(layer, controls, jnp.array([1.0]))
    >>> costates = backward_costates(layer, controls, xs, cost)
    >>> costates.shape, float(layer_hamiltonian(layer, None, xs[1], controls[1], costates[2]))
    ((3, 1), 1.742...)

    ```
    """
    flow = jnp.sum(costate * layer(x, u))
    return flow if running_cost is None else running_cost(x, u) + flow


def backward_costates(
    layer: Callable,
    controls: PyTree,
    xs: Array,
    terminal_cost: Callable,
    running_cost: Callable | None = None,
) -> Array:
    """`l_k = H_x(x_k, u_k, l_{k+1})` from `l_N = Phi_x(x_N)`, shape `(N + 1, *x0.shape)`.

    `l_k` is the gradient of the cost in `x_k`: the adjoint of backpropagation, and of a neural ODE
    in the limit of many layers. **Arguments:** `xs`: what `forward_states` returned;
    `terminal_cost`: `Phi(x_N)`; `running_cost`: `L(x_k, u_k)` per layer, such as a penalty on
    weights.
    """
    slope = jax.grad(layer_hamiltonian, argnums=2)

    def body(costate, part):
        x, control = part
        new = slope(layer, running_cost, x, control, costate)
        return new, new

    last = jax.grad(terminal_cost)(xs[-1])
    before = jax.lax.scan(body, last, (xs[:-1], controls), reverse=True)[1]
    return jnp.concatenate([before, last[None]])


def hamiltonian_gradient(
    layer: Callable,
    controls: PyTree,
    x0: Array,
    terminal_cost: Callable,
    running_cost: Callable | None = None,
) -> PyTree:
    """`H_u(x_k, u_k, l_{k+1})` of every layer: the gradient of the cost in the weights.

    The discrete maximum principle asks for `u_k = argmin H`; a step along `-H_u` is its cheapest
    approximation, and gradient descent. A layer needs its own `x_k` and `l_{k+1}` only.
    **Returns** a pytree like `controls`. Source: Li, Hao, An Optimal Control Approach to Deep
    Learning, ICML 2018, arXiv:1803.01299.
    """
    xs = forward_states(layer, controls, x0)
    costates = backward_costates(layer, controls, xs, terminal_cost, running_cost)

    def slope(x, control, costate):
        value = lambda u: layer_hamiltonian(layer, running_cost, x, u, costate)  # noqa: E731
        return jax.grad(value)(control)

    return jax.vmap(slope)(xs[:-1], controls, costates[1:])


def layered_cost(
    layer: Callable,
    controls: PyTree,
    x0: Array,
    terminal_cost: Callable,
    running_cost: Callable | None = None,
) -> Array:
    """`sum_k L(x_k, u_k) + Phi(x_N)`, whose gradient in `controls` is `hamiltonian_gradient`.

    A loss for any optimiser that trains by costates rather than by differentiating the program.
    Reverse mode, in `controls` only.
    """
    return _layered_cost(controls, layer, x0, terminal_cost, running_cost)


@eqx.filter_custom_vjp
def _layered_cost(controls, layer, x0, terminal_cost, running_cost):
    xs = forward_states(layer, controls, x0)
    final = terminal_cost(xs[-1])
    if running_cost is None:
        return final
    return jnp.sum(jax.vmap(running_cost)(xs[:-1], controls)) + final


@_layered_cost.def_fwd
def _layered_forward(perturbed, controls, layer, x0, terminal_cost, running_cost):
    value = _layered_cost(controls, layer, x0, terminal_cost, running_cost)
    return value, None


@_layered_cost.def_bwd
def _layered_backward(residuals, grad, perturbed, controls, layer, x0, terminal_cost, running_cost):
    gradient = hamiltonian_gradient(layer, controls, x0, terminal_cost, running_cost)
    return jax.tree.map(lambda leaf: grad * leaf, gradient)
