"""Certificates of networks: each grade, on networks whose truth is known."""

import jax.numpy as jnp
import jax.random as jr
import pytest

from dynnets.analysis import GRADES, certify
from dynnets.energies import MLPEnergy
from dynnets.fields import NeuralField, NonExpansiveField, SeparableHamiltonianField, ShearField
from dynnets.integrators import explicit_euler, lie, rk4, verlet_kdk
from dynnets.networks import FractionStepSize, flow_network
from dynnets.structure import structure_of

BY_CONSTRUCTION, RIGOROUS, SAMPLED = GRADES
STATES = jr.normal(jr.key(5), (6, 4))


def names(certificate, grade):
    return {line.name for line in certificate.by_grade(grade) if line.holds}


def hamiltonian(key):
    a, b = jr.split(key)
    return SeparableHamiltonianField(MLPEnergy(2, 6, 1, key=a), MLPEnergy(2, 6, 1, key=b))


def test_symplectic_network():
    net = flow_network(hamiltonian, 3, verlet_kdk, 0.4, key=jr.key(0))
    found = certify(net, states=STATES)
    expected = {"SYMPLECTIC", "VOLUME", "REVERSIBLE"}
    assert expected <= names(found, BY_CONSTRUCTION)
    assert expected <= names(found, SAMPLED)
    assert found.holds
    assert structure_of(net) == net.structure


def test_volume_preserving_network_is_not_called_symplectic():
    net = flow_network(lambda key: ShearField(2, 2, 6, key=key), 3, lie, 0.7, key=jr.key(1))
    found = certify(net, states=STATES)
    assert {"VOLUME", "REVERSIBLE"} <= names(found, SAMPLED)
    symplectic = [line for line in found.by_grade(SAMPLED) if line.name == "SYMPLECTIC"]
    assert symplectic[0].holds is None
    assert symplectic[0].value > 1e-3


def test_non_expansive_network_has_a_rigorous_bound():
    net = flow_network(
        lambda key: NonExpansiveField(4, 6, key=key),
        3,
        explicit_euler,
        FractionStepSize(0.5),
        key=jr.key(2),
    )
    found = certify(net, states=STATES)
    assert "NON_EXPANSIVE" in names(found, BY_CONSTRUCTION)
    assert "NON_EXPANSIVE" in names(found, SAMPLED)
    bound = next(line for line in found.by_grade(RIGOROUS) if line.name == "LIPSCHITZ")
    assert bound.holds
    assert bound.value <= 1 + 1e-12  # its value includes the rounding of float64


def test_network_without_structure_claims_nothing():
    net = flow_network(lambda key: NeuralField(4, 6, 1, key=key), 2, rk4, 0.5, key=jr.key(3))
    found = certify(net, states=STATES)
    assert names(found, BY_CONSTRUCTION) == set()
    assert all(line.holds is None for line in found.lines)
    with pytest.raises(ValueError, match=r"shape \(n, d\)"):
        certify(net, states=jnp.ones(4))
