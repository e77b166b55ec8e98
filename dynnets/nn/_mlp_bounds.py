"""What is known of a multilayer perceptron at every input: how steep it is and how far it goes."""

import math

import jax.numpy as jnp
import numpy as np

from dynnets.linear import singular_bounds

# sup |s'(z)| of each activation (that of swish is 1.0998), and sup |s(z)| where there is one.
_SLOPES = {"tanh": 1.0, "sigmoid": 0.25, "softplus": 1.0, "sin": 1.0, "swish": 1.1}
_HEIGHTS = {"tanh": 1.0, "sigmoid": 1.0, "sin": 1.0}


def mlp_lipschitz_bound(layers, activation: str) -> float:
    """The product of the layers' norms and of the largest slopes between them.

    Norms by exact singular values, each with its rounding in the dtype of the weights
    (`singular_bounds`), never by power iteration. Infinite for weights that are not finite.
    """
    norms = [singular_bounds(weight)[1] for weight, _ in layers]
    return math.prod(norms) * _SLOPES[activation] ** (len(layers) - 1)


def mlp_range_bound(layers, activation: str) -> tuple[float, float] | None:
    """`(low, high)` that encloses every output of a net with one output and bounded activation.

    The last layer on features of `[-1, 1]`: `-|w|_1 + b <= y <= |w|_1 + b`, widened by the
    rounding of that sum. `None` where the activation is unbounded, where no hidden layer stands
    before the output, and for nets of several outputs; infinite for weights that are not finite.
    """
    weight, bias = layers[-1]
    if len(layers) < 2 or activation not in _HEIGHTS or weight.shape[0] != 1:
        return None
    if not all(
        np.isfinite(np.asarray(a, float)).all() for layer in layers for a in layer if a is not None
    ):
        return -math.inf, math.inf
    eps = float(jnp.finfo(weight.dtype).eps)
    reach = float(np.abs(np.asarray(weight, float)).sum()) * _HEIGHTS[activation]
    shift = 0.0 if bias is None else float(bias[0])
    reach = reach * (1 + 4 * max(weight.shape) * eps) + 4 * eps * abs(shift)
    return shift - reach, shift + reach
