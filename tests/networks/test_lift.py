"""Changes of dimension: what they keep for their sizes, chains of them, ways back."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets import fields as F, integrators as I, networks as N
from dynnets.structure import (
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    REVERSIBLE,
    SUM,
    SYMPLECTIC,
    VOLUME,
    orthogonality_defect,
    sum_defect,
)

EQUAL = [N.ZeroPadding(3, 3), N.Truncation(3, 3), N.SumTruncation(3, 3)]
X = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))


def shears(key):
    return F.ShearField(1, 2, 3, key=key)


@pytest.mark.parametrize(
    "resize", [*EQUAL, N.ChainedResize(N.ZeroPadding(3, 5), N.Truncation(5, 3))]
)
def test_between_equal_sizes_everything_is_kept(resize):
    """Each of them was refused the volume that the identity keeps."""
    assert resize.identity and resize.norm == 1.0
    assert {VOLUME, SYMPLECTIC, REVERSIBLE, NORM, SUM, NON_EXPANSIVE, ORTHOGONAL} <= resize.keeps
    assert (np.asarray(resize(X)) == X).all() and (np.asarray(resize.undo(X)) == X).all()
    ends = {"lift": resize, "project": resize}
    required = {VOLUME, REVERSIBLE}
    net = N.flow_network(shears, 2, I.lie, 0.5, key=jr.key(0), require=required, **ends)
    assert np.abs(net.inverse(net(X[:, 0])) - X[:, 0]).max() < 1e-12
    gradient = N.flow_network(
        lambda key: F.NonExpansiveField(3, 3, key=key),
        1,
        I.explicit_euler,
        1.0,
        key=jr.key(0),
        **ends,
    )
    assert float(N.averagedness(gradient)) == pytest.approx(0.5)


def test_sums_after_a_lift_with_weights_of_one():
    """Weights of one are the plain sum, which was not claimed where they were written out."""

    def mass(key):
        return F.SumPreservingField(5, 4, 1, weights=jnp.ones(5), key=key)

    ends = {"lift": N.ZeroPadding(3, 5), "project": N.SumTruncation(5, 3)}
    net = N.flow_network(mass, 2, I.heun, 0.5, key=jr.key(0), require={SUM}, **ends)
    assert float(sum_defect(net, X[:, 0])) < 1e-13
    weighted = F.SumPreservingField(5, 4, 1, weights=2 * jnp.ones(5), key=jr.key(0))
    assert weighted.structure == frozenset()


def test_zeros_below_a_matrix_keep_its_products():
    def turn(key):
        return F.OrthogonalFlowField(4, 2, 3, 1, key=key)

    net = N.flow_network(
        turn, 2, I.ImplicitMidpoint(), 0.3, key=jr.key(0), lift=N.ZeroPadding(3, 4),
        require={ORTHOGONAL},
    )  # fmt: skip
    assert float(orthogonality_defect(net, X)) < 1e-12
    with pytest.raises(ValueError, match="loses ORTHOGONAL"):
        N.flow_network(
            turn, 2, I.ImplicitMidpoint(), 0.3, key=jr.key(0), project=N.Truncation(4, 3),
            require={ORTHOGONAL},
        )  # fmt: skip


@pytest.mark.parametrize(
    "first, second, whole",
    [
        (N.ZeroPadding(3, 5), N.Truncation(5, 4), N.ZeroPadding(3, 4)),
        (N.ZeroPadding(3, 5), N.Truncation(5, 2), N.Truncation(3, 2)),
        (N.ZeroPadding(3, 5), N.SumTruncation(5, 3), N.ZeroPadding(3, 3)),
        (N.ZeroPadding(3, 5), N.SumTruncation(5, 2), N.SumTruncation(3, 2)),
        (N.ZeroPadding(3, 3), N.Truncation(3, 2), N.Truncation(3, 2)),
        (N.Truncation(3, 2), N.ZeroPadding(2, 4), None),
        (N.ZeroPadding(3, 4), N.ZeroPadding(4, 6), None),
    ],
)
def test_chains(first, second, whole):
    chain = N.ChainedResize(first, second)
    matrix = np.asarray(jax.jacfwd(chain)(X[:, 0]))
    assert np.linalg.norm(matrix, 2) <= chain.norm + 1e-12
    assert (np.asarray(chain(X)) == np.asarray(second(first(X)))).all()
    if whole is None:
        assert chain.keeps == first.keeps & second.keeps
    else:
        assert np.abs(np.asarray(whole(X)) - chain(X)).max() < 1e-15
        assert chain.keeps == whole.keeps and chain.norm == whole.norm
    if chain.adjoint is not None:
        assert (
            np.abs(np.asarray(jax.jacfwd(chain.adjoint)(jnp.ones(chain.after))) - matrix.T).max()
            == 0
        )
    assert (chain.undo is None) == (REVERSIBLE not in chain.keeps)
    if chain.undo is not None:
        assert (np.asarray(chain.undo(chain(X))) == X).all()


def test_a_chain_fits():
    with pytest.raises(ValueError, match="takes what the first gives"):
        N.ChainedResize(N.ZeroPadding(3, 5), N.Truncation(4, 3))
