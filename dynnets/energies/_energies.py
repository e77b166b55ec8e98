"""Scalars behind fields: energies and potentials, learned or given, with their gradients."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import assemble, check_finite, split_phase
from dynnets.nn import MLP

from ._abstract import AbstractEnergy


def _per_feature(values, x):
    """`values (d,)` shaped to multiply `x (d, ...)`."""
    return values.reshape(values.shape + (1,) * (x.ndim - 1))


class MLPEnergy(AbstractEnergy):
    """A learned energy `H(x) = w^T s(W_2 s(W_1 x + b_1) + b_2)`, a net with one output.

    The last layer has no bias: an energy counts up to a constant. The gradient is in closed
    form; cost: two products per hidden layer.

    **Arguments:** `dim`: size of the argument; `width`, `depth`, `activation`, `key`: as `MLP`.
    """

    net: MLP

    def __init__(
        self, dim: int, width: int, depth: int, *, activation: str = "tanh", key: PRNGKeyArray
    ):
        self.net = MLP(dim, 1, width, depth, activation=activation, final_bias=False, key=key)

    @classmethod
    def from_weights(cls, layers, *, activation: str = "tanh") -> "MLPEnergy":
        """The energy of given weights, as `MLP.from_weights`; the last layer has one output."""
        net = MLP.from_weights(layers, activation=activation)
        if net.layers[-1][0].shape[0] != 1:
            raise ValueError(f"an energy has one output, got {net.layers[-1][0].shape[0]}")
        return assemble(cls, net=net)

    def __call__(self, t, x):
        """`H(x)`."""
        return self.net(x)[0]

    def gradient(self, t, x):
        """`grad H(x)` in closed form."""
        return self.net.gradient(x)


class QuadraticEnergy(AbstractEnergy):
    """`H(x) = x^T S x / 2` with `S` the symmetric part of `matrix (d, d)`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import QuadraticEnergy
    >>> energy = QuadraticEnergy(jnp.diag(jnp.array([1.0, 4.0])))
    >>> x = jnp.ones(2)
    >>> float(energy(0.0, x)), energy.gradient(0.0, x).tolist()
    (2.5, [1.0, 4.0])

    ```
    """

    matrix: Float[Array, "d d"]

    @property
    def quadratic(self):
        """True: it is a polynomial of degree two for all parameters."""
        return True

    def __init__(self, matrix):
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square, got shape {matrix.shape}")
        self.matrix = matrix

    def __call__(self, t, x):
        """`x^T S x / 2`."""
        return jnp.sum(x * (self.matrix @ x), axis=0) / 2

    def gradient(self, t, x):
        """`S x`."""
        return (self.matrix + self.matrix.T) @ x / 2


class HalfSquareEnergy(AbstractEnergy):
    """`H(x) = |x|^2 / 2`: what fields on spheres keep."""

    @property
    def quadratic(self):
        """True: it is a polynomial of degree two for all parameters."""
        return True

    @property
    def convex(self):
        """True: it is convex for all parameters."""
        return True

    @property
    def half_square(self):
        """True: it is `|x|^2 / 2`."""
        return True

    def __call__(self, t, x):
        """`|x|^2 / 2`."""
        return jnp.sum(x**2, axis=0) / 2

    def gradient(self, t, x):
        """`x` itself."""
        return x


class KineticEnergy(AbstractEnergy):
    """`T(p) = sum_i p_i^2 / (2 m_i)`, masses positive by construction (their logarithm is stored).

    **Arguments:** `mass`: shape `(n,)`, one per momentum; `ValueError` unless all are positive.
    """

    log_mass: Float[Array, " n"]

    @property
    def quadratic(self):
        """True: it is a polynomial of degree two for all parameters."""
        return True

    @property
    def convex(self):
        """True: it is convex for all parameters."""
        return True

    def __init__(self, mass):
        check_finite("mass", mass)
        if not isinstance(mass, jax.core.Tracer) and not bool((mass > 0).all()):
            raise ValueError(f"masses must be positive, got {mass}")
        self.log_mass = jnp.log(mass)

    @property
    def mass(self) -> Float[Array, " n"]:
        """The masses, shape `(n,)`."""
        return jnp.exp(self.log_mass)

    def __call__(self, t, p):
        """`sum_i p_i^2 / (2 m_i)`."""
        return jnp.sum(p * self.gradient(t, p), axis=0) / 2

    def gradient(self, t, p):
        """The velocities `p_i / m_i`."""
        return p * _per_feature(jnp.exp(-self.log_mass), p)


class FunctionEnergy(AbstractEnergy):
    """A given energy: wraps a function `H(t, x)` of one state `(d,)`.

    **Arguments:** `function`: pure, returns a scalar; may itself be an Equinox module.
    `gradient_function`: `g(t, x)`, its gradient where one line gives it (else `jax.grad`);
    `reads_time`: whether `H` depends on `t`; a field of it then claims no energy.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import FunctionEnergy, QuadraticEnergy
    >>> bowl = FunctionEnergy(lambda t, x: jnp.sum(x**2) / 2)
    >>> bowl.gradient(0.0, jnp.array([1.0, 2.0])).tolist()
    [1.0, 2.0]

    ```
    """

    function: Callable
    gradient_function: Callable | None = None
    reads_time: bool = eqx.field(default=False, static=True)

    @property
    def autonomous(self):
        """Whether the function was declared not to read the time."""
        return not self.reads_time

    def __call__(self, t, x):
        """`H(t, x)`."""
        if x.ndim == 1:
            return self.function(t, x)
        return jax.vmap(self.function, in_axes=(0 if jnp.ndim(t) else None, -1))(t, x)

    def gradient(self, t, x):
        """`grad H(t, x)`."""
        one = self.gradient_function or jax.grad(self.function, argnums=1)
        if x.ndim == 1:
            return one(t, x)
        return jax.vmap(one, in_axes=(0 if jnp.ndim(t) else None, -1), out_axes=-1)(t, x)


def as_energy(energy: Any) -> AbstractEnergy:
    """The energy itself, or a function `H(t, x)` of one state as a `FunctionEnergy`.

    What every field and model does to an energy or a potential that it is given, so that a bare
    function will do. Wrap it yourself to give its gradient, or to say that it reads the time:
    `FunctionEnergy(function, reads_time=True)`. Raises `ValueError` for what is not callable.
    """
    if isinstance(energy, AbstractEnergy):
        return energy
    if not callable(energy):
        raise ValueError(
            f"an energy is an AbstractEnergy or a function H(t, x), got {type(energy).__name__}"
        )
    return FunctionEnergy(energy)


class SeparableEnergy(AbstractEnergy):
    """`H(q, p) = T(p) + V(q)`.

    **Arguments:** `kinetic`: an energy of the momenta; `potential`: an energy of the coordinates;
    functions of `(t, p)` and `(t, q)` do as well, see `as_energy`.
    """

    kinetic: AbstractEnergy = eqx.field(converter=as_energy)
    potential: AbstractEnergy = eqx.field(converter=as_energy)

    @property
    def autonomous(self):
        """Whether both parts are."""
        return self.kinetic.autonomous and self.potential.autonomous

    @property
    def quadratic(self):
        """Whether both parts are."""
        return self.kinetic.quadratic and self.potential.quadratic

    @property
    def convex(self):
        """Whether both parts are."""
        return self.kinetic.convex and self.potential.convex

    def __call__(self, t, x):
        """`T(t, p) + V(t, q)`."""
        q, p = split_phase(x)
        return self.kinetic(t, p) + self.potential(t, q)

    def gradient(self, t, x):
        """`(grad V(q), grad T(p))`."""
        q, p = split_phase(x)
        return jnp.concatenate([self.potential.gradient(t, q), self.kinetic.gradient(t, p)])
