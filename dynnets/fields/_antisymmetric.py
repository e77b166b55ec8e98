"""Fields whose Jacobian has its eigenvalues on, or left of, the imaginary axis."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import VOLUME, check_choice, check_size
from dynnets.linear import skew_symmetric, spectral_norm
from dynnets.nn import MONOTONE, MONOTONE_ACTIVATIONS, affine

from ._abstract import AbstractField


class AntisymmetricField(AbstractField):
    """`x' = s((W - W^T - g I) x + b)`: signals neither explode nor fade along the flow.

    The Jacobian is `D (W - W^T - g I)` with the slopes `D >= 0`: eigenvalues on the imaginary
    axis for `g = 0`, real parts in `[-g max D, -g min D]` otherwise. That holds at every state,
    which is no bound of the flow by itself. Preserves: volume for `g = 0`, since the diagonal of
    the Jacobian is zero; the implicit midpoint rule keeps it exactly. Explicit Euler amplifies
    imaginary modes: `g` about `h w^2` damps a mode of frequency `w` enough.

    **Arguments:** `dim`; `damping`: `g >= 0`, not trained; `scale`: standard deviation of
    `W - W^T` times `sqrt(dim)`; `activation`: one of `MONOTONE_ACTIVATIONS`; `key`.
    Raises `ValueError` for negative damping. Cost: one product. Source: Haber, Ruthotto, Stable
    architectures for deep neural networks, Inverse Problems 34, 2018, arXiv:1705.03341; Chang,
    Chen, Haber, Chi, AntisymmetricRNN, ICLR 2019, arXiv:1902.09689.

    ```python
    >>> import jax.random as jr
    >>> from dynnets.fields import AntisymmetricField
    >>> [sorted(AntisymmetricField(3, damping=g, key=jr.key(0)).structure) for g in (0.0, 0.1)]
    [[VOLUME], []]

    ```
    """

    weight: Float[Array, "d d"]
    bias: Float[Array, " d"]
    damping: float = eqx.field(static=True)
    activation: str = eqx.field(static=True)
    features_first: ClassVar[bool] = True
    shear: ClassVar[bool] = True

    def __init__(
        self,
        dim: int,
        *,
        damping: float = 0.0,
        scale: float = 1.0,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("dim", dim)
        check_choice("activation", activation, MONOTONE_ACTIVATIONS)
        if not 0 <= damping < float("inf"):
            raise ValueError(f"damping must be finite and not negative, got {damping}")
        self.weight = jr.normal(key, (dim, dim)) * (scale / (2 * dim) ** 0.5)
        self.bias = jnp.zeros(dim, self.weight.dtype)
        self.damping, self.activation = damping, activation

    @property
    def structure(self):
        """`{VOLUME}` without damping, else nothing."""
        return frozenset() if self.damping else frozenset({VOLUME})

    @property
    def lipschitz(self) -> Array:
        """`sup s' |W - W^T - g I|`, the norm `sqrt(|W - W^T|^2 + g^2)` by exact singular values."""
        norm = spectral_norm(skew_symmetric(self.weight))
        return MONOTONE[self.activation].high * jnp.sqrt(norm**2 + self.damping**2)

    def __call__(self, t, x, args=None):
        """`s((W - W^T) x - g x + b)`."""
        z = affine(skew_symmetric(self.weight), self.bias, x)
        return MONOTONE[self.activation].value(z - self.damping * x if self.damping else z)
