"""Fields whose Jacobian has its eigenvalues on, or left of, the imaginary axis."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import VOLUME, assemble, check_choice, check_size
from dynnets.linear import norm_bound, skew_symmetric
from dynnets.nn import MONOTONE, MONOTONE_ACTIVATIONS, affine

from ._abstract import AbstractField


def _check_damping(damping: float) -> None:
    if not 0 <= damping < float("inf"):
        raise ValueError(f"damping must be finite and not negative, got {damping}")


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
        _check_damping(damping)
        self.weight = jr.normal(key, (dim, dim)) * (scale / (2 * dim) ** 0.5)
        self.bias = jnp.zeros(dim, self.weight.dtype)
        self.damping, self.activation = damping, activation

    @classmethod
    def from_weights(
        cls, weight, bias, *, damping: float = 0.0, activation: str = "tanh"
    ) -> "AntisymmetricField":
        """The field of given weights `W (d, d)` and `b (d,)`; `ValueError` for other shapes."""
        check_choice("activation", activation, MONOTONE_ACTIVATIONS)
        _check_damping(damping)
        weight, bias = jnp.asarray(weight), jnp.asarray(bias)
        if weight.ndim != 2 or weight.shape != bias.shape * 2:
            raise ValueError(
                f"weight must have shape (d, d) and bias (d,), got {weight.shape} and {bias.shape}"
            )
        options = {"damping": damping, "activation": activation}
        return assemble(cls, weight=weight, bias=bias, **options)

    @property
    def structure(self):
        """`{VOLUME}` without damping, else nothing."""
        return frozenset() if self.damping else frozenset({VOLUME})

    @property
    def lipschitz(self) -> Array:
        """An upper bound of `sup s' |W - W^T - g I|`, `sqrt(|W - W^T|^2 + g^2)` by `norm_bound`."""
        norm = norm_bound(skew_symmetric(self.weight))
        if self.damping:  # else the square root has no slope where all weights are zero
            norm = jnp.sqrt(norm**2 + self.damping**2)
        return MONOTONE[self.activation].high * norm * (1 + 4 * float(jnp.finfo(norm.dtype).eps))

    def __call__(self, t, x, args=None):
        """`s((W - W^T) x - g x + b)`."""
        z = affine(skew_symmetric(self.weight), self.bias, x)
        return MONOTONE[self.activation].value(z - self.damping * x if self.damping else z)
