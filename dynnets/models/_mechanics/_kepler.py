"""The classical baseline of celestial mechanics: one fixed ellipse per planet."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Float

from dynnets._core import check_choice, check_finite, check_increasing, grid_times, implicit_root

CENTRES = ("sun", "barycentre")


def ellipse_position(elements: Float[Array, " 7"], t: Float[Array, ""]) -> Float[Array, " 3"]:
    """Position on a Kepler ellipse at the time `t` after the epoch, shape `(3,)`.

    `elements = (log a, h, k, p, q, lambda, log n)`, the equinoctial elements: semi-axis `a`,
    `(h, k) = e (sin, cos)(longitude of the pericentre)`, `(p, q) = tan(i/2) (sin, cos)(node)`,
    mean longitude at the epoch in rad and mean motion `n` in rad per unit of time; free of the
    singularities of circles and of the reference plane. Kepler's equation
    `F + h cos F - k sin F = lambda + n t` is solved by Newton's method.
    """
    log_a, h, k, p, q, longitude, log_n = elements
    mean = longitude + jnp.exp(log_n) * t

    def kepler(f):
        return f + h * jnp.cos(f) - k * jnp.sin(f) - mean

    tolerance = 8 * float(jnp.finfo(elements.dtype).eps)
    solver = optx.Newton(rtol=tolerance, atol=tolerance)

    def find(function, start):
        return optx.root_find(
            lambda f, _: function(f), solver, start, max_steps=32, throw=False
        ).value

    f = implicit_root(kepler, jax.lax.stop_gradient(mean), find)
    beta = 1 / (1 + jnp.sqrt(1 - h**2 - k**2))
    x = (1 - h**2 * beta) * jnp.cos(f) + h * k * beta * jnp.sin(f) - k
    y = (1 - k**2 * beta) * jnp.sin(f) + h * k * beta * jnp.cos(f) - h
    first, second = _plane(p, q)
    return jnp.exp(log_a) * (x * first + y * second)


def _plane(p, q):
    """Two orthonormal vectors in the plane of the orbit."""
    size = 1 + p**2 + q**2
    first = jnp.stack([1 - p**2 + q**2, 2 * p * q, -2 * p]) / size
    second = jnp.stack([2 * p * q, 1 + p**2 - q**2, 2 * q]) / size
    return first, second


class KeplerEllipses(eqx.Module):
    """Every planet on a fixed ellipse about the Sun or about the barycentre; no perturbations.

    The state is `(q, v)`, body by body, body 0 the Sun. The Sun moves so that
    `r_0 = -sum_i c_i r_i` with fitted `c_i`, the planets' share of the total mass. Made by
    `fit_ellipses`. It is a function of time, not a dynamical system: the forecast ignores the
    initial state.

    **Fields:** `elements (planets, 7)` of `ellipse_position`; `reflex (planets,)`: `c_i`;
    `epoch`: time at which the mean longitudes hold; `centre`: `"sun"` or `"barycentre"`.
    """

    elements: Float[Array, "planets 7"]
    reflex: Float[Array, " planets"]
    epoch: float = eqx.field(static=True)
    centre: str = eqx.field(static=True)

    def __check_init__(self):
        check_choice("centre", self.centre, CENTRES)

    @property
    def energy(self) -> None:
        """`None`."""
        return None

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def _positions(self, t):
        planets = jax.vmap(lambda e: ellipse_position(e, t))(self.elements)
        sun = -jnp.sum(self.reflex[:, None] * planets, axis=0)
        if self.centre == "sun":
            planets = planets + sun[None]
        return jnp.concatenate([sun, planets.reshape(-1)])

    def predict(self, x0, ts, args=None):
        """States `(q, v)` at `ts: (n,)`, shape `(n, d)`; `x0` is not used."""
        dtype = self.elements.dtype
        ts = jnp.asarray(grid_times(ts, dtype), dtype)
        return _states(self, ts - self.epoch)


@eqx.filter_jit
def _states(ellipses, ts):
    def one(t):
        q, v = jax.jvp(ellipses._positions, (t,), (jnp.ones_like(t),))
        return jnp.concatenate([q, v])

    return jax.vmap(one)(ts)


def fit_ellipses(
    ts: Float[Array, " n"], xs: Float[Array, "n d"], centre: str = "sun", *, steps: int = 60
) -> KeplerEllipses:
    """Fit one ellipse per planet to measured states by least squares.

    **Arguments:** `ts`: increasing times; `xs`: states `(q, v)`, body by body in three dimensions,
    body 0 the Sun, origin at the barycentre (only positions are used); `centre`: the focus, `"sun"`
    or `"barycentre"`; `steps`: the largest number of steps of Levenberg-Marquardt per planet.

    **Returns** `KeplerEllipses`, seven elements per planet (the mean motion is fitted apart from
    the axis) and the Sun's reflex. Raises `ValueError` for data that are not finite, times that
    do not increase, states that are no `(q, v)` of two or more bodies, and an unknown centre.
    """
    check_choice("centre", centre, CENTRES)
    check_finite("xs", xs)
    check_increasing("ts", ts)
    if xs.ndim != 2 or xs.shape[1] % 6 or xs.shape[1] < 12 or xs.shape[0] != ts.shape[0]:
        raise ValueError(
            f"xs must hold positions and velocities of bodies, (n, 6 * bodies), got {xs.shape} "
            f"for {ts.shape[0]} times"
        )
    points = xs[:, : xs.shape[1] // 2].reshape(xs.shape[0], -1, 3)
    sun, planets = points[:, 0], jnp.moveaxis(points[:, 1:], 1, 0)
    if centre == "sun":
        planets = planets - sun[None]
    epoch = float(ts[ts.shape[0] // 2])
    elements = _fit_elements(ts - epoch, planets, steps)
    columns = jnp.moveaxis(planets, 0, -1).reshape(-1, planets.shape[0])
    reflex = -jnp.linalg.lstsq(columns, sun.reshape(-1))[0]
    return KeplerEllipses(elements, reflex, epoch, centre)


@eqx.filter_jit
def _fit_elements(ts, planets, steps):
    def one(points):
        scale = jnp.sqrt(jnp.mean(jnp.sum(points**2, axis=1)))

        def residual(elements, args):
            return (jax.vmap(lambda t: ellipse_position(elements, t))(ts) - points) / scale

        tolerance = float(jnp.finfo(points.dtype).eps) ** 0.75
        solver = optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance)
        guess = _circle(ts, points)
        solution = optx.least_squares(
            residual, solver, guess, options={"jac": "fwd"}, max_steps=steps, throw=False
        )
        return solution.value

    return jax.vmap(one)(planets)


def _circle(ts, points):
    """Elements of a circle in the mean plane, with the mean turning rate: a first guess."""
    normal = jnp.sum(jnp.cross(points[:-1], points[1:]), axis=0)
    normal = normal / jnp.linalg.norm(normal)
    p, q = normal[0] / (1 + normal[2]), -normal[1] / (1 + normal[2])
    first, second = _plane(p, q)
    angle = jnp.unwrap(jnp.arctan2(points @ second, points @ first))
    mean_t, mean_angle = jnp.mean(ts), jnp.mean(angle)
    rate = jnp.sum((ts - mean_t) * (angle - mean_angle)) / jnp.sum((ts - mean_t) ** 2)
    radius = jnp.mean(jnp.linalg.norm(points, axis=1))
    zero = jnp.zeros_like(rate)
    longitude = mean_angle - rate * mean_t
    return jnp.stack([jnp.log(radius), zero, zero, p, q, longitude, jnp.log(rate)])
