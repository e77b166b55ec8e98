"""Pictures of a pendulum: where it hangs, how smoothly it moves, what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tol

from dynnets.data import (
    render_discs,
    render_mass_spring,
    render_pendulum,
    render_two_body,
)


def centre(frame):
    """Row and column of the centre of brightness, from the middle of the picture."""
    axis = jnp.arange(frame.shape[0], dtype=frame.dtype) - (frame.shape[0] - 1) / 2
    total = frame.sum()
    return axis @ frame.sum(axis=1) / total, axis @ frame.sum(axis=0) / total


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_shapes_dtype_and_brightness(dtype):
    frames = render_pendulum(jnp.zeros((3, 2), dtype), 16)
    assert frames.shape == (3, 2, 16, 16)
    assert frames.dtype == dtype
    assert float(frames.min()) == 0.0
    assert float(frames.max()) == 1.0


@pytest.mark.parametrize("q", [-2.0, -0.4, 0.0, 0.3, 1.5, 3.0])
def test_the_bob_points_along_the_angle(q):
    """The centre of brightness lies on the rod's line: tangent of its angle is `tan q`."""
    row, column = centre(render_pendulum(jnp.asarray(q), 64))
    np.testing.assert_allclose(jnp.arctan2(column, row), q, atol=3e-3)  # a tenth of a pixel in 32


def test_mirror_image():
    left, right = render_pendulum(jnp.array([-0.7, 0.7]))
    np.testing.assert_allclose(left[:, ::-1], right, atol=tol(left.dtype))


def test_brightness_moves_continuously_and_without_stairs():
    """Equal turns move the centre of brightness by nearly equal ways, far below one pixel."""
    q = jnp.linspace(0.1, 0.14, 21)
    columns = jax.vmap(lambda angle: centre(render_pendulum(angle))[1])(q)
    ways = jnp.diff(columns)
    assert float(ways.min()) > 0.3 * float(ways.mean())
    assert float(ways.max()) < 2 * float(ways.mean())


def test_transformations_agree():
    q = jnp.array([0.0, 0.2, -1.0])
    every = render_pendulum(q, 12)
    np.testing.assert_allclose(jax.vmap(lambda a: render_pendulum(a, 12))(q), every, atol=1e-14)
    jitted = jax.jit(lambda a: render_pendulum(a, 12))(q)
    np.testing.assert_allclose(jitted, every, atol=tol(q.dtype))
    slope = jax.grad(lambda a: (render_pendulum(a, 12)[:, 6:]).sum())(jnp.asarray(0.0))
    assert np.isfinite(slope)
    assert float(slope) > 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": 1}, "size"),
        ({"length": 0.45, "bob": 0.1}, "0.55"),
        ({"rod": -1.0}, "rod must be positive"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        render_pendulum(jnp.zeros(2), **options)


def test_integer_angles_are_refused():
    with pytest.raises(ValueError, match="floating-point"):
        render_pendulum(jnp.zeros(2, int))


def test_a_disc_stands_where_it_was_put():
    """Its centre of brightness, in units of the window, and its area."""
    place = jnp.array([[0.31, -0.52]])
    picture = render_discs(place, 64)[0]
    row, column = (64 / 2.6) ** -1 * jnp.stack(centre(picture))
    np.testing.assert_allclose(jnp.stack([column, -row]), place[0], atol=2e-3)  # 1/20 pixel
    np.testing.assert_allclose(picture.sum() * (2.6 / 64) ** 2, jnp.pi * 0.3**2, rtol=1e-2)


def test_systems_are_discs_in_their_places():
    q = jnp.array([[0.2, -0.4]])
    spring = render_mass_spring(q, 12, radius=0.2)
    assert spring.shape == (1, 2, 1, 12, 12)
    np.testing.assert_array_equal(
        spring[0, 1], render_discs(jnp.array([[-0.4, 0.0]]), 12, radius=0.2)
    )
    apart = jnp.array([0.5, 0.5, -0.5, -0.5])
    two = render_two_body(apart, 16, radius=(0.3, 0.2), colours=((1.0, 0.0), (0.0, 0.5)))
    assert two.shape == (2, 16, 16)
    assert float(two[0].max()) == 1.0
    assert float(two[1].max()) == 0.5
    grey = render_two_body(apart, 16, radius=(0.3, 0.2))
    np.testing.assert_allclose(grey[0], two[0] + 2 * two[1], atol=1e-14)  # they do not overlap


def test_a_pendulum_is_a_disc_and_a_rod():
    q = jnp.array([0.7])
    whole = render_pendulum(q, 26, length=10 / 26, bob=0.1)
    disc = render_discs(jnp.stack([jnp.sin(q), -jnp.cos(q)], axis=-1), 26, radius=0.26)
    assert bool((whole >= disc - 1e-12).all())
    assert float((whole - disc).sum()) > 5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"radius": (0.1, 0.2)}, "1 bodies"),
        ({"radius": 0.0}, "radius must be positive"),
        ({"window": -1.0}, "window must be positive"),
        ({"colours": ((1.0,), (1.0,))}, "1 bodies"),
    ],
)
def test_refusals_of_discs(options, message):
    with pytest.raises(ValueError, match=message):
        render_discs(jnp.zeros((1, 2)), **options)
