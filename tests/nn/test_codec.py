"""Codecs: convolution and shuffles against their definitions, batches, shapes, refusals."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.nn import (
    AbstractCodec,
    ConvolutionalCodec,
    MLPCodec,
    convolve,
    depth_to_space,
    space_to_depth,
)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_convolution_is_that_of_jax(getkey, k):
    x, weight = jr.normal(getkey(), (2, 5, 6, 3)), jr.normal(getkey(), (4, k, k, 2))
    bias = jr.normal(getkey(), (4,))
    expected = jax.lax.conv_general_dilated(
        jnp.moveaxis(x, -1, 0), jnp.moveaxis(weight, -1, 1), (1, 1), [((k - 1) // 2, k // 2)] * 2
    )
    expected = jnp.moveaxis(expected, 0, -1) + bias[:, None, None, None]
    np.testing.assert_allclose(convolve(weight, bias, x), expected, atol=tol(x.dtype))
    np.testing.assert_allclose(
        convolve(weight, bias, x[..., 0]), expected[..., 0], atol=tol(x.dtype)
    )


def test_shuffles_undo_each_other_and_keep_squares_together():
    x = jnp.arange(2.0 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    deep = space_to_depth(x, 2)
    assert deep.shape == (8, 2, 3, 3)
    np.testing.assert_array_equal(deep[4:, 1, 2, 0], x[1, 2:4, 4:6, 0].ravel())
    np.testing.assert_array_equal(depth_to_space(deep, 2), x)


def _codecs(key):
    return [
        MLPCodec((2, 3, 4), 1, 2, 6, 1, key=key),
        ConvolutionalCodec((1, 8, 16), 2, 3, 2, key=key),
    ]


@pytest.mark.parametrize("index", [0, 1])
def test_a_batch_is_one_film_at_a_time(getkey, index):
    codec = _codecs(getkey())[index]
    assert isinstance(codec, AbstractCodec)
    pictures = jr.normal(getkey(), (codec.frames, *codec.shape, 3))
    code = codec.encode(pictures)
    assert code.shape == (4 * codec.coordinates, 3)
    np.testing.assert_allclose(codec.encode(pictures[..., 1]), code[:, 1], atol=tol(code.dtype))
    q = jr.normal(getkey(), (codec.coordinates, 4, 3))
    decoded = codec.decode(q)
    assert decoded.shape == (*codec.shape, 4, 3)
    np.testing.assert_allclose(
        codec.decode(q[:, 2, 1]), decoded[..., 2, 1], atol=tol(decoded.dtype)
    )


def test_refusals(getkey):
    with pytest.raises(ValueError, match="divisible by 8"):
        ConvolutionalCodec((1, 12, 16), key=getkey())
    with pytest.raises(ValueError, match="frames must be an integer"):
        MLPCodec((1, 4, 4), 2, 0, key=getkey())
    with pytest.raises(ValueError, match="width"):
        ConvolutionalCodec((1, 8, 8), width=0, key=getkey())
