"""Bounds that are computed and hold everywhere: what a certificate may call rigorous.

Every value carries a margin for the rounding of its own computation (`_margin`).
"""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets.energies import AbstractEnergy, ConstantMass, KineticEnergy, MLPEnergy
from dynnets.fields import (
    AbstractField,
    ConstantDamping,
    HamiltonianField,
    MassMatrixField,
    PairwiseField,
    PoissonField,
    SeparableHamiltonianField,
)
from dynnets.nn import MLP

# sup |s'(z)| of each activation, and sup |s(z)| where there is one.
_SLOPES = {"tanh": 1.0, "sigmoid": 0.25, "softplus": 1.0, "sin": 1.0, "swish": 1.1}
_HEIGHTS = {"tanh": 1.0, "sigmoid": 1.0, "sin": 1.0}


def _margin(matrix: Array) -> float:
    """Backward error of a dense factorisation: `4 n eps` relative to the Frobenius norm."""
    return 4 * max(matrix.shape) * float(jnp.finfo(matrix.dtype).eps)


def _slack(matrix: Array) -> float:
    """The margin in absolute terms."""
    return _margin(matrix) * float(jnp.linalg.norm(matrix))


def _norm_bound(weight: Array) -> float:
    """An upper bound of the 2-norm: the largest singular value plus its rounding margin."""
    largest = float(jnp.linalg.svd(weight, compute_uv=False)[0])
    return largest + _slack(weight)


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


def spectrum_bounds(matrix: Float[Array, "n n"]) -> tuple[float, float]:
    """`(low, high)` that encloses every eigenvalue of a symmetric matrix.

    Symmetric eigenvalues widened by the rounding margin; `low` may thus read a few units of
    round-off below zero for a singular `L L^T`.
    """
    values = jnp.linalg.eigvalsh(matrix)
    slack = _slack(matrix)
    return float(values[0]) - slack, float(values[-1]) + slack


def bounded_statements(field: AbstractField | None) -> list[tuple[str, bool, float | None, str]]:
    """Rigorous lines about a field: `(property, holds, value, statement)` for each that applies.

    None for a model without a field.
    """
    return [
        line
        for part in (_damping_lines, _poisson_lines, _mass_lines, _energy_lines)
        for line in part(field)
    ]


def _damping_lines(field):
    damping = getattr(field, "damping", None)
    if isinstance(damping, ConstantDamping):
        matrix = damping.factor @ damping.factor.T
        low, high = spectrum_bounds(matrix)
        yield (
            "DAMPING >= 0",
            low >= -2 * _slack(matrix),
            low,
            f"eigenvalues of the damping matrix D = L L^T lie in [{low:.3g}, {high:.3g}]",
        )


def _poisson_lines(field):
    if isinstance(field, PoissonField):
        skew = float(jnp.abs(field.matrix + field.matrix.T).max())
        yield "SKEW MATRIX", skew == 0, skew, "max |B + B^T| of the Poisson matrix, no rounding"


def _masses_of(field) -> Array | None:
    """The masses that a field has learned or was given, `None` where there are none."""
    if isinstance(field, SeparableHamiltonianField) and isinstance(field.kinetic, KineticEnergy):
        return field.kinetic.mass
    return field.potential.masses if isinstance(field, PairwiseField) else None


def _mass_lines(field):
    masses = _masses_of(field)
    if masses is not None:
        low, high = float(masses.min()), float(masses.max())
        text = f"masses lie in [{low:.6g}, {high:.6g}]"
        yield "MASSES > 0", low > 0 and math.isfinite(high), low, text
    if isinstance(field, MassMatrixField) and isinstance(field.mass, ConstantMass):
        raw = field.mass.raw
        matrix = field.mass(jnp.zeros(len(raw), raw.dtype), jnp.eye(len(raw), dtype=raw.dtype))
        low, high = spectrum_bounds((matrix + matrix.T) / 2)
        text = f"eigenvalues of the mass matrix M = L L^T lie in [{low:.3g}, {high:.3g}]"
        yield "MASS MATRIX > 0", low > 0 and math.isfinite(high), low, text


def _net_of(energy: AbstractEnergy | None) -> MLP | None:
    return energy.net if isinstance(energy, MLPEnergy) else None


def _energy_lines(field):
    net = _net_of(getattr(field, "energy", None))
    if net is None:
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
