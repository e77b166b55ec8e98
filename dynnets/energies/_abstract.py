"""The role of every scalar: an energy, a potential."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import declared


class AbstractEnergy(eqx.Module):
    """A scalar function `H(t, x)` of time and state: an energy or a potential.

    A subclass defines `__call__`. What it may declare besides:

    - `autonomous`: it does not read the time, so that the flow of `J grad H` keeps it. True
      unless the class says otherwise.
    - `quadratic`: a polynomial of degree two in the state, for all parameters; `convex`: convex
      in the state, for all parameters; `half_square`: it is `|x|^2 / 2`.
    - `space_dim`: how many coordinates a body has, of an energy of several bodies.
    """

    @declared
    def space_dim(self) -> int:
        """How many coordinates a body has, 1 by default."""
        return 1

    @property
    def autonomous(self) -> bool:
        """True unless the class says otherwise."""
        return True

    @property
    def quadratic(self) -> bool:
        """Whether it is a polynomial of degree two in the state; `False` by default."""
        return False

    @property
    def convex(self) -> bool:
        """Whether it is convex in the state; `False` by default."""
        return False

    @property
    def half_square(self) -> bool:
        """Whether it is `|x|^2 / 2`; `False` by default."""
        return False

    @abc.abstractmethod
    def __call__(self, t, x, /) -> Array:
        """`H(t, x)`: a scalar for `x: (d,)`, shape `(N,)` for features-first `(d, N)`."""

    def gradient(self, t, x, /) -> Array:
        """`grad_x H(t, x)`, of the shape of `x`.

        By automatic differentiation here; energies whose gradient has a closed form override
        this with it (tested against this one).
        """
        if x.ndim == 1:
            return jax.grad(self.__call__, argnums=1)(t, x)
        t_axis = 0 if jnp.ndim(t) else None
        return jax.vmap(self.gradient, in_axes=(t_axis, -1), out_axes=-1)(t, x)
