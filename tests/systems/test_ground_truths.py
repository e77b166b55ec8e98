"""Ground truths of every structure: one compiled program per promise, all systems in it."""

from functools import cache, partial

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.fields import canonical_matrix, split_phase, symplectic_gradient
from dynnets.structure import ENERGY, NORM, POISSON, SYMPLECTIC, VOLUME
from dynnets.systems import (
    ChargedParticle,
    FermiPastaUlamTsingou,
    Kepler,
    LotkaVolterra,
    NonlinearSchroedinger,
    NonseparableOscillator,
    PlanarNBody,
    PointVortices,
    RigidBody,
    StiffChain,
    Toda,
    WaveLattice,
    random_vortices,
)

SYSTEMS = {
    "Kepler": Kepler(eccentricity=0.5, axis=1.2, strength=0.9),
    "bodies": PlanarNBody(masses=(1.0, 2.0, 0.5, 0.7), gravity=0.3, virial=0.3),
    "Toda ring": Toda(4),
    "Toda line": Toda(3, periodic=False),
    "Fermi-Pasta-Ulam": FermiPastaUlamTsingou(6, alpha=0.3, beta=0.2),
    "stiff chain": StiffChain(3, frequency=5.0),
    "vortices": PointVortices(),
    "nonseparable": NonseparableOscillator(ceiling=12.5),
    "Lotka-Volterra": LotkaVolterra(growth=1.1, capture=0.9, death=1.8, gain=1.2),
    "rigid body": RigidBody(),
    "charged particle": ChargedParticle(),
    "Schroedinger": NonlinearSchroedinger(8),
    "sine-Gordon": WaveLattice(8),
    "linear waves": WaveLattice(7, force="linear"),
    "phi four": WaveLattice(8, force="phi4", length=6.0),
}
# Beside the energy.
INVARIANTS = {
    "Kepler": ["angular_momentum", "laplace_runge_lenz"],
    "bodies": ["momentum", "angular_momentum"],
    "Toda ring": ["integrals"],
    "Toda line": ["integrals"],
    "vortices": ["impulse", "angular_impulse"],
    "rigid body": ["casimir"],
    "charged particle": ["angular_momentum"],
    "Schroedinger": ["mass"],
}
SOLVED = ["Kepler", "nonseparable", "linear waves"]


@cache
def _states():
    """Three samples of each system, the same ones at every call."""
    draw = {name: jax.vmap(system.sample) for name, system in SYSTEMS.items()}
    keys = jr.split(jr.key(11), 3)
    return jax.jit(lambda: {name: draw[name](keys) for name in SYSTEMS})()


def _compare(found, expected, scale=1.0):
    for name in found:
        gap = np.abs(np.asarray(found[name]) - np.asarray(expected[name])).max()
        assert gap <= tol(jnp.float64, scale), (name, gap)


def test_samplers_are_seeded_and_of_the_right_size():
    for name, x in _states().items():
        assert x.shape == (3, SYSTEMS[name].dim), name
        assert np.isfinite(x).all(), name
        assert len(np.unique(x, axis=0)) == 3, name
    again = jax.jit(SYSTEMS["vortices"].sample)(jr.split(jr.key(11), 3)[1])
    assert np.array_equal(again, _states()["vortices"][1])


def test_field_gradient_and_tags_agree():
    """Closed-form gradients; each tag as the statement about the field that it stands on."""

    @jax.jit
    def measure(states):
        found = {}
        for name, system in SYSTEMS.items():
            x, tags = states[name][0], system.field.structure
            gradient = jax.grad(system.energy, argnums=1)(0.0, x)
            rate = system.field(0.0, x)
            found[name, "gradient"] = system.energy.gradient(0.0, x) - gradient
            if SYMPLECTIC in tags:
                found[name, "J grad H"] = rate - symplectic_gradient(gradient)
            if POISSON in tags:
                found[name, "B grad H"] = rate - system.field.matrix @ gradient
            if ENERGY in tags:
                found[name, "power"] = jnp.sum(gradient * rate)
            if NORM in tags:
                found[name, "radial"] = jnp.sum(x * rate)
            if VOLUME in tags:
                jacobian = jax.jacfwd(lambda y, s=system: s.field(0.0, y))(x)
                found[name, "divergence"] = jnp.trace(jacobian)
        return found

    for what, value in measure(_states()).items():
        assert np.abs(value).max() <= tol(jnp.float64), what


def test_features_first_is_a_loop_and_dtype_that_of_the_state():
    @jax.jit
    def both(states):
        batch, loop = {}, {}
        for name, system in SYSTEMS.items():
            calls = {"field": system.field, "energy": system.energy}
            if name in SOLVED:
                calls["solution"] = system.solution
            for what in INVARIANTS.get(name, []):
                method = getattr(system, what)
                calls[what] = lambda t, x, f=method: f(x)
            for i, flow in enumerate(system.field.flows or ()):
                calls[f"flow {i}"] = lambda t, x, f=flow: f(t, x, 0.4)
            for what, call in calls.items():
                batch[name, what] = call(0.3, states[name].T)
                loop[name, what] = jax.vmap(call, in_axes=(None, 0), out_axes=-1)(0.3, states[name])
        return batch, loop

    batch, loop = both(_states())
    assert all(batch[key].shape == loop[key].shape for key in batch)
    _compare(batch, loop)
    narrow = jax.eval_shape(both, {name: x.astype("float32") for name, x in _states().items()})[0]
    assert {value.dtype.name for value in narrow.values()} == {"float32"}


def test_parts_of_separable_fields():
    @jax.jit
    def both(states):
        whole, halves = {}, {}
        for name, system in SYSTEMS.items():
            if system.field.kick is not None:
                x, field = states[name][0], system.field
                q, p = split_phase(x)
                whole[name] = field(0.0, x)
                halves[name] = jnp.concatenate([field.drift(0.0, p), field.kick(0.0, q)])
        return whole, halves

    whole, halves = both(_states())
    assert len(whole) >= 9
    _compare(whole, halves)


def test_invariants_and_solutions_along_a_tight_solve():
    """All systems in one solve of eight significant units of time each."""
    starts = {name: x[1] for name, x in _states().items()}
    ts = jnp.linspace(0.0, 8.0, 5)
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, x, _: {name: SYSTEMS[name].field(t, x[name]) for name in x}),
        diffrax.Dopri8(),
        0.0,
        8.0,
        None,
        starts,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.PIDController(rtol=1e-12, atol=1e-12),
        max_steps=20_000,
    ).ys

    @jax.jit
    def measure(paths):
        kept, gaps = {}, {}
        for name, system in SYSTEMS.items():
            path = paths[name].T
            kept[name, "energy"] = system.energy(0.0, path)
            for what in INVARIANTS.get(name, []):
                kept[name, what] = getattr(system, what)(path)
            if name in SOLVED:
                exact = jax.vmap(system.solution, in_axes=(0, None))(ts, path[:, 0])
                gaps[name] = exact - paths[name]
        return kept, gaps

    kept, gaps = measure(found)
    # Local errors of 1e-12 added up over some hundred steps and amplified.
    for what, value in kept.items():
        assert np.abs(value - value[..., :1]).max() <= 1e-8, what
    for name, gap in gaps.items():
        assert np.abs(gap).max() <= 1e-8, name
    changed = [np.abs(path[-1] - path[0]).max() for path in found.values()]
    assert min(changed) > 1e-2  # every system moves


def test_flows_are_exact_and_keep_what_the_field_claims():
    """They add up to the field, undo themselves, compose in time, and keep form, volume, norm."""

    @jax.jit
    def measure(states):
        found = {}
        for name, system in SYSTEMS.items():
            flows, x = system.field.flows or (), states[name][2]
            total, tags = -system.field(0.0, x), system.field.structure
            for i, flow in enumerate(flows):
                after = flow(0.0, x, 0.7)
                moved, rate = jax.jvp(partial(flow, 0.0, x), (0.0,), (1.0,))
                total = total + rate
                found[name, f"identity {i}"] = moved - x
                found[name, f"group {i}"] = flow(0.0, flow(0.0, x, 0.3), 0.4) - after
                found[name, f"inverse {i}"] = flow(0.0, after, -0.7) - x
                jacobian = jax.jacfwd(lambda y, f=flow: f(0.0, y, 0.7))(x)
                if SYMPLECTIC in tags:
                    form = canonical_matrix(system.dim // 2, x.dtype)
                    found[name, f"form {i}"] = jacobian.T @ form @ jacobian - form
                if VOLUME in tags:
                    found[name, f"volume {i}"] = jnp.linalg.det(jacobian) - 1
                if NORM in tags:
                    found[name, f"norm {i}"] = jnp.sum(after**2) - jnp.sum(x**2)
            if flows:
                found[name, "sum"] = total
        return found

    found = measure(_states())
    names = {key[0] for key in found}
    assert {"rigid body", "charged particle", "Schroedinger", "sine-Gordon"} <= names
    for what, value in found.items():
        assert np.abs(value).max() <= tol(jnp.float64), what


def test_a_solution_is_refused_where_none_is_known():
    with pytest.raises(ValueError, match="sine_gordon"):
        SYSTEMS["sine-Gordon"].solution(0.1, jnp.zeros(16))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Kepler(eccentricity=1.0), "eccentricity.*1.0"),
        (lambda: Kepler(axis=-1.0), "axis.*-1.0"),
        (lambda: PlanarNBody(masses=(1.0,)), "masses.*1.0"),
        (lambda: PlanarNBody(masses=(1.0, 0.0)), r"masses\[1\].*0.0"),
        (lambda: PlanarNBody(separation=3.9), "separation = 3.9"),
        (lambda: Toda(1), "n .*1"),
        (lambda: FermiPastaUlamTsingou(4, alpha=-0.1), "alpha.*-0.1"),
        (lambda: FermiPastaUlamTsingou(4, mode=5), "mode.*5"),
        (lambda: StiffChain(3, frequency=0.0), "frequency.*0.0"),
        (lambda: PointVortices(circulations=(1.0, 0.0)), r"circulations\[1\].*0.0"),
        (lambda: PointVortices(circulations=(1.0,)), "circulations.*1.0"),
        (lambda: random_vortices(1, key=jr.key(0)), "n .*1"),
        (lambda: NonseparableOscillator(ceiling=0.4), "ceiling.*0.4"),
        (lambda: LotkaVolterra(death=0.0), "death.*0.0"),
        (lambda: RigidBody(moments=(1.0, -2.0, 1.0)), r"moments\[1\].*-2.0"),
        (lambda: ChargedParticle(radius=(0.0, 1.0)), "radius.*0.0"),
        (lambda: ChargedParticle(growth=-1.0), "growth.*-1.0"),
        (lambda: NonlinearSchroedinger(1), "n .*1"),
        (lambda: NonlinearSchroedinger(length=0.0), "length.*0.0"),
        (lambda: WaveLattice(force="phi_four"), "did you mean 'phi4'"),
        (lambda: WaveLattice(speed=float("nan")), "speed.*nan"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
