"""Toda's lattice: a nonlinear chain that is integrable, its integrals as eigenvalues."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_size, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic
from ._parameters import Number, check_not_negative
from ._sampling import uniform


def _gaps(q, periodic: bool):
    """`q_j - q_{j+1}` of every bond: `n` on a ring, `n - 1` on a line."""
    return q - jnp.roll(q, -1, axis=0) if periodic else q[:-1] - q[1:]


class TodaPotential(AbstractEnergy):
    """`V(q) = sum_j (exp(q_j - q_{j+1}) - 1)` over the bonds of a ring or a line."""

    periodic: bool = eqx.field(static=True)

    def __call__(self, t, q):
        """`V(q)`."""
        return jnp.sum(jnp.expm1(_gaps(q, self.periodic)), axis=0)

    def gradient(self, t, q):
        """`exp(q_j - q_{j+1}) - exp(q_{j-1} - q_j)`."""
        pull = jnp.exp(_gaps(q, self.periodic))
        if self.periodic:
            return pull - jnp.roll(pull, 1, axis=0)
        end = jnp.zeros_like(q[:1])
        return jnp.concatenate([pull, end]) - jnp.concatenate([end, pull])


class Toda(AbstractSystem):
    """`H = |p|^2 / 2 + sum_j (exp(q_j - q_{j+1}) - 1)`, `n` unit masses on a ring or a line.

    As many independent integrals as degrees of freedom: the eigenvalues of the Lax matrix, see
    `integrals`. On a ring motion is quasi-periodic; on a line the masses fly apart.

    **Arguments:** `n`: number of masses, two at least; `periodic`: a ring (else a line);
    `spread`: sampled places and momenta are uniform in `[-spread, spread]`, with total momentum
    zero. Raises `ValueError` outside of these.
    Source: Flaschka, Physical Review B 9, 1974.
    """

    n: int = eqx.field(static=True, default=3)
    periodic: bool = eqx.field(static=True, default=True)
    spread: Number = 1.0

    def __check_init__(self):
        check_size("n", self.n, 2)
        check_not_negative(self, "spread")

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * self.n

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(GivenKinetic((1.0,)), TodaPotential(self.periodic))

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """Uniform places and momenta, both with mean zero."""
        draws = uniform(key, (-self.spread, self.spread), (2, self.n))
        return (draws - jnp.mean(draws, axis=1, keepdims=True)).ravel()

    def lax(self, x: Float[Array, " two_n"]) -> Float[Array, "n n"]:
        """The Lax matrix: diagonal `p_j`, beside it `exp((q_j - q_{j+1}) / 2)`, symmetric.

        On a ring the last bond joins the corners. The flow turns it by a rotation.
        """
        q, p = split_phase(x)
        bond = jnp.exp(_gaps(q, self.periodic) / 2)
        here = jnp.arange(len(bond))
        matrix = jnp.diag(p).at[here, (here + 1) % self.n].add(bond)
        return matrix.at[(here + 1) % self.n, here].add(bond)

    def integrals(self, x):
        """The eigenvalues of the Lax matrix, increasing, `(n,)` or `(n, N)`: kept by the flow.

        Their sum is the momentum, the sum of their squares `2 H` plus twice the bonds' number.
        """
        if x.ndim > 1:
            return jax.vmap(self.integrals, in_axes=-1, out_axes=-1)(x)
        return jnp.linalg.eigvalsh(self.lax(x))
