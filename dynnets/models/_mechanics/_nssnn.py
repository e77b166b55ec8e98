"""NSSNN: a learned Hamiltonian that need not separate, under Tao's explicit doubled step."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import check_key, check_phase_dim, check_size, split_phase
from dynnets.energies import AbstractEnergy, MLPEnergy
from dynnets.fields import AbstractField, HamiltonianField
from dynnets.integrators import Tao, TaoField, TaoPairs, rollout

from .._abstract import AbstractModel
from .._forecast import forecast


class NSSNN(AbstractModel):
    """`x' = J grad H(x)`, `H` one net of coordinates and momenta, forecast by Tao's step.

    Two copies `(q, p)` and `(y, z)` of the state start equal and are bound together; each step is
    explicit and symplectic in the doubled space, so `H` is kept without drift although it does not
    separate. Train it by `CopyMatching` on pairs or windows of states: no derivatives are needed.
    Forecasts are the mean of both copies, taken for the output only.

    **Arguments:**

    - `dim`: of the phase space, even; `width`, `depth`, `activation`, `key`: as `MLPEnergy`.
    - `omega`: the binding; `order`: even. `omega h` should stay below about one.
    - `learned`: an energy, or a function `H(t, x)`, in place of the net, or `vector_field`: a
      Hamiltonian field in place of both (neither needs a `key`), `CirculationField`
      for vortices, whose circulations then come through `args`.
    - `substeps`: equal steps between two times.

    Preserves, for every weight: under the exact flow the symplectic form, volume and `H`; under
    the step the symplectic form of the pair, which bounds the error of `H`. The map of one copy
    alone, and the mean, are symplectic to the accuracy of the step only, so `structure` is empty;
    that of the pair is `structure_of(*model.pair)`. Cost: three gradients a step (order 2).
    Raises `ValueError` for an odd `dim`, an `omega` that is not positive, an odd order.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import NSSNN
    >>> model = NSSNN(2, 16, 2, key=jr.key(0))
    >>> model.predict(jnp.array([1.0, 0.0]), jnp.linspace(0.0, 1.0, 11)).shape
    (11, 2)

    ```

    Source: Xiong, Tong, He, Yang, Yang and Zhu, Nonseparable Symplectic Neural Networks, ICLR
    2021, arXiv:2010.12636.
    """

    vector_field: AbstractField
    step: Tao
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int = 64,
        depth: int = 3,
        *,
        activation: str = "tanh",
        omega: float = 20.0,
        order: int = 2,
        learned: Callable | None = None,
        vector_field: AbstractField | None = None,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)
        check_size("substeps", substeps)
        if vector_field is None:
            if learned is None:
                key = check_key(key, "the net behind the energy")
                learned = MLPEnergy(dim, width, depth, activation=activation, key=key)
            vector_field = HamiltonianField(learned)
        self.vector_field, self.step, self.substeps = vector_field, Tao(omega, order), substeps
        TaoField(vector_field, omega)  # refuses a field that is not Hamiltonian

    @property
    def field(self) -> AbstractField:
        """`J grad H`."""
        return self.vector_field

    @property
    def energy(self) -> AbstractEnergy | None:
        """The learned `H`, known up to a constant; `None` where it depends on `args`."""
        return self.vector_field.energy

    @property
    def structure(self):
        """The empty set: what is kept exactly is kept by the pair of copies, see `pair`."""
        return frozenset()

    @property
    def pair(self) -> tuple[TaoPairs, TaoField]:
        """The step and the field of both copies: what is symplectic, and what training unrolls."""
        return TaoPairs(self.step.order), TaoField(self.vector_field, self.step.omega)

    def copies(self, x0, ts, args: Any = None) -> tuple[Array, Array]:
        """Both copies at `ts (n,)` (or `(h, n)`) from `x0 (d,)` or `(d, N)`: each `(n, *x0.shape)`.

        Differentiable; `args` is passed on to the field.
        """
        step, field = self.pair
        pairs = rollout(step, field, TaoField.double(x0), ts, args, substeps=self.substeps).xs
        return _copies(pairs)

    def predict(self, x0, ts, args: Any = None) -> Array:
        """Forecast from `x0: (d,)` at `ts[0]` (or `(d, N)`): the mean of both copies, `(n, d)`.

        `args`: as of the models that step a field; for vortices the circulations. Raises
        `ValueError` as those do.
        """
        step, field = self.pair
        pair = TaoField.double(jnp.asarray(x0))
        first, second = _copies(forecast(step, field, pair, ts, args, substeps=self.substeps))
        return (first + second) / 2


def _copies(pairs):
    """`(q, p)` and `(y, z)` of pairs `(n, 4m, ...)`."""
    (q, y), (p, z) = map(split_phase, split_phase(jnp.moveaxis(pairs, 1, 0)))
    first, second = jnp.concatenate([q, p]), jnp.concatenate([y, z])
    return jnp.moveaxis(first, 0, 1), jnp.moveaxis(second, 0, 1)
