"""The contracts of every energy, pair law, mass and library of terms of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from contract import assert_lowers, batch_of, in_both_precisions, sampled
from energy_rows import ENERGIES, LAWS, LIBRARIES, MASSES
from helpers import assert_close, tol
from registry import cast

pytestmark = pytest.mark.usefixtures("few_programs_at_once")

TIME, LATER = 0.3, 1.7


def make(row, dtype):
    return cast(row.make(jr.key(1)), dtype)


@eqx.filter_jit
def measure(energy, x, batch):
    """All that is asked of an energy, in one program."""
    time, later = (jnp.asarray(t, x.dtype) for t in (TIME, LATER))
    params, rest = eqx.partition(energy, eqx.is_inexact_array)

    def squared(params):
        whole = eqx.combine(params, rest)
        return whole(time, x) ** 2 + jnp.sum(whole.gradient(time, x) ** 2)

    one, gradient = (lambda y: energy(time, y)), (lambda y: energy.gradient(time, y))
    hessian = jax.jacfwd(gradient)
    return {
        "value": (energy(time, x), energy(time, batch), jax.vmap(one, -1, -1)(batch)),
        "gradient": (gradient(x), jax.grad(one)(x)),
        "gradients": (gradient(batch), jax.vmap(gradient, -1, -1)(batch)),
        "later": (energy(later, x), energy.gradient(later, x)),
        "hessians": jax.vmap(hessian, -1)(batch),
        "parameters": jax.grad(squared)(params),
    }


@in_both_precisions(ENERGIES)
def test_energy(row, dtype):
    """Gradient and batch, dtype, the flags that it declares, gradients by its parameters."""
    energy = make(row, dtype)
    x, *others = batch_of((row.dim,), 4)
    found = measure(energy, jnp.asarray(x, dtype), jnp.asarray(np.stack(others, -1), dtype))
    value, values, loop = found["value"]
    assert value.shape == () and value.dtype == dtype
    gradient, automatic = found["gradient"]
    assert gradient.shape == x.shape and gradient.dtype == dtype
    scale = 1 + max(np.abs(part).max() for part in (*found["value"], *found["gradients"]))
    assert_close(gradient, automatic, scale)
    assert_close(values, loop, scale)
    assert_close(*found["gradients"], scale)
    for leaf in jax.tree.leaves(found["parameters"]):
        assert np.isfinite(leaf).all()
    moved = max(np.abs(a - b).max() for a, b in zip(found["later"], (value, gradient), strict=True))
    assert bool(moved == 0) == energy.autonomous, "autonomous: whether it reads the time"
    check_shape_of(energy, found["hessians"], np.asarray(values), np.stack(others, -1), dtype)


def check_shape_of(energy, hessians, values, batch, dtype):
    hessians = np.asarray(hessians)
    slack = tol(dtype, 1 + np.abs(hessians).max())
    if energy.quadratic:
        assert np.abs(hessians - hessians[0]).max() <= slack, "quadratic: a constant Hessian"
    if energy.convex:
        assert np.linalg.eigvalsh(hessians).min() >= -slack, "convex: no negative curvature"
    if energy.half_square:
        assert np.abs(values - (batch**2).sum(axis=0) / 2).max() <= slack


def test_the_flags_are_measured():
    """An energy that is neither quadratic nor convex, said to be, is found out."""
    energy = make(next(row for row in ENERGIES if row.name == "mlp"), jnp.float64)
    batch = batch_of((4,), 4).T
    found = measure(energy, jnp.asarray(batch[:, 0]), jnp.asarray(batch))

    class Claim(type("Plain", (), {"quadratic": False, "convex": False, "half_square": False})):
        pass

    values = np.asarray(found["value"][1])
    for flag in ("quadratic", "convex", "half_square"):
        claim = Claim()
        setattr(claim, flag, True)
        with pytest.raises(AssertionError):
            check_shape_of(claim, found["hessians"], values, batch, jnp.float64)


@sampled(ENERGIES, 4)
def test_energy_lowers_for_every_platform(row):
    energy = make(row, jnp.float32)
    x = jnp.asarray(batch_of((row.dim,), 1)[0], jnp.float32)
    assert assert_lowers(lambda y: energy.gradient(jnp.float32(0.3), y), x).shape == x.shape


@in_both_precisions(LAWS)
def test_pair_law(row, dtype):
    """The slope is the derivative, everything is elementwise and keeps its dtype."""
    law, r = make(row, dtype), jnp.asarray([[0.5, 1.0, 2.0], [3.0, 4.0, 8.0]], dtype)

    @eqx.filter_jit
    def both(law, r):
        along = jax.vmap(jax.grad(law))(r.ravel()).reshape(r.shape)
        return law(r), law.slope(r), along, jax.vmap(law)(r.ravel()).reshape(r.shape)

    value, slope, along, alone = both(law, r)
    assert value.shape == slope.shape == r.shape and value.dtype == slope.dtype == dtype
    scale = 1 + np.abs(np.asarray(value)).max() + np.abs(np.asarray(slope)).max()
    assert_close(slope, along, scale)
    assert_close(value, alone, scale)


@in_both_precisions(MASSES)
def test_mass(row, dtype):
    """`M` is positive definite, `solve` undoes it and `kinetic` is its quadratic form."""
    mass = make(row, dtype)
    q, v = (jnp.asarray(a, dtype) for a in batch_of((3,), 2))

    @eqx.filter_jit
    def measured(mass, q, v):
        matrix = jax.vmap(lambda e: mass(q, e), -1, -1)(jnp.eye(3, dtype=q.dtype))
        return matrix, mass.solve(q, mass(q, v)), mass.kinetic(q, v)

    matrix, again, kinetic = (np.asarray(part) for part in measured(mass, q, v))
    assert matrix.dtype == dtype
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert np.abs(matrix - matrix.T).max() <= tol(dtype, eigenvalues.max())
    assert eigenvalues.min() > 0
    assert_close(again, np.asarray(v), eigenvalues.max() / eigenvalues.min())
    assert abs(kinetic - np.asarray(v) @ matrix @ np.asarray(v) / 2) <= tol(dtype, 1 + kinetic)


@in_both_precisions(LIBRARIES)
def test_library(row, dtype):
    """As many names as terms, batches, and the gradient of their sum."""
    library = make(row, dtype)
    names = library.term_names(tuple(f"x{i}" for i in range(library.dim)))
    assert len(set(names)) == len(names) == library.size
    batch = jnp.asarray(batch_of((library.dim,)).T, dtype)
    weights = jnp.asarray(batch_of((library.size,), 1)[0], dtype)

    @eqx.filter_jit
    def both(library, weights, batch):
        total = lambda y: jnp.sum(weights * library(y))  # noqa: E731
        values = library(batch), jax.vmap(library, -1, -1)(batch)
        return values, (library.gradient(weights, batch), jax.vmap(jax.grad(total), -1, -1)(batch))

    values, gradients = both(library, weights, batch)
    assert values[0].shape == (library.size, 3) and values[0].dtype == dtype
    for pair in (values, gradients):
        assert_close(*pair, 1 + np.abs(pair[1]).max())
