"""The gated recurrent cell as a vector field: one Euler step of it is the cell."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynnets._core import check_positive, check_size
from dynnets.nn import MLP

from ._abstract import AbstractField


class GatedField(AbstractField):
    """`x' = rate * g(x) (c(x) - x)`, gate `g` in `(0, 1)` and candidate `c` from one net.

    Its explicit Euler step of `1 / rate` is `x' = (1 - g) x + g c`, the update of a gated
    recurrent unit without input: the discrete-time baseline of a learned flow. Preserves nothing.

    **Arguments:** `dim`: the size of the state; `width`: that of the net's hidden layer; `rate`:
    positive, steps per unit of time; `key`: draws the weights. Cost: one net. Raises `ValueError`
    for sizes below one and a rate that is not positive.

    Sources: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014;
    as a field: De Brouwer et al., GRU-ODE-Bayes, NeurIPS 2019, arXiv:1905.12374.
    """

    net: MLP
    rate: float = eqx.field(static=True)
    features_first: ClassVar[bool] = True

    def __init__(self, dim: int, width: int, *, rate: float = 1.0, key: PRNGKeyArray):
        check_size("dim", dim)
        check_positive("rate", rate)
        self.net = MLP(dim, 2 * dim, width, 1, key=key)
        self.rate = rate

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """`rate * g(x) (c(x) - x)`."""
        gate, candidate = jnp.split(self.net(x), 2)
        return self.rate * jax.nn.sigmoid(gate) * (candidate - x)
