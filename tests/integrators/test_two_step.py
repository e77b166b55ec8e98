"""Two-step methods as one-step maps: order, what pairs keep, exact inverses, changes of step."""

import diffrax
import jax
import jax.numpy as jnp
from helpers import assert_close, tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.analysis import observed_order
from dynnets.structure import ROWS, SYMPLECTIC, VOLUME

X0 = jnp.array([0.4, -0.3])


def pendulum(kinetic=None):
    potential = E.FunctionEnergy(lambda t, q: -jnp.cos(q[0]) + q[0] * jnp.sin(t) / 2)
    return F.SeparableHamiltonianField(kinetic or E.KineticEnergy(jnp.array([2.0])), potential)


def test_midpoint_has_order_two_and_keeps_the_form_of_pairs():
    step, field = I.TwoStepMidpoint(), pendulum()
    slope = observed_order(step, field, X0, 2.0, steps=32, levels=3)
    assert abs(float(slope) - 2) <= 0.3
    assert {SYMPLECTIC, VOLUME} <= T.structure_of(step, field)
    for tag in (SYMPLECTIC, VOLUME):
        assert float(ROWS[tag].oracle(step, field, 0.2, X0, 0.3)) <= tol(X0.dtype)
    pair = jnp.array([0.1, -0.5, 0.7, 0.2])
    assert_close(step.inverse_on_pair(field, 0.2, step.on_pair(field, 0.2, pair, 0.3), 0.3), pair)


def test_midpoint_keeps_the_volume_of_pairs_for_every_field_of_even_dimension():
    field = F.HelmholtzField(E.QuadraticEnergy(jnp.eye(2)), E.QuadraticEnergy(jnp.eye(2)))
    step = I.TwoStepMidpoint()
    jacobian = jax.jacfwd(lambda y: step.on_pair(field, 0.0, y, 0.3))(jnp.ones(4))
    assert abs(float(jnp.linalg.det(jacobian)) - 1) <= tol(X0.dtype)


def test_midpoint_follows_the_recursion_and_starts_again_when_the_step_changes():
    step, field = I.TwoStepMidpoint(), pendulum()
    xs = I.rollout(step, field, X0, (0.1, 4)).xs
    for n in (1, 2, 3):
        assert_close(xs[n + 1], xs[n - 1] + 0.2 * field(0.1 * n, xs[n]))
    ts = jnp.array([0.0, 0.1, 0.2, 0.25])
    changed = I.rollout(step, field, X0, ts).xs
    assert_close(changed[:3], xs[:3])
    assert_close(changed[3], step(field, 0.2, xs[2], 0.05))
    # diffrax chooses unequal last steps to meet the end
    term, solver, saveat = diffrax.ODETerm(field), I.as_solver(step), diffrax.SaveAt(steps=True)
    solution = diffrax.diffeqsolve(term, solver, 0.0, 0.25, 0.1, X0, saveat=saveat)
    ts = jnp.concatenate([jnp.zeros(1), solution.ts[:3]])
    assert_close(solution.ys[:3], I.rollout(step, field, X0, ts).xs[1:])


def test_stormer_is_verlet_for_equal_and_for_unequal_steps():
    step, field = I.StormerVerlet(), pendulum()
    for ts in ((0.1, 20), jnp.array([0.0, 0.1, 0.3, 0.35, 0.6])):
        xs = I.rollout(step, field, X0, ts).xs
        assert_close(xs, I.rollout(I.verlet_kdk, field, X0, ts).xs, 20)
    assert_close(step.inverse(field, 0.3, step(field, 0.3, X0, 0.2), 0.2), X0)
    assert T.structure_of(step, field) == T.structure_of(I.verlet_kdk, field)
    xs = I.rollout(step, pendulum(), X0, (0.1, 3)).xs[:, 0]
    kicks = [field.drift(0.0, field.kick(0.1 * n, xs[n : n + 1])) for n in (1, 2)]
    for n, kick in zip((1, 2), kicks, strict=True):
        assert_close(xs[n + 1], 2 * xs[n] - xs[n - 1] + 0.01 * kick[0])


def test_stormer_reports_a_drift_that_is_not_linear():
    field = pendulum(E.FunctionEnergy(lambda t, p: jnp.sqrt(1 + p[0] ** 2)))
    assert int(I.rollout(I.StormerVerlet(), field, X0, (0.1, 3)).finite_steps) == 0
