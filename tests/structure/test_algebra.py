"""The algebra of one layer: verdicts, refusals and cures, on pairings whose answer is known."""

import diffrax
import jax.numpy as jnp
import jax.random as jr
import pytest

from dynnets.energies import MLPEnergy, QuadraticEnergy
from dynnets.fields import AbstractField, HamiltonianField, PoissonField
from dynnets.integrators import ImplicitMidpoint, RungeKutta, verlet_kdk
from dynnets.structure import (
    CONDITIONAL,
    DISSIPATIVE,
    ENERGY,
    EXACT,
    LOST,
    NON_EXPANSIVE,
    ORDER,
    POISSON,
    REVERSIBLE,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    StructureLost,
    cure,
    require_structure,
    structure_of,
    verdict,
)
from dynnets.systems import Pendulum

TSIT5, EULER = RungeKutta(diffrax.Tsit5()), RungeKutta(diffrax.Euler())
SKEW = jnp.array([[0.0, 1.0, -0.4], [-1.0, 0.0, 0.7], [0.4, -0.7, 0.0]])


class _Contraction(AbstractField):
    """`x' = -tanh(x)`: 1-Lipschitz flow, `nu = 1`."""

    @property
    def structure(self):
        return frozenset({NON_EXPANSIVE})

    def __call__(self, t, x, args=None):
        return -jnp.tanh(x)


class _Rotation(AbstractField):
    """A divergence-free field that is neither Hamiltonian nor a sum of two shears."""

    @property
    def structure(self):
        return frozenset({VOLUME})

    def __call__(self, t, x, args=None):
        return jnp.sin(jnp.roll(x, 1)) + jnp.cos(jnp.roll(x, 2))


def general():
    return HamiltonianField(MLPEnergy(4, 8, 1, key=jr.key(0)))


def test_verdicts_of_a_hamiltonian_field():
    separable = Pendulum().field
    assert verdict(verlet_kdk, separable, SYMPLECTIC).status == EXACT
    assert verdict(verlet_kdk, separable, VOLUME).status == EXACT
    energy = verdict(verlet_kdk, separable, ENERGY)
    assert (energy.status, energy.order) == (ORDER, 2)
    assert verdict(ImplicitMidpoint(), general(), SYMPLECTIC).holds
    lost = verdict(TSIT5, general(), SYMPLECTIC)
    assert (lost.status, lost.order) == (ORDER, 5)


def test_volume_by_the_form_and_not_by_name():
    poisson = PoissonField(QuadraticEnergy(jnp.eye(3)), SKEW)
    assert verdict(ImplicitMidpoint(), poisson, VOLUME).holds
    assert verdict(ImplicitMidpoint(), poisson, POISSON).holds
    rotation = verdict(ImplicitMidpoint(), _Rotation(), VOLUME)
    assert (rotation.status, rotation.order) == (ORDER, 2)


def test_contractivity_bounds():
    euler = verdict(EULER, _Contraction(), NON_EXPANSIVE)
    assert (euler.status, euler.bound) == (CONDITIONAL, 2.0)
    assert verdict(TSIT5, _Contraction(), NON_EXPANSIVE).status == LOST
    assert NON_EXPANSIVE not in structure_of(EULER, _Contraction())
    require_structure(EULER, _Contraction(), {NON_EXPANSIVE}, h=1.9, constant=1.0)
    for h in (2.1, -0.1):
        with pytest.raises(StructureLost, match=rf"layer 3.*h <= 2 / nu.*h = {h}"):
            require_structure(
                EULER, _Contraction(), {NON_EXPANSIVE}, h=h, constant=1.0, layer="layer 3"
            )


def test_refusal_names_layer_tag_reason_and_cure():
    with pytest.raises(StructureLost, match=r"the pairing.*SYMPLECTIC.*Use verlet_kdk"):
        require_structure(TSIT5, Pendulum().field, {SYMPLECTIC})
    with pytest.raises(StructureLost, match="VOLUME.*no step of the library|VOLUME.*No step"):
        require_structure(TSIT5, _Rotation(), {VOLUME})
    with pytest.raises(StructureLost, match="exact flow.*does not keep it.*PortHamiltonianField"):
        require_structure(verlet_kdk, Pendulum().field, {DISSIPATIVE})
    with pytest.raises(StructureLost, match="REVERSIBLE"):
        require_structure(ImplicitMidpoint(), general(), {REVERSIBLE})
    require_structure(verlet_kdk, Pendulum().field, {SYMPLECTIC, REVERSIBLE, SYMMETRIC, VOLUME})
    assert "ImplicitMidpoint" in cure(general(), SYMPLECTIC)


def test_questions_without_an_answer():
    with pytest.raises(ValueError, match="keeps ENERGY, SYMPLECTIC, VOLUME, not DISSIPATIVE"):
        verdict(verlet_kdk, Pendulum().field, DISSIPATIVE)
    with pytest.raises(ValueError, match="drift and kick"):
        verdict(verlet_kdk, general(), SYMPLECTIC)
    with pytest.raises(ValueError, match="int declares no structure"):
        structure_of(3)
