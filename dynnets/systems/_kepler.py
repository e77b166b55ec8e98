"""Kepler's problem: the state of a bound orbit at any time, by its equation's root."""

import jax
import jax.numpy as jnp
import optimistix as optx

from dynnets._core import implicit_root


def _time_equation(change, constants):
    """`x - e cos E_0 sin x + e sin E_0 (1 - cos x) - n t`, `x` the change of the anomaly."""
    cosine, sine, elapsed = constants
    return change - cosine * jnp.sin(change) + sine * (1 - jnp.cos(change)) - elapsed


def _start(cosine, sine, elapsed):
    """Where Newton's method falls monotonically to the root, for every eccentricity below 1.

    In the anomaly `E = E_0 + x` the equation is `E - e sin E = M`, convex and not negative at
    `min(M + e, pi)` for `M` in `[0, pi]`; negative `M` mirror it, whole turns shift it.
    """
    before = jnp.arctan2(sine, cosine)
    mean = before - sine + elapsed
    whole = 2 * jnp.pi * jnp.round(mean / (2 * jnp.pi))
    part = mean - whole
    far = jnp.minimum(jnp.abs(part) + jnp.sqrt(cosine**2 + sine**2), jnp.pi)
    return whole + jnp.where(part < 0, -far, far) - before


def anomaly_change(cosine, sine, elapsed):
    """The change `x` of the eccentric anomaly while the mean anomaly moves by `elapsed`.

    **Arguments:** scalars: `cosine = e cos E_0` and `sine = e sin E_0` of the starting point,
    `0 <= e < 1`; regular on circles, where `E_0` itself is not defined. Gradients by the
    implicit function theorem. Error: a few units of round-off of `max(1, |elapsed|) / (1 - e)`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.systems import anomaly_change
    >>> float(anomaly_change(jnp.array(0.0), jnp.array(0.0), jnp.array(0.5)))  # a circle
    0.5

    ```
    """
    constants = (cosine, sine, elapsed)
    start = _start(*jax.lax.stop_gradient(constants))
    tolerance = 4 * float(jnp.finfo(start.dtype).eps)
    solver = optx.Newton(rtol=tolerance, atol=tolerance)

    def find(function, start):
        return optx.root_find(
            lambda x, _: function(x), solver, start, max_steps=64, throw=False
        ).value

    return implicit_root(lambda change: _time_equation(change, constants), start, find)


def orbit_energy(place, velocity, strength):
    """`|v|^2 / 2 - mu / |r|` per unit of reduced mass; negative on bound orbits."""
    return jnp.sum(velocity**2) / 2 - strength / jnp.sqrt(jnp.sum(place**2))


def advance_kepler(t, place, velocity, strength):
    """Solve `r'' = -mu r / |r|^3` exactly on a bound orbit: place and velocity after `t`.

    Lagrange's coefficients `f, g` in the change of eccentric anomaly; whole periods are taken
    off first. Valid for negative `orbit_energy` and non-zero angular momentum, else NaN.

    **Arguments:** `t`: scalar; `place`, `velocity`: `(space,)`; `strength`: `mu = G (m_1 + m_2)`.
    """
    distance = jnp.sqrt(jnp.sum(place**2))
    axis = -strength / (2 * orbit_energy(place, velocity, strength))
    motion = jnp.sqrt(strength / axis**3)
    t = t - jnp.round(motion * t / (2 * jnp.pi)) * (2 * jnp.pi / motion)
    cosine = 1 - distance / axis
    sine = jnp.sum(place * velocity) / jnp.sqrt(strength * axis)
    change = anomaly_change(cosine, sine, motion * t)
    cos, sin = jnp.cos(change), jnp.sin(change)
    now = axis * (1 - cosine * cos + sine * sin)
    f = 1 - axis / distance * (1 - cos)
    g = t - (change - sin) / motion
    f_rate = -jnp.sqrt(strength * axis) / (now * distance) * sin
    g_rate = 1 - axis / now * (1 - cos)
    return f * place + g * velocity, f_rate * place + g_rate * velocity
