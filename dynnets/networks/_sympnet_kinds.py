"""The kinds of SympNets: what their layers are and how they begin.

All weights are drawn as `scale * normal`, biases are zero, so a new net is close to the identity;
nets inside a layer have orthogonal weights, the last one times `scale`.

```python
>>> import jax.random as jr
>>> from dynnets.networks import (
...     AbstractDirectionLayer, AbstractRidgeLayer, AbstractShearLayer, AbstractSymplecticLayer,
...     ActivationLayer, GradientLayer, GradientRidgeLayer, HenonLayer, LinearActivationLayer,
...     LinearLayer, PolynomialRidgeLayer, RidgeLayer, TimeShearLayer, sympnet_g, sympnet_gr,
...     sympnet_h, sympnet_la, sympnet_p, sympnet_r, sympnet_t)
>>> kinds = {
...     sympnet_g: GradientLayer, sympnet_gr: GradientRidgeLayer, sympnet_h: HenonLayer,
...     sympnet_la: LinearActivationLayer, sympnet_p: PolynomialRidgeLayer,
...     sympnet_r: RidgeLayer, sympnet_t: TimeShearLayer}
>>> all(type(make(2, 2, key=jr.key(0)).layers) is layer for make, layer in kinds.items())
True
>>> all(issubclass(layer, AbstractShearLayer) for layer in (ActivationLayer, GradientLayer))
True
>>> all(issubclass(layer, AbstractDirectionLayer) for layer in (PolynomialRidgeLayer, RidgeLayer))
True
>>> issubclass(GradientRidgeLayer, AbstractRidgeLayer)
True
>>> all(issubclass(layer, AbstractSymplecticLayer) for layer in (LinearLayer, HenonLayer))
True

```
"""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PRNGKeyArray

from dynnets._core import check_choice, check_phase_dim, check_positive, check_size
from dynnets.energies import MLPEnergy, TimePotential
from dynnets.nn import ACTIVATIONS

from ._stack import stack_layers
from ._symplectic_layers import (
    ActivationLayer,
    GradientLayer,
    GradientRidgeLayer,
    HenonLayer,
    LinearActivationLayer,
    LinearLayer,
    PolynomialRidgeLayer,
    RidgeLayer,
    TimeShearLayer,
)
from ._sympnet import SympNet


def _degrees_of_freedom(dim: int, width: int, activation: str, scale: float) -> int:
    check_phase_dim("dim", dim)
    check_size("width", width)
    check_choice("activation", activation, ACTIVATIONS)
    check_positive("scale", scale)
    return dim // 2


def _quiet(net, scale: float):
    """A net or energy whose output layer is multiplied by `scale`."""
    return eqx.tree_at(lambda n: n.net.layers[-1][0], net, replace_fn=lambda a: scale * a)


def sympnet_la(
    dim: int,
    layers: int = 3,
    sublayers: int = 4,
    *,
    activation: str = "sigmoid",
    scale: float = 0.01,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """LA-SympNet: `layers - 1` times a linear and an activation layer, then a linear one.

    A linear layer is `sublayers` shears `p += h (S + S^T) q`, `q += h (S + S^T) p` in turn and a
    shift; more than five bring nothing, since five reach every symplectic matrix. An activation
    layer adds `h a s(q)` to `p`, or `h a s(p)` to `q`, in turn. Few parameters: the first choice.

    **Arguments:** `dim`: even; `layers >= 2`; `activation`: one of `ACTIVATIONS`; `scale`: of the
    weights drawn; `momenta_first`: as `SympNet`. Raises `ValueError` outside of these.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.networks import FixedStepNetwork, sympnet_la
    >>> net = sympnet_la(4, 3, key=jr.key(0))
    >>> isinstance(net.at(0.1), FixedStepNetwork)
    True
    >>> x = jnp.array([0.1, 0.2, 0.3, 0.4])
    >>> bool(jnp.allclose(net.inverse(0.1, net(0.1, x)), x)), bool((net(0.0, x) == x).all())
    (True, True)

    ```
    """
    n = _degrees_of_freedom(dim, 1, activation, scale)
    check_size("layers", layers, 2)
    check_size("sublayers", sublayers)

    def linear(key):
        return LinearLayer(scale * jr.normal(key, (sublayers, n, n)), jnp.zeros((2, n)))

    def make(key):
        first, second = jr.split(key)
        shear = ActivationLayer(scale * jr.normal(second, (n,)), activation)
        return LinearActivationLayer(linear(first), shear)

    first, second = jr.split(key)
    stack = stack_layers(make, layers - 1, key=first)
    return SympNet(dim, stack, linear(second), momenta_first=momenta_first)


def sympnet_g(
    dim: int,
    layers: int = 5,
    width: int = 30,
    *,
    parameters: int = 0,
    activation: str = "sigmoid",
    scale: float = 0.01,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """G-SympNet: layers `p += h K^T diag(a) s(K q + b)` and the same for `q`, in turn.

    With `parameters = m` the extended (E-)SympNet: `K q + C c + b` reads `m` parameters of the
    system, or conserved coordinates of a Poisson system in Darboux form, which pass unchanged.

    **Arguments:** `width`: rows of `K`; the others as `sympnet_la`. Source: as `SympNet`; Jin,
    Zhang, Kevrekidis and Karniadakis, Learning Poisson Systems, 2022, arXiv:2012.03133.
    """
    n = _degrees_of_freedom(dim, width, activation, scale)
    check_size("parameters", parameters, 0)

    def make(key):
        keys = jr.split(key, 3)
        mixing = scale * jr.normal(keys[2], (width, parameters)) if parameters else None
        return GradientLayer(
            scale * jr.normal(keys[0], (width, n)),
            scale * jr.normal(keys[1], (width,)),
            jnp.zeros(width),
            mixing,
            activation,
        )

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


def sympnet_h(
    dim: int,
    layers: int = 2,
    width: int = 30,
    depth: int = 1,
    *,
    activation: str = "tanh",
    scale: float = 0.01,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """HenonNet: layers of four Henon maps `(q, p) -> (p + h b, -q + h grad V(p))`, `V` a net.

    **Arguments:** `width`, `depth`: hidden layers of `V`; the others as `sympnet_la`.
    Source: Burby, Tang and Maulik, Plasma Physics and Controlled Fusion 63, 2021,
    arXiv:2007.04496.
    """
    n = _degrees_of_freedom(dim, width, activation, scale)

    def make(key):
        energy = MLPEnergy(n, width, depth, activation=activation, key=key)
        return HenonLayer(_quiet(energy, scale), jnp.zeros(n))

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


def sympnet_p(
    dim: int,
    layers: int = 8,
    degrees: tuple[int, int] = (2, 4),
    *,
    scale: float = 0.1,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """P-SympNet: exact flows of `sum_k a_k (w . x)^k`, `k` from the least to the largest degree.

    With degree 2 alone every layer is linear, and such products reach every flow of a quadratic
    energy. Polynomial maps grow fast outside the data.

    **Arguments:** `degrees`: least and largest, at least 1; `scale`: of the first `a_k k!`; the
    others as `sympnet_la`.
    Source: Tapley, Symplectic Neural Networks Based on Dynamical Systems, 2024, arXiv:2408.09821.
    """
    n = _degrees_of_freedom(dim, 1, "tanh", scale)
    least, largest = degrees
    check_size("the least degree", least)
    check_size("the largest degree", largest, least)

    def make(key):
        first, second = jr.split(key)
        # as in a Taylor series: a deep net of equal coefficients leaves the numbers at its start
        factorials = jnp.asarray([math.factorial(k) for k in range(least, largest + 1)], float)
        coefficients = scale * jr.normal(second, factorials.shape) / factorials
        return PolynomialRidgeLayer(jr.normal(first, (2, n)) / dim**0.5, coefficients, least)

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


def sympnet_r(
    dim: int,
    layers: int = 8,
    width: int = 10,
    *,
    activation: str = "tanh",
    scale: float = 0.1,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """R-SympNet: exact flows of ridge functions `g(w . x)` along learned directions `w`.

    **Arguments:** `width`: of the net `g'`; the others as `sympnet_la`. Source: as `sympnet_p`.
    """
    n = _degrees_of_freedom(dim, width, activation, scale)

    def make(key):
        first, second, third = jr.split(key, 3)
        return RidgeLayer(
            jr.normal(first, (2, n)) / dim**0.5,
            jr.normal(second, (width,)),
            jnp.zeros(width),
            scale * jr.normal(third, (width,)),
            activation,
        )

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


def sympnet_gr(
    dim: int,
    layers: int = 4,
    width: int = 20,
    depth: int = 1,
    *,
    activation: str = "tanh",
    scale: float = 0.01,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """GR-SympNet: exact flows of `g(A^T q + B^T p)`, `g` a net, `A^T B` symmetric for all weights.

    The arguments of `g` commute with each other, which makes the flow explicit.

    **Arguments:** `width`, `depth`: hidden layers of `g`; the others as `sympnet_la`. Source: as
    `sympnet_p`; the frame `(A, B)` here is isotropic for more than one degree of freedom too.
    """
    n = _degrees_of_freedom(dim, width, activation, scale)

    def make(key):
        first, second = jr.split(key)
        energy = MLPEnergy(n, width, depth, activation=activation, key=second)
        return GradientRidgeLayer(scale * jr.normal(first, (3, n, n)), _quiet(energy, scale))

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


def sympnet_t(
    dim: int,
    layers: int = 6,
    width: int = 10,
    depth: int = 2,
    *,
    activation: str = "tanh",
    scale: float = 0.01,
    momenta_first: bool = False,
    key: PRNGKeyArray,
) -> SympNet:
    """Time-dependent shears `p -= grad V(h, q) - grad V(0, q)`: a SympFlow with its blocks stacked.

    Exact flows of the energies `dV/dt(t, .)`, nonlinear in `h`; the identity at `h = 0`.

    **Arguments:** `width`, `depth`: hidden layers of `V`; the others as `sympnet_la`.
    Source: Canizares, Murari, Schoenlieb, Sherry and Shumaylov, arXiv:2412.16787.
    """
    n = _degrees_of_freedom(dim, width, activation, scale)

    def make(key):
        potential = TimePotential(n, width, depth, activation=activation, key=key)
        return TimeShearLayer(_quiet(potential, scale))

    return SympNet(dim, stack_layers(make, layers, key=key), momenta_first=momenta_first)


SYMPNETS = {
    "LA": sympnet_la,
    "G": sympnet_g,
    "H": sympnet_h,
    "P": sympnet_p,
    "R": sympnet_r,
    "GR": sympnet_gr,
    "T": sympnet_t,
}
"""The kinds by name: each `make(dim, layers, ..., key=key)`."""
