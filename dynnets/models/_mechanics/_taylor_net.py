"""Taylor networks: separable Hamiltonian dynamics from polynomial, symmetric nets."""

from collections.abc import Callable

import equinox as eqx
import jax.random as jr
from jaxtyping import PRNGKeyArray

from dynnets._core import check_key, check_phase_dim
from dynnets.energies import SeparableEnergy, TaylorEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import AbstractStep, forest_ruth

from .._step_model import AbstractStepModel


class TaylorNet(AbstractStepModel):
    """`q' = grad T(p)`, `p' = -grad V(q)`, both nets polynomial and gradients by construction.

    For very few and very short observations of a smooth separable system: the residual of a step
    is a polynomial in the weights, so that after a short `fit` the Levenberg-Marquardt method
    (`fit_least_squares(..., dual=True)`) gets to the last digits. Forecasts must stay inside the
    hull of the data, beyond which a polynomial explodes.

    **Arguments:** `dim`: size `2n` of the canonical state; `orders`, `width`, `factorial`,
    `activation`, `key`: of both `TaylorEnergy`; `kinetic`, `potential`: in their place, such as
    `TaylorEnergy.from_weights(...)`, or a function of `(t, p)` or `(t, q)`; `step`, `substeps`: by
    default one step of Forest and Ruth's method of order 4.

    Preserves, for every weight: the energy and the symplectic form under the exact flow, the
    form under the default step. Cost: two products a net and evaluation. Raises `ValueError`
    for an odd `dim` and what `TaylorEnergy` refuses.

    Source: Y. Tong, S. Xiong, X. He, G. Pan, B. Zhu, Symplectic neural networks in Taylor series
    form for Hamiltonian systems, J. Comput. Phys. 437, 2021, arXiv:2005.04986, which does not
    offer the energy.
    """

    hamiltonian: SeparableEnergy
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        orders: int = 8,
        width: int = 8,
        *,
        factorial: str = "order",
        activation: str = "power",
        kinetic: Callable | None = None,
        potential: Callable | None = None,
        step: AbstractStep = forest_ruth,
        substeps: int = 1,
        key: PRNGKeyArray | None = None,
    ):
        check_phase_dim("dim", dim)
        options = {"factorial": factorial, "activation": activation}
        if kinetic is None or potential is None:
            first, second = jr.split(check_key(key, "the nets of T and V"))
            if kinetic is None:
                kinetic = TaylorEnergy(dim // 2, orders, width, key=first, **options)
            if potential is None:
                potential = TaylorEnergy(dim // 2, orders, width, key=second, **options)
        self.hamiltonian = SeparableEnergy(kinetic, potential)
        self.step, self.substeps = step, substeps

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(grad T(p), -grad V(q))`."""
        return SeparableHamiltonianField(self.hamiltonian.kinetic, self.hamiltonian.potential)

    @property
    def energy(self) -> SeparableEnergy:
        """`T(p) + V(q)`, without a constant."""
        return self.hamiltonian
