"""Random steps for a field: every step of the library that takes it, and what is made of them."""

import diffrax
import jax.numpy as jnp

from dynnets import integrators as I, models as M
from dynnets.structure import ENERGY, NORM, ORTHOGONAL

from .families import pick

SPLITTINGS = (
    I.symplectic_euler,
    I.symplectic_euler_adjoint,
    I.verlet_kdk,
    I.verlet_dkd,
    I.yoshida4,
    I.forest_ruth,
    I.ruth3,
    I.mclachlan4,
    I.suzuki4,
    I.blanes_moan4,
    I.blanes_moan6,
    I.yoshida6,
)
EXPLICIT = (
    I.explicit_euler,
    I.heun,
    I.explicit_midpoint,
    I.ralston,
    I.kutta3,
    I.ssp3,
    I.rk4,
    I.RungeKutta(diffrax.Bosh3()),
    I.RungeKutta(diffrax.Tsit5()),
)


def _left_end(lagrangian, t, q0, q1, v, h):
    return lagrangian(t, q0, v)


def _spread(t, x):
    """A step density that is positive everywhere."""
    return 1 / (1 + jnp.sum(x**2))


def _weight(rng) -> float:
    """A share of the step, one in three negative."""
    size = float(pick(rng, (0.25, 0.5, 1.0, 1.5)))
    return -size if rng.random() < 0.33 else size


def _plain(rng):
    """A step that is no composition, of any kind."""
    kinds = {
        "splitting": lambda: pick(rng, SPLITTINGS),
        "flows": lambda: pick(
            rng, (I.lie, I.strang, I.lie_adjoint, I.over_flows(pick(rng, SPLITTINGS)))
        ),
        "explicit": lambda: pick(rng, EXPLICIT),
        "implicit": lambda: pick(rng, (I.ImplicitMidpoint(), I.ImplicitEuler())),
        "gauss": lambda: I.Gauss(int(rng.integers(1, 4))),
        "energy": lambda: pick(
            rng, (I.Gonzalez(), I.MeanValue(int(rng.integers(1, 4))), I.ItohAbe(), I.ItohAbe(True))
        ),
        "group": lambda: pick(rng, (I.cayley, I.cayley_midpoint, I.lie_euler, I.lie_midpoint)),
        "action": lambda: pick(
            rng,
            (
                I.variational_midpoint,
                I.variational_trapezoid,
                I.variational_gauss,
                I.VariationalStep(_left_end),
            ),
        ),
    }
    return kinds[pick(rng, kinds)]()


def _pairs(rng):
    return pick(rng, (I.TwoStepMidpoint(), I.Tao(float(10 ** rng.uniform(-1, 1.5))), I.Tao(5.0, 4)))


def _composed(rng):
    parts = [_plain(rng) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.3:
        parts = parts + [I.adjoint(p) for p in parts[::-1] if p.info.symmetric or p.info.invertible]
    weights = [_weight(rng) for _ in parts]
    if rng.random() < 0.3:
        weights = [abs(w) for w in weights]
    if rng.random() < 0.3:
        weights[-1] = weights[0]
    step = I.compose(parts, weights)
    return I.scale(step, _weight(rng)) if rng.random() < 0.2 else step


def _adjoint(rng):
    base = pick(rng, (pick(rng, SPLITTINGS), I.lie, I.over_flows(I.ruth3), I.StormerVerlet()))
    step = I.adjoint(base)
    return I.adjoint(I.compose([base, step], [0.5, -0.5])) if rng.random() < 0.3 else step


def _wrapped(rng):
    base = pick(rng, (I.heun, I.rk4, I.verlet_kdk, I.lie, I.strang))
    return pick(
        rng,
        (
            lambda: I.Compensated(pick(rng, SPLITTINGS)),
            lambda: I.StormerVerlet(),
            lambda: I.TaoPairs(pick(rng, (2, 4))),
            lambda: M.ExactFlow(),
            lambda: I.Projected(base, ENERGY),
            lambda: I.Projected(base, NORM),
            lambda: I.Projected(base, ORTHOGONAL),
            lambda: I.Relaxation(pick(rng, (I.heun, I.rk4, I.strang)), pick(rng, (ENERGY, NORM))),
        ),
    )()


def draw_step(rng, field, shape):
    """A step whose needs the field meets, for states of this shape."""
    matrix, even = len(shape) == 2, len(shape) == 1 and shape[0] % 2 == 0
    for _ in range(60):
        make = pick(rng, (_plain, _plain, _plain, _composed, _composed, _adjoint, _wrapped, _pairs))
        step = make(rng)
        if I.missing_parts(step, field) or (step.on_pair is not None and not even):
            continue
        if isinstance(step, I.Projected) and (ORTHOGONAL in step.invariants) != matrix:
            continue
        return step
    return I.rk4


def timed(rng, step):
    """A step of its own clock on extended states, for a symmetric step."""
    usable = step.info.symmetric and step.on_pair is None
    return I.TimeTransformed(step, _spread) if usable and rng.random() < 0.1 else step
