"""The areas of diffrax's own suite, for every registered step as a solver.

A step is tested here by its row of `registry.STEPS`. `make test-all` runs all of it, `make test` a
sample in which every area occurs.
"""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from contract import make_field
from helpers import tol
from registry import STEPS

from dynnets.integrators import InverseAdjoint, as_solver

pytestmark = pytest.mark.usefixtures("few_programs_at_once")

HALVES = frozenset({"kick", "drift"})


class Case:
    """A row as a solve: `run(x, t1=, dt0=, ...)` from half of the row's state."""

    def __init__(self, row):
        self.row, self.info = row, row.step.info
        self.field, x, _ = make_field(row, jnp.float64)
        self.x = jnp.asarray(0.5 * np.asarray(x))
        self.solver = as_solver(row.step, self.field)

    def run(self, x, t0=0.0, t1=0.6, dt0=0.1, field=None, **kwargs):
        term = diffrax.ODETerm(self.field if field is None else field)
        return diffrax.diffeqsolve(term, self.solver, t0, t1, dt0, x, **kwargs)

    def slope(self, error, steps) -> float:
        """The measured order of `error(dt0)` for `1 / dt0` of two numbers, infinite where it is
        round-off.
        """
        coarse, fine = (float(error(1.0 / n)) for n in steps)
        small = tol(jnp.float64) * max(1.0, float(np.abs(self.x).max()))
        return np.inf if max(coarse, fine) <= small else float(np.log2(coarse / fine))


def apart(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max()


def order(case):
    end = jax.jit(lambda dt0: case.run(case.x, t1=1.0, dt0=dt0).ys[-1])
    steps = (8, 16, 32)
    ends = {n: np.asarray(end(1.0 / n)) for n in steps}
    found = case.slope(lambda dt0: apart(ends[round(1 / dt0)], ends[round(2 / dt0)]), steps[:2])
    assert found >= case.info.order - 0.4


def output(case):
    ts = jnp.array([0.0, 0.1, 0.25, 0.6])
    subs = [
        diffrax.SubSaveAt(ts=ts),
        diffrax.SubSaveAt(t0=True, steps=True),
        diffrax.SubSaveAt(t1=True),
    ]
    run = jax.jit(lambda x: case.run(x, saveat=diffrax.SaveAt(subs=subs), max_steps=8).ys)
    at_times, at_steps, end = map(np.asarray, run(case.x))
    assert apart(at_times[[0, 1, 3]], at_steps[[0, 1, 6]]) <= tol(jnp.float64)
    assert apart(at_steps[6], end[0]) == 0
    # h^2 |x''| / 8 is what a chord would err by; the output errs less
    assert apart(at_times[2], (at_steps[2] + at_steps[3]) / 2) <= 0.1 * max(1, apart(end, case.x))


def between(case):
    """Output between steps errs by `O(h^order)`: against steps of a quarter of the length."""
    ts = jnp.array([0.33, 0.71])
    run = jax.jit(lambda dt0: case.run(case.x, t1=1.0, dt0=dt0, saveat=diffrax.SaveAt(ts=ts)).ys)
    found = case.slope(lambda dt0: apart(run(dt0), run(dt0 / 4)), (8, 16))
    # 0.33 and 0.71 lie at other places of the coarse and of the fine steps
    assert found >= min(case.info.order, 4) - 1


def events(case):
    end = np.asarray(jax.jit(lambda x: case.run(x).ys[-1])(case.x))
    entry = int(np.argmax(np.abs(end - np.asarray(case.x))))
    level = float(end[entry] + case.x[entry]) / 2

    def crosses(t, y, args, **kwargs):
        return y[entry] - level

    event = diffrax.Event(crosses, optx.Newton(1e-9, 1e-9, norm=optx.max_norm))
    stopped = jax.jit(lambda x: case.run(x, event=event))(case.x)
    assert 0 < float(stopped.ts[-1]) < 0.6
    assert abs(float(stopped.ys[-1, entry]) - level) <= 1e-7  # of the root finder


def adjoints(case):
    def end(x, adjoint):
        return jnp.sum(case.run(x, t1=0.45, dt0=0.15, adjoint=adjoint, max_steps=4).ys[-1] ** 2)

    gradient = eqx.filter_jit(jax.grad(end))
    direct = gradient(case.x, diffrax.DirectAdjoint())
    assert np.isfinite(direct).all() and np.abs(direct).max() > 0
    others = [diffrax.RecursiveCheckpointAdjoint()]
    others += [InverseAdjoint()] if case.info.invertible else []
    scale = 10
    for adjoint in others:
        assert apart(gradient(case.x, adjoint), direct) <= tol(jnp.float64, scale)


def vmaps(case):
    """A batch of unequal lengths and steps: values as one by one, gradients that are finite."""
    ends, widths = jnp.array([0.2, 0.45]), jnp.array([0.1, 0.15])
    run = lambda x, t1, dt0: case.run(x, t1=t1, dt0=dt0, max_steps=4).ys[-1]  # noqa: E731
    batched = lambda x: jax.vmap(run, in_axes=(None, 0, 0))(x, ends, widths)  # noqa: E731
    pull = jax.jit(lambda x: jax.vjp(batched, x))
    ys, back = pull(case.x)
    single = jax.jit(run)
    for y, t1, dt0 in zip(ys, ends, widths, strict=True):
        assert apart(y, single(case.x, t1, dt0)) <= tol(jnp.float64)
    (gradient,) = jax.jit(lambda back: back(jnp.ones_like(ys)))(back)
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


def jumps(case):
    """A jump begins the memory anew, which changes no more than the step errs by."""
    run = jax.jit(lambda jump: case.run(case.x, made_jump=jump).ys[-1])
    assert apart(run(True), run(False)) <= tol(jnp.float64)
    state = jax.jit(
        lambda x: case.run(x, t1=0.3, saveat=diffrax.SaveAt(t1=True, solver_state=True))
    )(case.x)
    go_on = jax.jit(
        lambda x, state: case.run(x, t0=0.3, solver_state=state, made_jump=False).ys[-1]
    )
    assert apart(go_on(state.ys[-1], state.solver_state), run(False)) <= tol(jnp.float64)


def backwards(case):
    def miss(dt0):
        there = case.run(case.x, t1=1.0, dt0=dt0).ys[-1]
        return jnp.abs(case.run(there, t0=1.0, t1=0.0, dt0=-dt0).ys[-1] - case.x).max()

    assert case.slope(jax.jit(miss), (8, 16)) >= case.info.order - 0.5


def trees(case):
    """Halves of the state as a tuple; fields with parts of their own take one array only."""
    as_tuple = tuple(jnp.split(case.x, 2))

    def field(t, y, args):
        return tuple(jnp.split(case.field(t, jnp.concatenate(y)), 2))

    if case.info.needs - HALVES:
        with pytest.raises(ValueError, match="one real array"):
            case.run(as_tuple, field=field)
        return
    run = jax.jit(lambda x: case.run(x).ys)
    tree = jax.jit(lambda x: case.run(x, field=field).ys)(as_tuple)
    assert apart(np.concatenate(tree, axis=1), run(case.x)) <= tol(jnp.float64)


AREAS = [order, output, between, events, adjoints, vmaps, jumps, backwards, trees]
BACKWARD = (adjoints, vmaps)  # areas that ask for reverse-mode gradients
EVERY = 3  # of the rows, one area each in an ordinary run

# A step of extended states (time transformation) has no place in a solve of the field's own.
ROWS = [row for row in STEPS if row.start is None]


def cases() -> list:
    found = []
    for i, row in enumerate(ROWS):
        for j, area in enumerate(AREAS):
            if area in BACKWARD and not row.backwards:
                continue
            ordinary = i % EVERY == 0 and (i // EVERY) % len(AREAS) == j
            marks = () if ordinary else pytest.mark.full
            name = f"{row.name}-{area.__name__}"
            found.append(pytest.param(row, area, id=name, marks=marks))
    return found


@pytest.mark.parametrize(("row", "area"), cases())
def test_area(row, area):
    area(Case(row))
