"""Libraries of terms and the energies made of them: closed forms, counts, names, refusals."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import assert_close

from dynnets import energies as E


def _square_exp(x):
    return x[0] ** 2 * jnp.exp(-x[1])


def _mixed():
    sine = E.RidgeLibrary("sin", jnp.array([[1.0, -0.5], [0.0, 2.0]]), jnp.array([0.3, 0.0]))
    decay = E.RidgeLibrary("exp", jnp.array([[-1.0, 0.2]]))
    custom = E.CustomLibrary((_square_exp,), ("x0^2 exp(-x1)",), 2)
    return E.JoinedLibrary((E.tensor_monomials(2, 3), sine, decay, custom))


def test_gradients_are_those_of_the_sum_and_batches_are_columns(getkey):
    library = _mixed()
    energy = E.LibraryEnergy(library, jr.normal(getkey(), (library.size,)))
    xs = jr.normal(getkey(), (2, 5))

    @jax.jit
    def both(xs):
        one = jax.vmap(jax.grad(lambda x: energy(0.0, x)), in_axes=1, out_axes=1)(xs)
        column = jnp.stack([energy.gradient(0.0, xs[:, i]) for i in range(5)], axis=1)
        return one, column, energy.gradient(0.0, xs), energy(0.0, xs[:, 0]), energy(0.0, xs)[0]

    by_hand, columns, batch, value, first = both(xs)
    assert_close(by_hand, batch, 10)
    assert_close(columns, batch, 10)
    assert_close(value, first, 10)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_counts(degree):
    assert E.tensor_monomials(2, degree).size == degree**2 + 2 * degree
    assert E.tensor_monomials(5, 2, 2).size == 50
    assert E.monomials(3, degree).size == [3, 9, 19][degree - 1]


def test_values_are_the_products():
    x = jnp.array([2.0, 3.0])
    library = E.monomials(2, 2)
    assert library.term_names(("x", "y")) == ("x", "x^2", "y", "y^2", "x y")
    np.testing.assert_array_equal(library(x), [2.0, 4.0, 3.0, 9.0, 6.0])
    at_zero = library.gradient(jnp.arange(1.0, 6.0), jnp.zeros(2))
    np.testing.assert_array_equal(at_zero, [1.0, 3.0])


def test_fixed_inner_weights_have_no_gradient():
    def force(weights, fixed):
        library = E.RidgeLibrary("cos", weights, fixed=fixed)
        return library.gradient(jnp.ones(1), jnp.array([0.4]))[0]

    slope = jax.grad(force)
    assert slope(jnp.array([[2.0]]), False)[0, 0] != 0
    assert slope(jnp.array([[2.0]]), True)[0, 0] == 0


def test_masked_terms_are_zero_and_get_no_gradient():
    mask = jnp.array([True, False])
    energy = E.LibraryEnergy(E.monomials(1, 2), jnp.array([1.0, 5.0]), mask)
    x = jnp.array([3.0])
    assert energy(0.0, x) == 3.0 and energy.gradient(0.0, x)[0] == 1.0
    slope = jax.grad(lambda e: e(0.0, x), allow_int=True)(energy)
    np.testing.assert_array_equal(slope.coefficients, [3.0, 0.0])


def test_formulas():
    sine = E.RidgeLibrary("sin", jnp.array([[1.0]]), jnp.array([-1.5]))
    potential = E.LibraryEnergy(sine, jnp.array([-2.0]))
    energy = E.SeparableEnergy(E.KineticEnergy(jnp.array([2.0])), potential)
    assert E.formula(energy) == "0.25 p^2 - 2 sin(q - 1.5)"
    assert E.formula(energy, latex=True) == r"0.25\,p^{2} - 2\,\sin\left(q - 1.5\right)"
    quadratic = E.LibraryEnergy(E.monomials(4, 2), jnp.zeros(14))
    assert E.formula(quadratic) == "0"
    with pytest.raises(ValueError, match="MLPEnergy has no terms"):
        E.formula(E.MLPEnergy(2, 4, 1, key=jr.key(0)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: E.MonomialLibrary(((0, 0),)), "constant"),
        (lambda: E.MonomialLibrary(((1,), (1,))), "twice"),
        (lambda: E.MonomialLibrary(((1,), (1, 0))), "one length"),
        (lambda: E.MonomialLibrary(((-1, 2),)), "-1"),
        (lambda: E.monomials(0, 2), "0"),
        (lambda: E.RidgeLibrary("sinus", jnp.ones((1, 1))), "did you mean 'sin'"),
        (lambda: E.RidgeLibrary("sin", jnp.ones((2, 1)), jnp.ones(3)), "as many offsets"),
        (lambda: E.CustomLibrary((_square_exp,), (), 2), "as many names"),
        (lambda: E.JoinedLibrary((E.monomials(1, 1), E.monomials(2, 1))), "one argument"),
        (lambda: E.LibraryEnergy(E.monomials(1, 2), jnp.ones(3)), "coefficients"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
