"""Mass matrices, given by their Cholesky factors, and the energy that they make."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_size, split_phase
from dynnets.nn import MLP, angle_features, check_angles

from ._abstract import AbstractEnergy
from ._energies import as_energy

Rows = list[list[Array]]


class AbstractMass(eqx.Module):
    """A positive definite mass matrix `M(q) = L(q) L(q)^T`, given by its Cholesky factor."""

    @abc.abstractmethod
    def factor(self, q) -> Rows:
        """Rows of `L(q)`: row `i` holds `i + 1` entries, the last one positive, `(*batch,)` each.

        `q`: `(n,)` or features-first `(n, N)`.
        """

    def __call__(self, q, v):
        """`M(q) v`."""
        rows = self.factor(q)
        root = _transposed_times(rows, v)
        return jnp.stack([sum(a * root[j] for j, a in enumerate(row)) for row in rows])

    def kinetic(self, q, v):
        """`v^T M(q) v / 2`."""
        return jnp.sum(jnp.stack(_transposed_times(self.factor(q), v)) ** 2, axis=0) / 2

    def solve(self, q, p):
        """`M(q)^{-1} p`, by substitution."""
        rows = self.factor(q)
        y: list[Array] = []
        for i, row in enumerate(rows):
            y.append((p[i] - sum(a * y[j] for j, a in enumerate(row[:-1]))) / row[-1])
        for i in range(len(rows) - 1, -1, -1):
            later = sum(rows[j][i] * y[j] for j in range(i + 1, len(rows)))
            y[i] = (y[i] - later) / rows[i][i]
        return jnp.stack(y)


def _transposed_times(rows: Rows, v) -> list[Array]:
    """`L^T v`."""
    n = len(rows)
    return [sum((rows[i][j] * v[i] for i in range(j + 1, n)), rows[j][j] * v[j]) for j in range(n)]


class ConstantMass(AbstractMass):
    """The same mass matrix everywhere.

    **Arguments:** `raw`: `(n, n)`, trainable; its strict lower triangle is that of `L`, the
    diagonal of `L` is `exp(diagonal of raw)`; zeros give the unit matrix.
    """

    raw: Float[Array, "n n"]

    def factor(self, q):
        """Rows of `L`."""
        diagonal = jnp.exp(jnp.diagonal(self.raw))
        return [[self.raw[i, j] for j in range(i)] + [diagonal[i]] for i in range(len(self.raw))]


class MLPMass(AbstractMass):
    """A learned mass matrix: a net of the coordinates gives `L(q)`, its diagonal by softplus.

    Positive definite by construction; starts near the unit matrix.

    **Arguments:** `n`: coordinates; `angles`: indices of those that are angles in rad (the
    matrix then has period `2 pi` in them); `width`, `depth`, `activation`, `key`: as `MLP`.
    """

    net: MLP
    n: int = eqx.field(static=True)
    angles: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        n: int,
        width: int,
        depth: int,
        *,
        angles: tuple[int, ...] = (),
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("n", n)
        check_angles(angles)
        size = n * (n + 1) // 2
        self.net = MLP(n + len(angles), size, width, depth, activation=activation, key=key)
        self.n, self.angles = n, angles

    def factor(self, q):
        """Rows of `L(q)`."""
        raw = self.net(angle_features(q, self.angles))
        diagonal = jax.nn.softplus(raw[: self.n] + 0.5413)  # softplus(0.5413) = 1
        lower = iter(raw[self.n :])
        return [[next(lower) for _ in range(i)] + [diagonal[i]] for i in range(self.n)]


class VelocityEnergy(AbstractEnergy):
    """`E(q, v) = v^T M(q) v / 2 + V(q)`, the energy on states of coordinates and velocities.

    **Arguments:** `mass`: an `AbstractMass`; `potential`: an energy of the coordinates.
    """

    mass: AbstractMass
    potential: AbstractEnergy = eqx.field(converter=as_energy)

    @property
    def autonomous(self):
        """Whether the potential is."""
        return self.potential.autonomous

    def __call__(self, t, x):
        """`v^T M(q) v / 2 + V(t, q)`."""
        q, v = split_phase(x)
        return self.mass.kinetic(q, v) + self.potential(t, q)
