"""One row per public system: `test_contract_systems.py` runs every check on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dynnets import systems as S


class SystemRow(NamedTuple):
    """A system; `inside(x)`: whether a state (NumPy) is one that its sampler promises."""

    name: str
    system: S.AbstractSystem
    inside: Callable[[np.ndarray], bool]


def _between(value, low, high) -> bool:
    """All of `value` in `[low, high]`, up to round-off."""
    return bool(np.all((value >= low - 1e-12) & (value <= high + 1e-12)))


def _ring(low, high):
    """The length of the state is in a range."""
    return lambda x: _between(np.linalg.norm(x), low, high)


def _box(*bound):
    """Every component lies between bounds of its own, `-bound` and `bound`."""
    return lambda x: _between(np.abs(x), 0, np.asarray(bound))


def _of_energy(system, low, high):
    """The energy is in a range."""
    return lambda x: _between(float(system.energy(0.0, jnp.asarray(x))), low, high)


def _particle(x):
    return _between(np.linalg.norm(x[:2]), 0.8, 1.2) and _between(np.linalg.norm(x[2:]), 0.05, 0.2)


def _pendulums(x):
    """The angular velocities are those of the momenta."""
    rates = np.asarray(S.DoublePendulum().field(0.0, jnp.asarray(x)))[:2]
    return _between(np.abs(x[:2]), 0, 1.5) and _between(np.abs(rates), 0, 0.1)


def _one_mode(x):
    """All other modes of the chain are at rest."""
    place, motion = np.split(np.asarray(S.FermiPastaUlamTsingou(8).modes(jnp.asarray(x))), 2)
    return bool(np.abs(place[1:]).max() < 1e-12 and np.abs(motion[1:]).max() < 1e-12)


def _apart(places, least):
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return bool((gaps[np.triu_indices(len(places), 1)] >= least).all())


def _at_rest(x, bodies):
    """The centre of mass of equal bodies stands still in the origin."""
    q, p = x.reshape(2, bodies, 2)
    return bool(np.abs(q.sum(axis=0)).max() < 1e-12 and np.abs(p.sum(axis=0)).max() < 1e-12)


def _planar(x):
    """Kinetic over potential energy is the virial ratio."""
    system, (q, p) = S.PlanarNBody(), x.reshape(2, 3, 2)
    depth = -float(system.field.potential(0.0, jnp.asarray(q.ravel())))
    heat = (p**2).sum() / 2
    return _apart(q, 0.8) and _at_rest(x, 3) and abs(heat / depth - 0.5) < 1e-12


def _triangle(x):
    """Equal sides; each component of a momentum within a fifth of the circular one."""
    q, p = x.reshape(2, 3, 2)
    sides = [np.linalg.norm(q[i] - q[i - 1]) for i in range(3)]
    turn = np.sqrt(3 / sides[0] ** 3)
    circular = turn * np.stack([-q[:, 1], q[:, 0]], axis=1)
    radius = np.linalg.norm(q[0])
    return (
        np.ptp(sides) < 1e-12
        and _between(radius, 0.9, 1.2)
        and _between(np.abs(p - circular), 0, 0.2 * np.abs(circular))
    )


def _two(x):
    return _between(x[:2], 0.5, 1.5) and _at_rest(x, 2)


def _zero_mean(x):
    return bool(np.abs(x.reshape(2, 3).mean(axis=1)).max() < 1e-12)


def _orbit(x):
    """The energy of the axis, the angular momentum of the eccentricity."""
    spin = x[0] * x[3] - x[1] * x[2]
    energy = float(S.Kepler().energy(0.0, jnp.asarray(x)))
    return abs(energy + 0.5) < 1e-11 and abs(abs(spin) - 0.8) < 1e-11


def _stiff(x):
    """The stretch of a stiff spring is that of a spread of one over its frequency."""
    return _between(np.abs(x), 0, np.array([1.0, 1.0, 0.02, 0.02, 1.0, 1.0, 1.0, 1.0]))


def _smooth(x):
    """Waves of the first two modes alone, without a mean."""
    spectrum = np.abs(np.fft.rfft(x.reshape(2, -1)))
    return bool(spectrum[:, [0, *range(3, spectrum.shape[1])]].max() < 1e-12)


def _nearly_uniform(x):
    """`|psi|` stays within its ripple of the amplitude."""
    wave = np.asarray(S.NonlinearSchroedinger(16).wave(jnp.asarray(x)))
    return _between(np.abs(wave), 0.5, 1.5)


HENON, BOX = S.HenonHeiles(), S.NonseparableOscillator(ceiling=3.0)

SYSTEMS = [
    SystemRow(
        "billiard",
        S.Billiard(),
        lambda x: _between(x[:2], 0, 1) and _between(np.abs(x[2:]), 0, 1),
    ),
    SystemRow("charged_particle", S.ChargedParticle(), _particle),
    SystemRow("damped", S.DampedOscillator(), _ring(0.1, 1.0)),
    SystemRow("double_pendulum", S.DoublePendulum(), _pendulums),
    SystemRow("fermi_pasta_ulam", S.FermiPastaUlamTsingou(8), _one_mode),
    SystemRow("forced", S.ForcedOscillator(), _ring(0.1, 1.0)),
    SystemRow("harmonic", S.Harmonic(2.0, 0.5), _ring(0.1, 1.0)),
    SystemRow("henon_heiles", HENON, _of_energy(HENON, 1 / 12, 1 / 8)),
    SystemRow("kepler", S.Kepler(), _orbit),
    SystemRow("lotka_volterra", S.LotkaVolterra(), _box(2.0, 2.0)),
    SystemRow("schroedinger", S.NonlinearSchroedinger(16), _nearly_uniform),
    SystemRow("nonseparable", BOX, _of_energy(BOX, 0.5, 3.0)),
    SystemRow("pendulum", S.Pendulum(), _ring(1.3, 2.3)),
    SystemRow("planar_bodies", S.PlanarNBody(), _planar),
    SystemRow("vortices", S.PointVortices(), lambda x: _apart(x.reshape(2, 4).T, 0.8)),
    SystemRow("rigid_body", S.RigidBody(), _ring(0.5, 1.5)),
    SystemRow(
        "spring_chain",
        S.SpringChain(3, stiffness=(1.0, 2.0, 1.0, 0.5), mass=(1.0, 2.0, 1.0)),
        _box(0.0, 2.5, 0.0, 0.0, 2.5, 0.0),
    ),
    SystemRow("stiff_chain", S.StiffChain(2), _stiff),
    SystemRow("three_body", S.ThreeBody(), _triangle),
    SystemRow("toda", S.Toda(), _zero_mean),
    SystemRow("two_body", S.TwoBody(), _two),
    SystemRow("waves", S.WaveLattice(16, "linear", modes=2), _smooth),
]
