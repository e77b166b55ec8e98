"""Networks of flows: structure on random weights, scan and loop, inverses, limits of sizes."""

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from registry import cast

from dynnets import energies as E, fields as F, integrators as I, networks as N, structure as T
from dynnets.structure import (
    NON_EXPANSIVE,
    NORM,
    REVERSIBLE,
    SUM,
    SYMPLECTIC,
    VOLUME,
    expansion_excess,
    norm_defect,
    sum_defect,
    symplecticity_defect,
    volume_defect,
)
from dynnets.training import decode, encode

OPTIMISED = True  # its memory is that of optimised programs

DTYPES = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["f32", "f64"])
ORACLES = {
    NON_EXPANSIVE: expansion_excess,
    SUM: sum_defect,
    NORM: norm_defect,
    SYMPLECTIC: symplecticity_defect,
    VOLUME: volume_defect,
}


def down(key):
    return F.NonExpansiveField(4, 6, activation="half_relu", key=key)


def up(key):
    return F.ExpansiveField(4, 6, key=key)


def shears(key):
    return F.ShearField(1, 3, 5, key=key)


def separable(key):
    a, b = jr.split(key)
    return F.SeparableHamiltonianField(E.MLPEnergy(2, 5, 1, key=a), E.MLPEnergy(2, 5, 1, key=b))


def mass(key):
    return F.SumPreservingField(4, 5, 1, key=key)


def rotations(key):
    return F.RotationField(4, 5, 1, key=key)


# name, field of a layer, step, step size, tags, lift and projection
NETWORKS = {
    "gradient": (down, I.explicit_euler, N.BoundedStepSize(0.9), {NON_EXPANSIVE}, None),
    "potential_layer": (
        down,
        I.rk4,
        N.FractionStepSize(norm="gram"),
        {NON_EXPANSIVE},
        (N.ZeroPadding(3, 4), N.Truncation(4, 3)),
    ),
    "alternating": (
        (up, down),
        I.explicit_euler,
        (N.BoundedStepSize(0.9), N.FractionStepSize(0.6)),
        {NON_EXPANSIVE},
        None,
    ),
    "implicit": (down, I.ImplicitMidpoint(), N.PositiveStepSize(3.0), {NON_EXPANSIVE}, None),
    "shears": (shears, I.lie, N.LearnedStepSize(-0.7), {VOLUME, REVERSIBLE}, None),
    "symplectic": (separable, I.verlet_kdk, 0.3, {SYMPLECTIC, VOLUME, REVERSIBLE}, None),
    "mass": (mass, I.heun, 0.5, {SUM}, (N.ZeroPadding(3, 4), N.SumTruncation(4, 2))),
    "rotations": (
        rotations,
        I.strang,
        N.LearnedStepSize(1.5),
        {NORM, REVERSIBLE},
        (N.ZeroPadding(3, 4), None),
    ),
}
rows = pytest.mark.parametrize("name", NETWORKS)


def make(name, dtype=jnp.float64, depth=3):
    """The network with random weights and its input."""
    field, step, width, tags, ends = NETWORKS[name]
    lift, project = ends or (None, None)
    ends = {"lift": lift, "project": project}
    net = N.flow_network(field, depth, step, width, key=jr.key(0), require=tags, **ends)
    leaves, structure = jax.tree.flatten(net.fields)
    keys = jr.split(jr.key(1), len(leaves))
    leaves = [0.7 * jr.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    net = eqx.tree_at(lambda n: n.fields, net, jax.tree.unflatten(structure, leaves))
    net = cast(net, dtype)
    return net, jr.normal(jr.key(2), (4 if lift is None else 3, 5), dtype)


@DTYPES
@rows
def test_structure_scan_and_inverse(name, dtype):
    net, xs = make(name, dtype)
    assert net.structure == NETWORKS[name][3] and net.depth == 3

    @eqx.filter_jit
    def everything(net, xs):
        tags = net.structure & ORACLES.keys()
        defects = {tag.name: ORACLES[tag](net, xs[:, 0]) for tag in tags}
        back = net.inverse(net(xs)) if REVERSIBLE in net.structure else xs
        y = xs if net.lift is None else net.lift(xs)
        for i in range(3):
            fields, sizes = net.layer(i)
            for step, field, h in zip(net.steps, fields, sizes, strict=True):
                y = step(field, 0.0, y, h)
        loop = y if net.project is None else net.project(y)
        return defects, net(xs), back, loop, jax.vmap(net, -1, -1)(xs)

    defects, ys, back, loop, mapped = everything(net, xs)
    assert ys.dtype == dtype
    for tag, defect in defects.items():
        assert float(defect) <= tol(dtype), tag
    assert float(jnp.abs(back - xs).max()) <= tol(dtype, 10.0)
    assert float(jnp.abs(loop - ys).max()) <= tol(dtype)
    assert float(jnp.abs(mapped - ys).max()) <= tol(dtype)


@pytest.mark.parametrize("name", ["gradient", "alternating", "shears"])
def test_gradients_memory_and_export(name):
    net, xs = make(name, jnp.float32)
    memory = "inverse" if REVERSIBLE in net.structure else "inputs"
    again = N.FlowNetwork(
        net.fields, net.steps, net.step_sizes, lift=net.lift, project=net.project, memory=memory
    )

    def loss(net):
        return jnp.sum(net(xs) ** 2)

    slope, same = eqx.filter_jit(lambda a, b: (eqx.filter_grad(loss)(a), eqx.filter_grad(loss)(b)))(
        net, again
    )
    leaves = jax.tree.leaves(slope)
    assert len(leaves) == len(jax.tree.leaves(eqx.filter(net, eqx.is_inexact_array)))
    for leaf, other in zip(leaves, jax.tree.leaves(same), strict=True):
        assert bool(jnp.isfinite(leaf).all()) and float(jnp.abs(leaf).max()) > 0
        assert float(jnp.abs(leaf - other).max()) <= tol(leaf.dtype, float(jnp.abs(leaf).max()))
    exported = jax.export.export(jax.jit(lambda x: net(x)), platforms=["cpu", "cuda", "tpu"])(xs)
    assert exported.out_avals[0].shape == xs.shape


def test_the_limit_follows_the_weights():
    """Whatever training does to the weights and to the parameters of the step sizes."""
    for name in ("gradient", "potential_layer", "alternating"):
        net, xs = make(name)
        grown = jax.tree.map(lambda leaf: 7.0 * leaf if eqx.is_array(leaf) else leaf, net)
        assert float(expansion_excess(grown, xs[:, 0])) <= tol(xs.dtype)
        assert float(N.lipschitz_bound(grown, evaluated=False)) <= 1


def test_size_of_the_program_does_not_grow_with_depth():
    sizes = []
    for depth in (2, 20):
        net, xs = make("gradient", depth=depth)
        jaxpr = jax.make_jaxpr(jax.grad(lambda x, net=net: jnp.sum(net(x))))(xs)
        sizes.append(len(jaxpr.eqns))
    assert sizes[0] == sizes[1]


def test_a_network_is_one_file():
    net, xs = make("alternating")
    description, arrays = encode(net)
    again = decode(description, arrays)
    assert again.structure == net.structure
    assert bool((again(xs) == net(xs)).all())


@pytest.mark.parametrize(
    "field, step, h, tag, options, message",
    [
        (shears, I.explicit_euler, 0.1, VOLUME, {}, r"Euler.* ShearField .* VOLUME.* O\(h\^2\)"),
        (
            down,
            I.explicit_euler,
            0.1,
            NON_EXPANSIVE,
            {},
            "FixedStepSize does not .*Use expl",
        ),
        (down, I.explicit_euler, -0.1, NON_EXPANSIVE, {}, "FixedStepSize is -0.1"),
        (down, I.ImplicitMidpoint(), N.LearnedStepSize(0.1), NON_EXPANSIVE, {}, "become negative"),
        (down, I.explicit_midpoint, 0.1, NON_EXPANSIVE, {}, "no h > 0 is safe"),
        (up, I.explicit_euler, 0.1, NON_EXPANSIVE, {}, "expansive part.*FixedStepSize has none"),
        (mass, I.heun, 0.1, NON_EXPANSIVE, {}, "SumPreservingField does not.*NonExpansiveField"),
        (mass, I.heun, 0.1, SUM, {"project": N.Truncation(4, 2)}, "4 to 2.*Use SumTruncation"),
        (shears, I.lie, 0.1, VOLUME, {"lift": N.ZeroPadding(2, 4)}, "2 to 4 .*Keep the dim"),
        (separable, I.verlet_kdk, 0.1, F.HamiltonianField, {}, "keeps no ENERGY"),
        (separable, I.Tao(), 0.1, SYMPLECTIC, {}, "two copies"),
    ],
)
def test_what_is_lost_is_refused_with_reason_and_cure(field, step, h, tag, options, message):
    if tag is F.HamiltonianField:
        from dynnets.structure import ENERGY as tag
    with pytest.raises(T.StructureLost, match=message):
        N.flow_network(field, 2, step, h, key=jr.key(0), require={tag}, **options)
    assert tag not in N.flow_network(field, 2, step, h, key=jr.key(0), **options).structure


def test_bad_arguments():
    key = jr.key(0)
    with pytest.raises(ValueError, match="not zero, got 0"):
        N.flow_network(down, 2, I.explicit_euler, 0.0, key=key)
    with pytest.raises(ValueError, match="depth.*0"):
        N.flow_network(down, 0, I.explicit_euler, 0.1, key=key)
    with pytest.raises(ValueError, match="lie needs .* flows; SumPreservingField"):
        N.flow_network(mass, 2, I.lie, 0.1, key=key)
    with pytest.raises(ValueError, match="BoundedStepSize .* RungeKutta\\(Heun\\) .* has none"):
        N.flow_network(mass, 2, I.heun, N.BoundedStepSize(), key=key)
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        N.flow_network((down, up), 2, (I.explicit_euler,), (0.1, 0.1), key=key)
    net = N.flow_network(mass, 2, I.heun, 0.1, key=key, project=N.Truncation(4, 2))
    with pytest.raises(ValueError, match="no inverse"):
        net.inverse(jnp.ones(2))
    with pytest.raises(ValueError, match="RungeKutta\\(Heun\\) has no exact inverse"):
        N.flow_network(mass, 2, I.heun, 0.1, key=key).inverse(jnp.ones(4))
    with pytest.raises(ValueError, match="RungeKutta\\(Heun\\) has no exact inverse"):
        N.flow_network(mass, 2, I.heun, 0.1, key=key, memory="inverse")
    with pytest.raises(ValueError, match="memory.*'some'"):
        N.flow_network(mass, 2, I.heun, 0.1, key=key, memory="some")
    stacks = [N.stack_layers(down, depth, key=key) for depth in (2, 3)]
    with pytest.raises(ValueError, match=r"leading axis, got \[2, 3\]"):
        N.FlowNetwork(stacks, [I.explicit_euler] * 2, [N.FixedStepSize(0.1)] * 2)
    for width, bad in (
        (N.FractionStepSize, 1.5),
        (N.BoundedStepSize, 1.0),
        (N.PositiveStepSize, -1.0),
    ):
        with pytest.raises(ValueError, match=f"got {bad}"):
            width(bad)
    with pytest.raises(ValueError, match="norm.*'power'"):
        N.FractionStepSize(norm="power")
