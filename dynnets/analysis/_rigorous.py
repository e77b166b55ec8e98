"""Bounds that are computed and hold everywhere: what a certificate may call rigorous.

Every value carries a margin for the rounding of its own computation (`_margin`).
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import AbstractEnergy, AbstractField
from dynnets.fields import (
    MLP,
    ConstantDamping,
    HamiltonianField,
    KineticEnergy,
    MLPEnergy,
    PoissonField,
    PortHamiltonianField,
    SeparableHamiltonianField,
)

# sup |s'(z)| of each activation, and sup |s(z)| where there is one.
_SLOPES = {"tanh": 1.0, "sigmoid": 0.25, "softplus": 1.0, "sin": 1.0, "swish": 1.1}
_HEIGHTS = {"tanh": 1.0, "sigmoid": 1.0, "sin": 1.0}


def _margin(matrix: Array) -> float:
    """Backward error of a dense factorisation: `4 n eps` relative to the Frobenius norm."""
    return 4 * max(matrix.shape) * float(jnp.finfo(matrix.dtype).eps)


def _norm_bound(weight: Array) -> float:
    """An upper bound of the 2-norm: the largest singular value plus its rounding margin."""
    largest = float(jnp.linalg.svd(weight, compute_uv=False)[0])
    return largest + _margin(weight) * float(jnp.linalg.norm(weight))


def lipschitz_bound(net: MLP) -> float:
    """An upper bound of the Lipschitz constant of a net: product of layer norms and slopes.

    It bounds `|grad H|` of a net with one output everywhere. Singular values are exact, not
    power iteration. Loose for deep nets; infinite only for weights that are not finite.
    """
    norms = [_norm_bound(weight) for weight, _ in net.layers]
    return math.prod(norms) * _SLOPES[net.activation] ** (len(net.layers) - 1)


def range_bound(net: MLP) -> tuple[float, float] | None:
    """`(low, high)` that encloses every output of a net with one output and bounded activation.

    The last layer on features of `[-1, 1]`: `-|w|_1 + b <= y <= |w|_1 + b`. `None` where the
    activation is unbounded or no hidden layer stands before the output.
    """
    weight, bias = net.layers[-1]
    if len(net.layers) < 2 or net.activation not in _HEIGHTS or weight.shape[0] != 1:
        return None
    reach = float(jnp.sum(jnp.abs(weight))) * (1 + _margin(weight)) * _HEIGHTS[net.activation]
    shift = 0.0 if bias is None else float(bias[0])
    return shift - reach, shift + reach


def damping_range(factor: Array) -> tuple[float, float]:
    """Bounds of the spectrum of the constructed `D = L L^T`: `(lowest, highest)` eigenvalue.

    Symmetric eigenvalues of the matrix as it is used, widened by the rounding margin; the
    lowest may thus read a few units of round-off below zero for a singular `L`.
    """
    matrix = factor @ factor.T
    values = jnp.linalg.eigvalsh(matrix)
    slack = _margin(matrix) * float(jnp.linalg.norm(matrix))
    return float(values[0]) - slack, float(values[-1]) + slack


def bounded_statements(field: AbstractField) -> list[tuple[str, bool, float | None, str]]:
    """Rigorous lines about a field: `(property, holds, value, statement)` for each that applies."""
    return [
        line
        for part in (_damping_lines, _poisson_lines, _mass_lines, _energy_lines)
        for line in part(field)
    ]


def _damping_lines(field):
    if isinstance(field, PortHamiltonianField) and isinstance(field.damping, ConstantDamping):
        low, high = damping_range(field.damping.factor)
        matrix = field.damping.factor @ field.damping.factor.T
        yield (
            "DAMPING >= 0",
            low >= -2 * _margin(matrix) * float(jnp.linalg.norm(matrix)),
            low,
            f"eigenvalues of the damping matrix D = L L^T lie in [{low:.3g}, {high:.3g}]",
        )


def _poisson_lines(field):
    if isinstance(field, PoissonField):
        skew = float(jnp.abs(field.matrix + field.matrix.T).max())
        yield "SKEW MATRIX", skew == 0, skew, "max |B + B^T| of the Poisson matrix, no rounding"


def _mass_lines(field):
    if isinstance(field, SeparableHamiltonianField) and isinstance(field.kinetic, KineticEnergy):
        mass = field.kinetic.mass
        low, high = float(mass.min()), float(mass.max())
        yield (
            "MASSES > 0",
            low > 0 and math.isfinite(high),
            low,
            f"learned masses lie in [{low:.6g}, {high:.6g}]",
        )


def _net_of(energy: AbstractEnergy | None) -> MLP | None:
    return energy.net if isinstance(energy, MLPEnergy) else None


def _energy_lines(field):
    net = _net_of(getattr(field, "energy", None))
    if net is None or any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(net)):
        return
    if isinstance(field, HamiltonianField):
        speed = lipschitz_bound(net)
        yield (
            "SPEED <=",
            math.isfinite(speed),
            speed,
            "|f(x)| everywhere (product of exact layer norms): exact solutions exist for all time",
        )
    span = range_bound(net)
    if span is not None:
        low, high = span
        yield (
            "ENERGY RANGE",
            math.isfinite(high - low),
            high - low,
            f"the learned energy lies in [{low:.3g}, {high:.3g}] everywhere",
        )
