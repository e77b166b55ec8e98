"""SympNets of all kinds: symplectic for large weights, exact inverses, steps as an input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from contract import assert_lowers
from helpers import assert_close
from registry import cast

from dynnets.analysis import certify
from dynnets.fields import canonical_matrix
from dynnets.networks import SYMPNETS, layer_of, sympnet_g, sympnet_la, sympnet_p, sympnet_t
from dynnets.structure import REVERSIBLE, SYMPLECTIC, VOLUME, symplecticity_defect
from dynnets.training import trainable

KINDS = pytest.mark.parametrize("kind", SYMPNETS)
# Sizes at which float64 leaves 1e-13 of a product of that many large factors: the P- and GR-nets
# are polynomials of high degree, so weights of size 10 overflow rather than test anything.
NOISE = {"LA": 3.0, "G": 3.0, "H": 1.0, "P": 0.3, "R": 1.0, "GR": 0.5, "T": 1.0}


def random_net(kind, dim, *, layers=3, key=0, **options):
    """A net whose weights are all of some size."""
    net = SYMPNETS[kind](dim, layers, key=jr.key(key), **options)
    leaves, tree = jax.tree.flatten(net)
    keys = jr.split(jr.key(key + 1), len(leaves))
    noisy = [a + NOISE[kind] * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(tree, noisy)


@eqx.filter_jit
def measured(net, h, x):
    """Defects of form and volume, error of the inverse, relative to the Jacobian; and `h = 0`."""
    jacobian = jax.jacfwd(lambda x: net(h, x))(x)
    size = jnp.maximum(jnp.abs(jacobian).max(), 1)
    form = canonical_matrix(x.shape[0] // 2)
    defect = jnp.abs(jacobian.T @ form @ jacobian - form).max()
    volume = jnp.abs(jnp.linalg.slogdet(jacobian)[1])
    back = jnp.abs(net.inverse(h, net(h, x)) - x).max()
    # a product of large factors: round-off grows with the square of their size
    return defect / size**2, volume / size**2, back / size**2, net(jnp.zeros_like(h), x)


CASES = [(kind, 4, True) for kind in SYMPNETS]
CASES += [(kind, dim, False) for kind, dim in (("G", 2), ("LA", 12))]


@pytest.mark.parametrize(("kind", "dim", "momenta_first"), CASES)
def test_symplectic_with_an_exact_inverse_for_all_weights(kind, dim, momenta_first):
    net = random_net(kind, dim, momenta_first=momenta_first)
    x = 0.5 * jr.normal(jr.key(3), (dim,))
    form, volume, back, still = measured(net, jnp.asarray(0.3), x)
    assert form < 1e-13 and volume < 1e-12 and back < 1e-13
    assert bool((still == x).all())  # h = 0 is the identity, bit for bit
    assert net.structure == {SYMPLECTIC, VOLUME, REVERSIBLE}


@KINDS
def test_batches_steps_and_precision(kind):
    net = cast(SYMPNETS[kind](4, 2, key=jr.key(0)), jnp.float32)
    x = jr.normal(jr.key(1), (4, 5), jnp.float32)
    h = jnp.linspace(0.1, 0.5, 5, dtype=jnp.float32)
    many = jax.jit(lambda h, x: net(h, x))(h, x)
    alone = jax.jit(jax.vmap(lambda h, x: net(h, x), (0, 1), 1))(h, x)
    assert many.dtype == jnp.float32
    assert_close(many, alone)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda net: jnp.sum(net(h, x) ** 2)))(net)
    assert all(bool(jnp.isfinite(a).all()) for a in jax.tree.leaves(gradient))
    assert_lowers(lambda x: net(h, x), x)


@pytest.mark.parametrize(("kind", "layers"), [("LA", 13), ("G", 12)])
def test_a_scan_over_pairs_of_layers_is_the_layers_in_turn(kind, layers):
    net = random_net(kind, 2, layers=layers + (kind == "LA"))
    x = jnp.array([0.3, -0.4])
    q, p = x[:1], x[1:]
    for i in range(layers):
        q, p = layer_of(net.layers, i).forward(0.1, q, p, None, bool(i % 2))
    if net.last is not None:
        q, p = net.last.forward(0.1, q, p, None, False)
    expected = jnp.concatenate([q, p])
    assert_close(net(0.1, x), expected, float(jnp.abs(expected).max()))
    assert_close(net.inverse(0.1, net(0.1, x)), x, float(jnp.abs(expected).max()))


def test_exchanging_the_halves_exchanges_up_and_low():
    net = random_net("G", 4, layers=2)
    turned = eqx.tree_at(lambda n: n.layers, net, jax.tree.map(lambda a: a[::-1], net.layers))
    (q, p) = jr.normal(jr.key(4), (2, 2))
    first, second = layer_of(net.layers, 0), layer_of(net.layers, 1)
    up, low = first.forward(0.2, q, p, None, False), first.forward(0.2, p, q, None, True)
    assert bool((up[1] == low[0]).all()) and bool((up[0] == low[1]).all())
    # the same layers on states (p, q): what moved p first now moves q first
    ordered = random_net("G", 4, layers=2, momenta_first=True)
    x = jnp.concatenate([q, p])
    assert_close(ordered(0.2, jnp.concatenate([p, q])), jnp.roll(net(0.2, x), 2))
    assert float(jnp.abs(turned(0.2, x) - net(0.2, x)).max()) > 1e-3
    assert second.parameters == 0


def test_the_la_net_is_the_published_formula():
    net = random_net("LA", 2, layers=3, sublayers=2, momenta_first=True)
    p, q, h = 0.4, -0.7, 0.3
    S, b = net.layers.linear.matrices[:, :, 0, 0], net.layers.linear.bias[:, :, 0]
    last, shift, a = net.last.matrices[:, 0, 0], net.last.bias[:, 0], net.layers.shear.scale[:, 0]
    x = net(h, jnp.array([p, q]))
    for i in range(3):
        one, two = S[i] if i < 2 else last
        p = p + 2 * one * q * h
        q = q + 2 * two * p * h
        p, q = p + (b[i] if i < 2 else shift)[1] * h, q + (b[i] if i < 2 else shift)[0] * h
        if i == 0:
            p = p + a[0] * jax.nn.sigmoid(q) * h
        elif i == 1:
            q = q + a[1] * jax.nn.sigmoid(p) * h
    assert_close(x, jnp.stack([p, q]))


def test_parameters_enter_and_pass():
    net = sympnet_g(4, 3, 6, parameters=2, scale=1.0, key=jr.key(0))
    x, c = jr.normal(jr.key(1), (4, 7)), jr.normal(jr.key(2), (2, 7))
    h = jnp.linspace(0.1, 0.4, 7)
    y = net(h, x, c)
    assert_close(net.inverse(h, y, c), x, 10.0)
    assert_close(y[:, 3], net(h[3], x[:, 3], c[:, 3]), 10.0)
    assert symplecticity_defect(net.at(0.2, c[:, 0]), x[:, 0]) < 1e-12
    assert float(jnp.abs(net(h, x, c[:, 0]) - y).max()) > 1e-3
    with pytest.raises(ValueError, match="reads 2 parameters c, got 0"):
        net(0.1, x)


def test_polynomials_of_degree_two_are_linear_and_time_shears_follow_the_time():
    net = random_net("P", 4, degrees=(2, 2))
    a, b = jr.normal(jr.key(1), (2, 4))
    assert_close(net(0.3, a) + 2 * net(0.3, b), net(0.3, a + 2 * b), 10.0)
    timed = sympnet_t(2, 2, 4, scale=1.0, key=jr.key(0))
    x = jnp.array([0.2, 0.5])
    slope = [(timed(h, x) - x) / h for h in (1e-4, 1.0)]
    assert float(jnp.abs(slope[0] - slope[1]).max()) > 1e-3


def test_five_linear_factors_reach_the_flow_of_any_quadratic_energy():
    from dynnets.training import fit_least_squares

    matrix = jr.normal(jr.key(5), (4, 4)) / 2
    target = jax.scipy.linalg.expm(0.5 * canonical_matrix(2) @ (matrix + matrix.T))
    net = sympnet_la(4, 2, 5, scale=0.3, key=jr.key(2)).last  # one linear layer of five shears

    def residual(layer, target):
        q, p = jnp.eye(4)[:2], jnp.eye(4)[2:]
        return jnp.concatenate(layer.forward(1.0, q, p, None, False)) - target

    found = fit_least_squares(net, residual, target, steps=300, tolerance=1e-12)
    assert jnp.abs(residual(found.model, target)).max() < 1e-10


def test_certified_at_one_step():
    net = sympnet_la(2, 3, key=jr.key(0))
    assert not trainable(net.at(0.1)).h  # a fixed step stays what it is in training
    certificate = certify(net.at(0.1), states=jr.normal(jr.key(1), (3, 2)))
    assert certificate.holds and {"SYMPLECTIC", "REVERSIBLE"} <= {
        line.name for line in certificate.lines
    }


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sympnet_la(3, key=jr.key(0)), "even and positive .* got 3"),
        (lambda: sympnet_la(2, 1, key=jr.key(0)), "layers must be an integer of at least 2, got 1"),
        (lambda: sympnet_g(2, activation="tahn", key=jr.key(0)), "did you mean 'tanh'"),
        (lambda: sympnet_p(2, degrees=(4, 2), key=jr.key(0)), "largest degree .* got 2"),
        (lambda: sympnet_g(2, key=jr.key(0))(0.1, jnp.zeros(4)), r"2 components, got shape \(4,\)"),
        (lambda: sympnet_g(2, key=jr.key(0))(jnp.ones(3), jnp.zeros((2, 4))), r"got shape \(3,\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
