"""Bounds of networks with their rounding: weights of every size, depth, precision, not numbers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from registry import cast

from dynnets import fields as F, integrators as I, networks as N
from dynnets.structure import NON_EXPANSIVE

DTYPES = pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64], ids=["f32", "f64"])
HALVES = pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bf16", "f16"])
# zero, below the least normal number of float32, and what is left of a decade on either side
SCALES = (0.0, 1e-42, 1e-30, 1e-3, 1.0, 1e3, 1e18)


def down(activation="half_relu", dim=3, width=5):
    return lambda key: F.NonExpansiveField(dim, width, activation=activation, key=key)


def up(key):
    return F.ExpansiveField(3, 4, key=key)


KINDS = {
    "exact": (down(), N.FractionStepSize()),
    "gram": (down("relu"), N.FractionStepSize(norm="gram")),
    "bounded": (down("tanh"), N.BoundedStepSize(0.9)),
    "clipped": (down("identity"), N.ClippedStepSize(1e4)),
    "alternating": ((up, down()), (N.BoundedStepSize(0.9), N.FractionStepSize(0.6))),
}


def make(kind, dtype, scale=1.0, depth=2, seed=1):
    """A network of random weights times `scale`."""
    field, size = KINDS[kind]
    net = N.flow_network(
        field, depth, I.explicit_euler, size, key=jr.key(0), require={NON_EXPANSIVE}
    )
    leaves, tree = jax.tree.flatten(net.fields)
    random = np.random.default_rng(seed)
    leaves = [scale * random.normal(size=leaf.shape) for leaf in leaves]
    net = eqx.tree_at(lambda n: n.fields, net, jax.tree.unflatten(tree, leaves))
    # by NumPy, which does not flush what is below the least normal number
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf).astype(dtype)) if eqx.is_array(leaf) else leaf,
        net,
    )


@eqx.filter_jit
def everything(net, x):
    """The image, the sizes, the Jacobian, both bounds, gradients of outputs and of the bound."""
    slope = eqx.filter_grad(lambda net: jnp.sum(net(x)))(net)
    steep = eqx.filter_grad(N.lipschitz_bound)(net)
    bounds = N.lipschitz_bound(net, evaluated=False), N.lipschitz_bound(net)
    return (net(x), net.sizes(), jax.jacfwd(net)(x), slope, steep), bounds


@DTYPES
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_every_size_give_numbers(kind, dtype):
    """A layer pruned to zero had h = 2 / 0."""
    x = np.array([0.3, -0.7, 1.1], dtype)
    for scale in SCALES:
        net = make(kind, dtype, scale)
        found, bounds = everything(net, x)
        exact, evaluated = map(float, bounds)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found)), scale
        norm = np.linalg.norm(np.asarray(found[2], float), 2)
        assert exact <= 1 and norm <= evaluated < 1.01, scale


@DTYPES
def test_what_contracts_to_a_point_lets_the_rest_expand_by_sixteen(dtype):
    """Euler's step of size one on `-x` ends at zero: its factor was 1e-16, and h was 1.5e15."""
    field = (up, down("identity", 3, 3))
    sizes = (N.FractionStepSize(), N.FractionStepSize(0.5))
    net = cast(N.flow_network(field, 1, I.explicit_euler, sizes, key=jr.key(0)), dtype)
    h = float(net.sizes()[0][0])
    assert h == pytest.approx(15, rel=1e-4)
    assert float(N.lipschitz_bound(net, evaluated=False)) <= 1


def float64_map(net):
    """The map of the stored weights and the computed sizes, in float64."""
    sizes = [np.asarray(h, float) for h in eqx.filter_jit(lambda net: net.sizes())(net)]
    free = tuple(N.repeat_layer(N.LearnedStepSize(1.0), net.depth) for _ in sizes)
    wide = N.FlowNetwork(cast(net.fields, jnp.float64), net.steps, free)
    return eqx.tree_at(lambda n: [w.value for w in n.step_sizes], wide, sizes)


@pytest.mark.parametrize("kind", ["exact", "clipped", "alternating"])
def test_depth_adds_rounding_and_the_bound_says_so(kind):
    """512 layers of one matrix, each at its limit: 1 + 1e-4 where a bound of 1 was claimed."""
    net = make(kind, jnp.float32, depth=512, seed=2)  # nu is below the truth without a margin
    one = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[:1], leaf.shape), net.fields)
    net = eqx.tree_at(lambda n: n.fields, net, one)
    exact = float(eqx.filter_jit(N.lipschitz_bound)(net, evaluated=False))
    evaluated = float(eqx.filter_jit(N.lipschitz_bound)(net))
    assert exact <= 1 and exact < evaluated < 1.02
    x, y = np.random.default_rng(3).normal(size=(2, 3, 40))
    true = eqx.filter_jit(lambda net, x: jax.vmap(jax.jacfwd(net), -1)(x))(float64_map(net), x)
    vector = np.ones((40, 3, 1))
    for _ in range(30):
        vector = np.swapaxes(true, 1, 2) @ (true @ vector)
        vector = vector / (np.linalg.norm(vector, axis=1, keepdims=True) + 1e-300)
    # the float64 evaluation of 512 layers has a rounding of its own
    assert np.linalg.norm(true @ vector, axis=1).max() <= exact + 1e-12
    x, y = x.astype(np.float32), y.astype(np.float32)
    ahead = np.asarray(eqx.filter_jit(net)(x), float), np.asarray(eqx.filter_jit(net)(y), float)
    before = np.linalg.norm(x.astype(float) - y, axis=0)
    assert (np.linalg.norm(ahead[0] - ahead[1], axis=0) <= evaluated * before).all()


@DTYPES
def test_a_step_at_its_limit_is_not_said_to_converge(dtype):
    """At h = 2 / nu one eigenvalue is -1: the iteration swings for ever."""

    @eqx.filter_jit
    def constants(weight, h):
        field = F.NonExpansiveField(3, 3, activation="identity", key=jr.key(0))
        field = cast(eqx.tree_at(lambda f: f.energy.weight, field, weight), dtype)
        stack = N.repeat_layer(field, 1)
        sizes = N.FractionStepSize(), N.LearnedStepSize(1.0), N.LearnedStepSize(1.0)
        found = []
        for size, factor in zip(sizes, (1.0, 1.0, 0.99), strict=True):
            size = N.repeat_layer(size, 1)
            if not size.limited:
                step = jnp.asarray([factor * h], dtype)
                size = eqx.tree_at(lambda s: s.value, size, step)
            net = N.FlowNetwork((stack,), (I.explicit_euler,), (size,))
            found.append(N.averagedness(net))
        return found

    random = np.random.default_rng(0)
    for _ in range(30):
        weight = random.normal(size=(3, 3)).astype(dtype)
        h = 2 / np.linalg.norm(weight.astype(float), 2) ** 2
        limited, given, within = constants(weight, h)
        assert limited == 1 and given == 1
        assert within == pytest.approx(0.99, abs=1e-4)


def test_averagedness_of_implicit_steps():
    """Implicit Euler is firmly non-expansive: alpha below 1/2, where 1 was all that was said."""
    for step, alpha in ((I.ImplicitMidpoint(), 0.75), (I.ImplicitEuler(), 3 / 7)):
        net = N.flow_network(down("tanh", 3, 3), 1, step, N.PositiveStepSize(6.0), key=jr.key(0))
        assert float(N.averagedness(net)) == pytest.approx(alpha)
    firm = N.flow_network(
        down("half_relu", 3, 3), 1, I.ImplicitEuler(), N.PositiveStepSize(6.0), key=jr.key(0)
    )
    assert float(N.lipschitz_bound(firm)) == pytest.approx(1 / (1 + 6 * 0.5))


def test_an_alternating_network_is_one_lipschitz_and_not_averaged():
    assert float(N.averagedness(make("alternating", jnp.float64))) == 1.0


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
@pytest.mark.parametrize("place", ["weight", "bias", "logit"])
def test_what_is_not_finite_is_never_bounded(place, bad):
    net = make("bounded", jnp.float32)
    spoilt = eqx.tree_at(
        lambda n: n.step_sizes[0].logit if place == "logit" else getattr(n.fields[0].energy, place),
        net,
        replace_fn=lambda leaf: leaf.at[(0,) * leaf.ndim].set(bad),
    )
    assert not float(N.lipschitz_bound(spoilt)) <= 1e30
    assert not float(N.lipschitz_bound(spoilt, evaluated=False)) <= 1e30
    assert not float(N.averagedness(spoilt)) <= 1
    (line,) = spoilt.bounds()
    assert line.name == "LIPSCHITZ" and line.holds is False
    assert net.bounds()[0].holds is True


@HALVES
def test_half_precision_has_its_own_rounding(dtype):
    bounds = eqx.filter_jit(
        lambda net: [N.lipschitz_bound(net, evaluated=e) for e in (False, True)]
    )
    for kind in ("gram", "alternating"):
        net = make(kind, dtype)
        exact, evaluated = map(float, bounds(net))
        assert exact <= 1 < evaluated < 10
        x = np.random.default_rng(3).normal(size=(3,))
        true = eqx.filter_jit(lambda net, x: jax.jacfwd(net)(x))(float64_map(net), x)
        assert np.linalg.norm(true, 2) <= exact + 1e-12
        assert net(jnp.asarray(x, dtype)).dtype == dtype
    assert net.bounds()[0].holds is True


def test_bounds_of_a_network_without_a_claim():
    free = N.flow_network(up, 2, I.explicit_euler, 0.2, key=jr.key(0))
    (line,) = free.bounds()
    assert line.holds is None and line.value == pytest.approx(1.44)
    assert N.flow_network(up, 2, I.heun, 0.2, key=jr.key(0)).bounds() == ()
    averaged = make("bounded", jnp.float64, 0.1).bounds()[1]
    assert averaged.name == "AVERAGED" and 0 < averaged.value < 1
    assert N.SYMPNETS["G"](4, 2, key=jr.key(0)).at(0.1).bounds() == ()


class Fading(F.AbstractField):
    """`x' = -c x` with `c` in [0, 1]: a user's field that proves its own constants."""

    rate: jax.Array

    @property
    def structure(self):
        return frozenset({NON_EXPANSIVE})

    @property
    def nu(self):
        return jnp.abs(self.rate).max()

    def __call__(self, t, x, args=None):
        return -self.rate * x


def test_a_field_from_outside_needs_its_constants_only():
    def net(h):
        size = N.flow_network(
            lambda key: Fading(jnp.ones(3)), 2, I.explicit_euler, h, key=jr.key(0)
        )
        return float(N.lipschitz_bound(size, evaluated=False)), float(N.averagedness(size))

    assert net(N.FractionStepSize(0.5)) == (1.0, pytest.approx(2 / 3))
    assert net(2.1) == (float("inf"), float("inf"))


@DTYPES
def test_an_antisymmetric_field_without_weights_has_a_slope(dtype):
    """The square root of zero has none; and its constant is a bound in float32."""
    for damping in (0.0, 0.3):
        field = cast(F.AntisymmetricField(5, damping=damping, key=jr.key(0)), dtype)
        matrix = np.asarray(field.weight - field.weight.T, float) - damping * np.eye(5)
        assert np.linalg.norm(matrix, 2) <= float(field.lipschitz) * (1 + 1e-15)
        still = eqx.tree_at(lambda f: f.weight, field, jnp.zeros_like(field.weight))
        slope = eqx.filter_grad(lambda f: f.lipschitz)(still)
        assert np.isfinite(slope.weight).all()


@pytest.mark.parametrize("parameter", [-1e4, 1e4])
def test_a_positive_size_is_neither_zero_nor_infinite(parameter):
    size = N.PositiveStepSize(1.0)
    h = eqx.tree_at(lambda s: s.logarithm, size, jnp.asarray(parameter, jnp.float32))(None)
    assert 0 < float(h) < float("inf")
