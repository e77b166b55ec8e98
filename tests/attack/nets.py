"""Random networks: flows of one to three parts, changes of dimension, SympNets."""

import equinox as eqx
import jax
import jax.numpy as jnp

from dynnets import integrators as I, networks as N

from .families import key_of, pick, scaled, sized
from .steps import draw_step


def _size(rng):
    """A step size of any class."""
    h = float(10 ** rng.uniform(-1.5, 0.7))
    norm = pick(rng, N.NORMS)
    return pick(
        rng,
        (
            lambda: N.FixedStepSize(h),
            lambda: N.FixedStepSize(-h),
            lambda: N.LearnedStepSize(pick(rng, (h, -h))),
            lambda: N.PositiveStepSize(h),
            lambda: N.FractionStepSize(float(rng.uniform(0.1, 1)), norm),
            lambda: N.FractionStepSize(1.0, norm),
            lambda: N.BoundedStepSize(float(rng.uniform(0.05, 0.95)), norm=norm),
            lambda: N.ClippedStepSize(h, norm=norm),
        ),
    )()


def _resizes(rng, small: int, large: int):
    lift = N.ZeroPadding(small, large) if small < large or rng.random() < 0.2 else None
    project = None
    if rng.random() < 0.5:
        project = pick(rng, (N.Truncation, N.SumTruncation))(large, pick(rng, (small, large)))
    return lift, project


def _flow(rng):
    """`(network, input dimension, name)`, or `None` where the parts do not fit together."""
    large = int(pick(rng, (1, 2, 3, 4, 5)))
    small = int(rng.integers(1, large + 1)) if rng.random() < 0.4 else large
    makes = sized(rng, large)
    ridges = ["NonExpansiveField", "ExpansiveField"]
    names = [
        pick(rng, ridges if rng.random() < 0.4 else sorted(makes))
        for _ in range(int(rng.integers(1, 4)))
    ]
    fields = [makes[name](key_of(rng)) for name in names]
    steps = [
        pick(rng, (I.explicit_euler, I.explicit_euler, I.ssp3, I.ImplicitMidpoint()))
        if name in ridges
        else draw_step(rng, field, (large,))
        for name, field in zip(names, fields, strict=True)
    ]
    lift, project = _resizes(rng, small, large)
    depth = int(pick(rng, (1, 2, 5)))
    label = ", ".join(f"{n} by {s.info.name}" for n, s in zip(names, steps, strict=True))
    try:
        net = N.flow_network(
            [makes[name] for name in names],
            depth,
            steps,
            [_size(rng) for _ in names],
            key=key_of(rng),
            lift=lift,
            project=project,
            memory=pick(rng, N.MEMORIES[:2]),
        )
    except ValueError:
        return None
    kinds = ", ".join(type(s).__name__ for s in net.step_sizes)
    ends = f"{type(lift).__name__} {type(project).__name__}"
    return net, (large if lift is None else small), f"{depth} x ({label}; {kinds}; {ends})"


def _sympnet(rng):
    name = pick(rng, sorted(N.SYMPNETS))
    dim = int(pick(rng, (2, 4)))
    sizes = {} if name in ("LA", "P") else {"width": 5}
    net = N.SYMPNETS[name](dim, int(rng.integers(2, 5)), **sizes, key=key_of(rng))
    h = float(10 ** rng.uniform(-1.5, 1)) * pick(rng, (1, -1))
    return net.at(h), dim, f"{name}-SympNet at {h:.3g}"


def _edited_sizes(rng, net):
    """Learned step sizes as an optimiser might leave them: large, or of the other sign."""
    if not isinstance(net, N.FlowNetwork) or rng.random() < 0.5:
        return net
    factor = pick(rng, (-1.0, 3.0, 30.0))
    sizes = jax.tree.map(
        lambda leaf: factor * leaf if eqx.is_inexact_array(leaf) else leaf, net.step_sizes
    )
    return eqx.tree_at(lambda n: n.step_sizes, net, sizes)


def draw_network(rng):
    """`(network, input dimension, name)` with edited weights."""
    drawn = _sympnet(rng) if rng.random() < 0.2 else None
    while drawn is None:
        drawn = _flow(rng)
    net, dim, name = drawn
    if isinstance(net, N.FlowNetwork):
        fields, factor = scaled(rng, net.fields)
        net = _edited_sizes(rng, eqx.tree_at(lambda n: n.fields, net, fields))
    else:
        inner, factor = scaled(rng, net.net)
        net = eqx.tree_at(lambda n: n.net, net, inner)
    return net, dim, f"{factor:g} {name}"


def plant(rng, tree):
    """`tree` with one number that is none, and what it is; `None` for a tree without arrays."""
    leaves, structure = jax.tree.flatten(tree)
    which = [i for i, leaf in enumerate(leaves) if eqx.is_inexact_array(leaf) and leaf.size]
    if not which:
        return None
    i, value = pick(rng, which), float(pick(rng, ("nan", "inf", "-inf")))
    flat = jnp.ravel(leaves[i]).at[int(rng.integers(leaves[i].size))].set(value)
    leaves[i] = flat.reshape(leaves[i].shape)
    return jax.tree.unflatten(structure, leaves), value
