"""Where and when a step meets a wall: flat walls by their exact root, and a learned guess."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_finite, check_size, constant_field, split_phase
from dynnets.nn import MLP


class Walls(eqx.Module):
    """Flat walls `normals[k] . q <= offsets[k]` around a convex room, an event for `Rebound`.

    The time of impact is the root of the gap `g_k(s) = normals[k] . q(s) - offsets[k]` along the
    tentative step itself. The first outgoing root of its expansion to second order at `s = 0` is
    the exact one where the step's place is quadratic in its width (Verlet from a kick, a kinetic
    energy `|p|^2 / (2 m)`), and `polish` steps of Newton's method on the gap lead from there to
    the exact root of any other step. The step itself is exact where the force is constant. Linear
    interpolation between grid points would be off by `O(h^2)`. A wall is met on the way out only,
    so the one just left does not count again.

    **Arguments:**

    - `normals (walls, n)`: outward unit vectors; `offsets (walls,)`; neither is trained.
    - `restitution`: `e` in `[0, 1]`; the normal velocity is multiplied by `-e`, 1 is elastic.
    - `polish`: Newton steps.

    Cost: five steps of the base, and two for every Newton step. Raises `ValueError` for shapes
    that do not fit, normals that are not of unit length, and a restitution outside `[0, 1]`.
    """

    normals: Float[Array, "walls n"] = constant_field()
    offsets: Array = constant_field()  # (walls,)
    restitution: float = eqx.field(static=True, default=1.0)
    polish: int = eqx.field(static=True, default=2)

    def __check_init__(self):
        if self.normals.ndim != 2 or self.offsets.shape != self.normals.shape[:1]:
            raise ValueError(
                "walls have normals (walls, n) and offsets (walls,), got shapes "
                f"{self.normals.shape} and {self.offsets.shape}"
            )
        check_size("polish", self.polish, 0)
        if not 0 <= self.restitution <= 1:
            raise ValueError(f"restitution must be in [0, 1], got {self.restitution}")
        if isinstance(self.normals, jax.core.Tracer | jax.ShapeDtypeStruct):
            return
        check_finite("offsets", self.offsets)
        lengths = np.linalg.norm(np.asarray(self.normals), axis=1)
        eps = float(jnp.finfo(self.normals.dtype).eps)
        if not np.allclose(lengths, 1, atol=8 * eps):
            raise ValueError(f"normals of walls have unit length, got {lengths}")

    def gaps(self, q: Float[Array, " n"]) -> Float[Array, " walls"]:
        """Signed distance beyond each wall: negative inside of the room."""
        return self.normals.astype(q.dtype) @ q - self.offsets.astype(q.dtype)

    def __call__(self, motion: Callable, x: Float[Array, " dim"], h: Float[Array, ""]):
        """`(n, alpha)` of the first impact within `h`."""
        along = lambda s: self.gaps(split_phase(motion(s))[0])  # noqa: E731
        times = _outgoing_times(*_expansion(along, jnp.zeros_like(h)))
        first = jnp.argmin(times)
        hit = times[first] <= h
        time = jnp.where(hit, times[first], 0)
        for _ in range(self.polish):
            time = jnp.clip(_newton(lambda s: along(s)[first], time), 0, h)
        share = jnp.where(hit, time / jnp.where(h == 0, 1, h), 1)
        scale = ((1 + self.restitution) / 2) ** 0.5
        normal = self.normals.astype(x.dtype)[first]
        return jnp.where(hit, scale * normal, 0), share


def _expansion(function, s):
    """`c0, c1, c2` of `function(s + e) = c0 + c1 e + c2 e^2 + ...`."""
    one = jnp.ones_like(s)
    slope = lambda s: jax.jvp(function, (s,), (one,))  # noqa: E731
    (value, first), (_, second) = jax.jvp(slope, (s,), (one,))
    return value, first, second / 2


def _outgoing_times(c0, c1, c2):
    """The first `s >= 0` at which `c0 + c1 s + c2 s^2` rises through zero; infinite for none.

    Zero for a gap that is open and growing: the state is on or behind the wall and moves out.
    """
    rising, square = c1 > 0, c1**2 - 4 * c2 * c0
    root = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    early = -2 * c0 / jnp.where(rising, c1 + root, 1)
    late = (root - c1) / jnp.where(c2 > 0, 2 * c2, 1)
    found = jnp.where(rising, (c0 >= 0) | (square >= 0), c2 > 0)
    return jnp.where(found, jnp.maximum(jnp.where(rising, early, late), 0), jnp.inf)


def _newton(function, s):
    value, slope = jax.jvp(function, (s,), (jnp.ones_like(s),))
    return s - jnp.where(slope == 0, 0, value / jnp.where(slope == 0, 1, slope))


class LearnedRebound(eqx.Module):
    """An event for `Rebound` whose normal and time of impact come from a net.

    From the coordinates now and after the tentative step without rebound, `(q, q~)`, the net
    gives a direction `d`, a gate and a share: `n = s(gate) d / |d|`, so `|n| <= 1` for every
    weight (no energy is gained where `T = |p|^2 / (2 m)`), and `alpha = s(share)`, with `s` the
    logistic function. A penalty on `gate` keeps the net from seeing walls where there are none.

    **Arguments:** `n`: number of coordinates; `width`, `depth`, `activation`, `key`: the arguments
    of the net, see `MLP`. Cost: one step of the base and one net. Raises `ValueError` for sizes
    below one.

    Source: Chen, Zhang, Arjovsky, Bottou, Symplectic Recurrent Neural Networks, ICLR 2020,
    section 6 (there from patches of images).
    """

    net: MLP

    def __init__(
        self, n: int, width: int = 32, depth: int = 2, *, activation: str = "tanh",
        key: PRNGKeyArray,
    ):  # fmt: skip
        check_size("n", n)
        self.net = MLP(2 * n, n + 2, width, depth, activation=activation, key=key)

    def guess(self, q, tentative):
        """`(n, gate, alpha)` from the coordinates before and after the tentative step."""
        out = self.net(jnp.concatenate([q, tentative]))
        square = jnp.sum(out[:-2] ** 2)
        direction = out[:-2] / jnp.sqrt(jnp.where(square > 0, square, 1))
        gate, share = jax.nn.sigmoid(out[-2]), jax.nn.sigmoid(out[-1])
        return gate * direction, gate, share

    def __call__(self, motion: Callable, x: Float[Array, " dim"], h: Float[Array, ""]):
        """`(n, alpha)`."""
        normal, _, share = self.guess(split_phase(x)[0], split_phase(motion(h))[0])
        return normal, share
