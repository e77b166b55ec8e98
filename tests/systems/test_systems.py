"""What every system promises, one row each."""

from functools import cache, partial

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.fields import canonical_matrix, split_phase, symplectic_gradient
from dynnets.structure import ENERGY, SYMPLECTIC
from dynnets.systems import (
    DampedOscillator,
    DoublePendulum,
    ForcedOscillator,
    Harmonic,
    HenonHeiles,
    Pendulum,
    SpringChain,
    ThreeBody,
    TwoBody,
    random_chain,
)

SYSTEMS = {
    "harmonic": Harmonic(stiffness=2.0, mass=0.5),
    "pendulum": Pendulum(mass=0.5, length=1.3, gravity=6.0),
    "double pendulum": DoublePendulum(masses=(1.0, 0.7), lengths=(1.2, 0.6)),
    "Henon-Heiles": HenonHeiles(coupling=0.8),
    "two bodies": TwoBody(masses=(1.5, 0.4), gravity=0.9, orbit_noise=0.1),
    "three bodies": ThreeBody(masses=(1.5, 0.4, 0.8)),
    "spring chain": SpringChain(4, stiffness=(1.0, 2.0, 0.5, 1.5, 3.0), mass=(1.0, 2.0, 0.3, 0.6)),
    "random chain": random_chain(5, key=jr.key(3)),
    "damped": DampedOscillator(stiffness=1.5, mass=0.6, damping=0.3),
    "forced": ForcedOscillator(stiffness=1.5, mass=0.6, damping=0.3, frequency=1.1),
}
SOLVED = [name for name in SYSTEMS if SYSTEMS[name].solution is not None]


@cache
def _sampler(name):
    return jax.jit(jax.vmap(SYSTEMS[name].sample))


@cache
def _states(name, count=200):
    """Samples `(count, d)`, the same ones at every call."""
    return _sampler(name)(jr.split(jr.key(7), count))


@pytest.mark.parametrize("name", SYSTEMS)
def test_sampler_is_seeded_and_of_the_right_size(name):
    x = _states(name)
    assert x.shape == (200, SYSTEMS[name].dim)
    assert np.isfinite(x).all()
    assert len(np.unique(x, axis=0)) == 200
    assert np.array_equal(x, _sampler(name)(jr.split(jr.key(7), 200)))


@pytest.mark.parametrize("name", SYSTEMS)
def test_closed_form_gradient_and_energy_balance(name):
    system = SYSTEMS[name]

    @jax.jit
    @jax.vmap
    def measure(x):
        expected = jax.grad(system.energy, argnums=1)(0.0, x)
        rate = system.field(0.0, x)
        return (
            jnp.abs(system.energy.gradient(0.0, x) - expected).max(),
            jnp.abs(rate - symplectic_gradient(expected)).max(),
            jnp.abs(jnp.sum(expected * rate)),
            jnp.abs(expected).max(),
        )

    gradient, field, power, size = (float(part.max()) for part in measure(_states(name)[:6]))
    assert gradient <= tol(jnp.float64, size)
    if ENERGY in system.field.structure:
        assert field <= tol(jnp.float64, size)
        assert power <= tol(jnp.float64, size**2)


@pytest.mark.parametrize("name", SYSTEMS)
def test_features_first_equals_one_by_one(name):
    system = SYSTEMS[name]
    calls = [system.field, system.energy]
    calls += [system.solution] if name in SOLVED else []

    @jax.jit
    def both(x):
        batch = [call(0.3, x.T) for call in calls]
        loop = [jax.vmap(call, in_axes=(None, 0), out_axes=-1)(0.3, x) for call in calls]
        return batch, loop

    for batch, loop in zip(*both(_states(name)[:6]), strict=True):
        assert batch.shape == loop.shape
        assert np.abs(np.asarray(batch - loop)).max() <= tol(batch.dtype)


@pytest.mark.parametrize("name", SYSTEMS)
def test_dtype_is_that_of_the_state(name):
    system = SYSTEMS[name]
    x = _states(name)[0]
    narrow, t = x.astype("float32"), jnp.asarray(0.4, "float32")
    assert jax.eval_shape(system.field, t, narrow).dtype == narrow.dtype
    assert jax.eval_shape(system.energy, t, narrow).dtype == narrow.dtype
    if name in SOLVED:
        found, exact = jax.jit(lambda a, b: (system.solution(t, a), system.solution(0.4, b)))(
            narrow, x
        )
        assert found.dtype == narrow.dtype
        assert np.abs(np.asarray(found) - np.asarray(exact)).max() <= tol("float32")


@pytest.mark.parametrize("name", SYSTEMS)
def test_kick_and_drift_are_the_two_halves_of_the_field(name):
    field = SYSTEMS[name].field
    if field.kick is None:
        pytest.skip("the energy does not separate")
    x = _states(name)[0]
    q, p = split_phase(x)
    whole, *halves = jax.jit(lambda: (field(0.0, x), field.drift(0.0, p), field.kick(0.0, q)))()
    assert np.array_equal(whole, np.concatenate(halves))


@pytest.mark.parametrize("name", SOLVED)
def test_solution_satisfies_the_equation_and_is_symplectic(name):
    system = SYSTEMS[name]

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    @partial(jax.vmap, in_axes=(None, 0))
    def measure(t, x):
        state, rate = jax.jvp(lambda t: system.solution(t, x), (t,), (jnp.ones_like(t),))
        expected = system.field(t, state)
        start = system.solution(0.0, x) - x
        return rate - expected, start, jax.jacrev(partial(system.solution, t))(x), expected

    xs = _states(name)[:3]
    residual, start, flow, size = measure(jnp.array([0.0, 0.37, 5.2, -3.1]), xs)
    scale = 10 * float(jnp.abs(size).max())
    assert jnp.abs(residual).max() <= tol(residual.dtype, scale)
    assert jnp.abs(start).max() <= tol(start.dtype, scale)
    assert jnp.isfinite(flow).all()
    if SYMPLECTIC in system.field.structure:
        form = canonical_matrix(system.dim // 2, flow.dtype)
        kept = jnp.swapaxes(flow, -1, -2) @ form @ flow
        assert jnp.abs(kept - form[None, None]).max() <= tol(
            flow.dtype, float(jnp.abs(flow).max()) ** 2
        )


def test_solutions_equal_a_tight_numerical_one():
    """All systems in one solve."""
    starts = {name: _states(name)[5] for name in SOLVED}
    ts = jnp.linspace(0.0, 20.0, 9)
    found = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, x, _: {name: SYSTEMS[name].field(t, x[name]) for name in x}),
        diffrax.Dopri8(),
        0.0,
        20.0,
        None,
        starts,
        saveat=diffrax.SaveAt(ts=ts),
        stepsize_controller=diffrax.PIDController(rtol=1e-13, atol=1e-13),
        max_steps=20_000,
    ).ys
    for name, x in starts.items():
        exact = jax.jit(jax.vmap(SYSTEMS[name].solution, in_axes=(0, None)))(ts, x)
        # Local errors of 1e-13, added up and amplified over some ten periods.
        assert jnp.abs(found[name] - exact).max() <= 1e-9, name


def test_parameters_can_be_differentiated():
    x = jnp.array([0.7, 0.1])

    @eqx.filter_grad
    def slope(stiffness):
        return Harmonic(stiffness=stiffness).energy(0.0, x)

    assert jnp.allclose(slope(jnp.array(2.0)), 0.7**2 / 2)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Harmonic(stiffness=-1.0), "stiffness.*-1.0"),
        (lambda: Harmonic(mass=float("nan")), "mass.*nan"),
        (lambda: Harmonic(radius=(1.0, 0.5)), "radius.*0.5"),
        (lambda: Harmonic(radius=(-1.0, 0.5)), "radius.*-1.0"),
        (lambda: Pendulum(length=0.0), "length.*0.0"),
        (lambda: DoublePendulum(masses=(1.0, 0.0)), r"masses\[1\].*0.0"),
        (lambda: DoublePendulum(angles=(0.0, float("inf"))), "angles.*inf"),
        (lambda: HenonHeiles(coupling=0.0), "coupling.*0.0"),
        (lambda: HenonHeiles(energies=(0.1, 0.2)), "energies.*0.2"),
        (lambda: HenonHeiles(coupling=2.0), "energies.*0.125"),
        (lambda: TwoBody(gravity=-1.0), "gravity.*-1.0"),
        (lambda: TwoBody(orbit_noise=-0.1), "orbit_noise.*-0.1"),
        (lambda: ThreeBody(radius=(1.2, 0.9)), "radius.*0.9"),
        (lambda: SpringChain(0), "n .*0"),
        (lambda: SpringChain(3, stiffness=(1.0, 2.0)), "stiffness must hold 4"),
        (lambda: SpringChain(2, mass=(1.0, -2.0)), r"mass\[1\].*-2.0"),
        (lambda: DampedOscillator(damping=-0.1), "damping.*-0.1"),
        (lambda: ForcedOscillator(frequency=float("inf")), "frequency.*inf"),
    ],
)
def test_bad_parameters_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
