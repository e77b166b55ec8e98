"""The contracts of every network of the registry, on weights from zero to a thousand."""

import inspect
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from contract import in_both_precisions
from helpers import assert_close, tol
from network_rows import NETWORKS
from registry import cast

import dynnets.networks as N
from dynnets.structure import NON_EXPANSIVE, REVERSIBLE, ROWS, SUM, SYMPLECTIC, VOLUME
from dynnets.training import decode, encode

rows = pytest.mark.parametrize("row", NETWORKS, ids=lambda row: row.name)
pytestmark = pytest.mark.usefixtures("few_programs_at_once")


@cache
def made(name, dtype):
    """The row's network, with weights of size one that are all different, and three states."""
    row = next(row for row in NETWORKS if row.name == name)
    net = row.make(jr.key(0))
    random = np.random.default_rng(2)
    leaves, tree = jax.tree.flatten(eqx.filter(net, eqx.is_inexact_array))
    leaves = [jnp.asarray(0.7 * random.normal(size=leaf.shape)) for leaf in leaves]
    net = cast(eqx.combine(jax.tree.unflatten(tree, leaves), net), dtype)
    return net, jnp.asarray(random.normal(size=(3, *row.shape)), dtype)


def scaled(net, scale):
    """The weights times `scale`; a step of its own size keeps it."""

    def times(part):
        return jax.tree.map(lambda a: scale * a if eqx.is_inexact_array(a) else a, part)

    if isinstance(net, N.FlowNetwork):
        return eqx.tree_at(lambda n: n.fields, net, times(net.fields))
    return eqx.tree_at(lambda n: n.net, net, times(net.net))


@eqx.filter_jit
def measured(net, x):
    """Image, Jacobian, defects, way back, and the gradient of a loss."""
    measures = {tag.name: ROWS[tag].map_defect for tag in net.structure}
    defects = {name: defect(net, x) for name, defect in measures.items() if defect is not None}
    back = net.inverse(net(x)) if REVERSIBLE in net.structure else x
    slope = eqx.filter_grad(lambda net: jnp.sum(net(x) ** 2))(net)
    return net(x), jax.jacfwd(net)(x), defects, back, slope


@eqx.filter_jit
def batch(net, xs):
    return jax.vmap(net)(xs)


def slack_of(tag, dtype, x, y, jacobian):
    """What round-off explains: of a product of Jacobians, of a determinant, of a sum."""
    size = np.linalg.norm(np.asarray(jacobian, float).reshape(y.size, x.size), 2)
    if tag == SYMPLECTIC.name:
        return tol(dtype, max(size, 1) ** 2)
    if tag == VOLUME.name:
        return tol(dtype, max(size, 1) ** x.size)
    return tol(dtype, np.abs(y).sum() + np.abs(x).sum() if tag == SUM.name else 1.0)


@in_both_precisions(NETWORKS, 4)
def test_network_keeps_what_it_claims_at_every_size_of_weights(row, dtype):
    net, xs = made(row.name, dtype)
    assert net.structure == row.tags
    for scale in row.scales:
        found = measured(scaled(net, scale), xs[0])
        y, jacobian, defects, back, slope = jax.tree.map(np.asarray, found)
        assert y.dtype == dtype and np.isfinite(y).all(), scale
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope)), scale
        for tag, defect in defects.items():
            assert defect <= slack_of(tag, dtype, xs[0], y, jacobian), (tag, scale)
        size = max(np.abs(jacobian).max(), 1) ** 2
        assert np.abs(back - xs[0]).max() <= tol(dtype, size), scale


@rows
def test_network_alone_in_a_loop_and_after_a_file(row):
    net, xs = made(row.name, jnp.float64)
    ys = batch(net, xs)
    for x, y in zip(xs[:2], ys[:2], strict=True):
        assert_close(net(x), y)  # not compiled as a whole
    again = decode(*encode(net))
    assert again.structure == net.structure
    assert jax.tree.structure(again) == jax.tree.structure(net)
    assert (np.asarray(batch(again, xs)) == ys).all()


@pytest.mark.parametrize("row", [row for row in NETWORKS if NON_EXPANSIVE in row.tags])
def test_bounds_of_a_network_hold_where_it_is_measured(row):
    net, xs = made(row.name, jnp.float64)
    line = net.bounds()[0]
    assert line.name == "LIPSCHITZ" and line.holds is True
    assert np.linalg.norm(measured(net, xs[0])[1], 2) <= line.value


def parts_of(tree):
    """The classes of all modules inside a network."""
    found = {type(tree)}
    for value in vars(tree).values() if isinstance(tree, eqx.Module) else ():
        for part in value if isinstance(value, tuple) else (value,):
            found |= parts_of(part)
    return found


def test_every_public_class_of_networks_has_a_row():
    public = {
        cls
        for name, cls in vars(N).items()
        if inspect.isclass(cls) and not name.startswith("Abstract")
    }
    covered = set().union(*(parts_of(made(row.name, jnp.float64)[0]) for row in NETWORKS))
    assert public - covered == set()
