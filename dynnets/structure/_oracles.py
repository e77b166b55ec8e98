"""Oracles: one measured defect for each structure tag, zero up to round-off where the tag holds.

Each takes a map `x -> x'` or a step, and one state `(d,)`; `jax.vmap` batches them. They build
full Jacobians, so they are for tests and certificates, not for training.

```python
>>> import jax.numpy as jnp
>>> from dynnets.structure import (
...     angular_momentum_defect, dissipation_excess, energy_defect, expansion_excess,
...     momentum_defect, norm_defect, orthogonality_defect, poisson_defect, sum_defect,
...     volume_defect)
>>> form = jnp.array([[0.0, 1.0], [-1.0, 0.0]])
>>> turn, square = (lambda x: form @ x), (lambda t, x: x @ x)
>>> x = jnp.array([3.0, 4.0])
>>> [float(defect(turn, x)) for defect in (norm_defect, volume_defect, expansion_excess)]
[0.0, 0.0, 0.0]
>>> [float(f(turn, x, square)) for f in (energy_defect, dissipation_excess)]
[0.0, 0.0]
>>> float(poisson_defect(turn, x, form)), float(orthogonality_defect(turn, jnp.eye(2)))
(0.0, 0.0)
>>> float(sum_defect(turn, x)), float(momentum_defect(turn, x))  # both change
(6.0, 7.0)
>>> float(angular_momentum_defect(lambda x: 2 * x, jnp.array([1.0, 0.0, 0.0, 1.0]), 2))
3.0

```
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    canonical_matrix,
    check_phase_dim,
    split_phase,
)
from dynnets.integrators import AbstractStep, check_parts


def _jacobian(function: Callable, x: Array) -> Array:
    """The Jacobian of the map at `x`, NaN where its value is not finite.

    A value of NaN can have a finite derivative (`where(ok, y, nan)`), which would pass for a claim
    that holds.
    """

    def twice(y):
        value = function(y)
        return value, value

    slope, value = jax.jacfwd(twice, has_aux=True)(x)
    return jnp.where(jnp.isfinite(value).all(), slope, jnp.nan)


def symplecticity_defect(function: Callable, x: Float[Array, " two_n"]):
    """`max |D^T J D - J|`, `D` the Jacobian of the map at `x`: zero where it is symplectic.

    Cost: `2n` directional derivatives. Raises `ValueError` for an odd dimension.
    """
    check_phase_dim("the state's dimension", x.shape[0])
    jacobian = _jacobian(function, x)
    form = canonical_matrix(x.shape[0] // 2, x.dtype)
    return jnp.abs(jacobian.T @ form @ jacobian - form).max()


def poisson_defect(function: Callable, x: Float[Array, " d"], matrix: Float[Array, "d d"]):
    """`max |D B D^T - B|` for a constant skew matrix `B`: zero where the bracket is kept."""
    jacobian = _jacobian(function, x)
    matrix = jnp.asarray(matrix, jacobian.dtype)  # known constants take the state's precision
    return jnp.abs(jacobian @ matrix @ jacobian.T - matrix).max()


def volume_defect(function: Callable, x: Float[Array, " d"]):
    """`| |det D| - 1 |`: zero where the map keeps volume."""
    return jnp.abs(jnp.expm1(jnp.linalg.slogdet(_jacobian(function, x))[1]))


def energy_defect(function: Callable, x: Float[Array, " d"], energy: Callable, *, t=0.0, h=0.0):
    """`|H(t + h, x') - H(t, x)|`: zero where the map keeps the energy `H(t, x)`."""
    return jnp.abs(energy(t + h, function(x)) - energy(t, x))


def dissipation_excess(
    function: Callable, x: Float[Array, " d"], energy: Callable, *, t=0.0, h=0.0
):
    """`max(0, H(t + h, x') - H(t, x))`: zero where the map takes no energy in."""
    return jnp.maximum(energy(t + h, function(x)) - energy(t, x), 0)


def norm_defect(function: Callable, x: Array):
    """`| |x'| / |x| - 1 |` in the Euclidean norm: zero where the map keeps it."""
    return jnp.abs(jnp.linalg.norm(function(x).ravel()) / jnp.linalg.norm(x.ravel()) - 1)


def sum_defect(function: Callable, x: Array):
    """`|sum x' - sum x|`: zero where the map keeps the sum of the components."""
    return jnp.abs(jnp.sum(function(x)) - jnp.sum(x))


def orthogonality_defect(function: Callable, x: Float[Array, "n k"]):
    """`max |Q'^T Q' - Q^T Q|` of a matrix state: zero where orthogonal columns stay so."""
    after = function(x)
    return jnp.abs(after.T @ after - x.T @ x).max()


def expansion_excess(function: Callable, x: Float[Array, " d"]):
    """`max(0, |D|_2 - 1)`, `D` the Jacobian at `x`: zero where the map expands no direction."""
    return jnp.maximum(jnp.linalg.norm(_jacobian(function, x), 2) - 1, 0)


def total_momentum(
    x: Float[Array, " two_n *batch"], space_dim: int
) -> Float[Array, " space *batch"]:
    """`sum_i p_i` of bodies in `space_dim` dimensions, state `(q, p)` body by body."""
    p = split_phase(x)[1]
    if p.shape[0] % space_dim:
        raise ValueError(f"{p.shape[0]} momenta are no bodies of {space_dim} dimensions")
    return jnp.sum(p.reshape((-1, space_dim) + p.shape[1:]), axis=0)


def angular_momentum(x: Float[Array, " two_n *batch"], space_dim: int) -> Array:
    """`sum_i q_i p_i^T - p_i q_i^T`, entries above the diagonal: one in the plane, three in space.

    In three dimensions `(L_z, -L_y, L_x)`; state `(q, p)` body by body.
    """
    q, p = split_phase(x)
    if p.shape[0] % space_dim:
        raise ValueError(f"{p.shape[0]} momenta are no bodies of {space_dim} dimensions")
    q, p = (part.reshape((-1, space_dim) + part.shape[1:]) for part in (q, p))
    first, second = jnp.triu_indices(space_dim, 1)
    return jnp.sum(q[:, first] * p[:, second] - q[:, second] * p[:, first], axis=0)


def momentum_defect(function: Callable, x: Float[Array, " two_n"], space_dim: int = 1):
    """`max |P(x') - P(x)|` of the total linear momentum `P`."""
    return jnp.abs(total_momentum(function(x), space_dim) - total_momentum(x, space_dim)).max()


def angular_momentum_defect(function: Callable, x: Float[Array, " two_n"], space_dim: int):
    """`max |L(x') - L(x)|` of the total angular momentum `L`."""
    change = angular_momentum(function(x), space_dim) - angular_momentum(x, space_dim)
    return jnp.abs(change).max()


def symmetry_defect(step: Callable, field: Callable, t, x: Float[Array, " d"], h, args=None):
    """`max |S_{-h}(S_h(x)) - x|`: zero where a step of `-h` undoes a step of `h`."""
    ahead = step(field, t, x, h, args)
    return jnp.abs(step(field, t + h, ahead, -h, args) - x).max()


def reversibility_defect(
    step: AbstractStep, field: Callable, t, x: Float[Array, " d"], h, args=None
):
    """`max |S_h^{-1}(S_h(x)) - x|` by the step's own `inverse`.

    Raises `ValueError` for a step that has none.
    """
    if step.inverse is None:
        raise ValueError(f"the step {step!r} has no inverse")
    return jnp.abs(step.inverse(field, t, step(field, t, x, h, args), h, args) - x).max()


def one_step_map(step: AbstractStep, field: Callable, t, x, h, args=None) -> tuple[Callable, Array]:
    """The map whose structure a step claims, and the point that stands for `x` in its domain.

    `x -> step(field, t, x, h)` itself, but for steps that act on two copies of the state (Tao):
    their claim is on the pair, `step.on_pair` at `(x, x)`. Raises `ValueError` for a field
    without the parts that the step needs.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import verlet_kdk
    >>> from dynnets.structure import (
    ...     one_step_map, reversibility_defect, symmetry_defect, total_momentum)
    >>> from dynnets.systems import Harmonic
    >>> call = verlet_kdk, Harmonic().field, 0.0, jnp.array([1.0, 0.5]), 0.1
    >>> [bool(defect(*call) < 1e-6) for defect in (reversibility_defect, symmetry_defect)]
    [True, True]
    >>> move, point = one_step_map(*call)
    >>> move(point).shape, total_momentum(point, 1).tolist()
    ((2,), [0.5])

    ```
    """
    check_parts(step, field)
    if step.on_pair is not None:
        q, p = split_phase(x)
        pair = jnp.concatenate([q, q, p, p])
        return (lambda y: step.on_pair(field, t, y, h, args)), pair
    return (lambda y: step(field, t, y, h, args)), x


def on_map(defect: Callable) -> Callable:
    """An oracle of a step from a defect of a map."""

    def oracle(step, field, t, x, h, args=None):
        return defect(*one_step_map(step, field, t, x, h, args))

    oracle.__doc__ = f"`{defect.__name__}` of the step's map at `x`."
    return oracle


def poisson_oracle(step, field, t, x, h, args=None):
    """`poisson_defect` of the step's map at `x`, by the field's own `matrix`."""
    return poisson_defect(*one_step_map(step, field, t, x, h, args), field.matrix)


def energy_oracle(step, field, t, x, h, args=None):
    """`energy_defect` of the bare step at `x`, by the field's own `energy`."""
    return energy_defect(lambda y: step(field, t, y, h, args), x, field.energy, t=t, h=h)


def dissipation_oracle(step, field, t, x, h, args=None):
    """`dissipation_excess` of the bare step at `x`, by the field's own `energy`."""
    return dissipation_excess(lambda y: step(field, t, y, h, args), x, field.energy, t=t, h=h)


def symmetry_oracle(step, field, t, x, h, args=None):
    """`symmetry_defect` of the step's map at `x`, on the pair of copies where it has two."""
    there, point = one_step_map(step, field, t, x, h, args)
    back, _ = one_step_map(step, field, t + h, x, -h, args)
    return jnp.abs(back(there(point)) - point).max()


def momentum_oracle(step, field, t, x, h, args=None):
    """Largest change of `field.momentum`, where the field knows its masses (states of
    velocities); else `momentum_defect` of the bare step, space as the field's potential says it.
    """
    if field.momentum is not None:
        return jnp.abs(field.momentum(step(field, t, x, h, args)) - field.momentum(x)).max()
    return momentum_defect(lambda y: step(field, t, y, h, args), x, field.space_dim)
