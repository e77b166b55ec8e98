"""SSINN and Taylor networks as models: structure, steps of the right order, forecasts, formulas."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import assert_close

from dynnets.energies import FunctionEnergy, KineticEnergy, LibraryEnergy, MLPEnergy, monomials
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import Tao, forest_ruth, rollout
from dynnets.models import SSINN, TaylorNet
from dynnets.structure import SYMPLECTIC, structure_of, symplecticity_defect
from dynnets.training import load_model, save_model


def _random_ssinn(key):
    library = monomials(2, 3)
    parts = [LibraryEnergy(library, jr.normal(k, (library.size,)) / 4) for k in jr.split(key)]
    return SSINN(*parts)


def _models(key):
    return {"SSINN": _random_ssinn(key), "Taylor": TaylorNet(4, 4, 3, key=key)}


@pytest.mark.parametrize("name", ["SSINN", "Taylor"])
def test_forecasts_are_symplectic_and_start_where_they_are_told(name, getkey):
    model = _models(getkey())[name]
    x = jr.normal(getkey(), (4,)) / 4
    assert SYMPLECTIC in model.structure

    def end(x):
        return model.predict(x, jnp.array([0.0, 0.1, 0.2]))[-1]

    assert float(symplecticity_defect(end, x)) <= 1e-12
    path = model.predict(x, jnp.array([0.0, 0.1, 0.2]))
    assert path.shape == (3, 4)
    assert_close(path[0], x)
    assert_close(model.energy.gradient(0.0, x), jax.grad(lambda y: model.energy(0.0, y))(x))


def test_the_step_has_order_four_and_its_last_kick_evaluates_nothing(getkey):
    calls = []

    def potential(t, q):
        calls.append(1)
        return jnp.sum(jnp.cos(q))

    field = SeparableHamiltonianField(KineticEnergy(jnp.ones(1)), FunctionEnergy(potential))
    x = jnp.array([0.7, 0.4])
    forest_ruth(field, 0.0, x, 0.1)
    assert len(calls) == 3  # three kicks, for d_4 = 0

    exact = rollout(forest_ruth, field, x, (1 / 256, 256)).xs[-1]
    errors = [
        jnp.abs(rollout(forest_ruth, field, x, (1 / n, n)).xs[-1] - exact).max() for n in (8, 16)
    ]
    assert float(jnp.log2(errors[0] / errors[1])) == pytest.approx(4, abs=0.1)


def test_an_energy_that_does_not_separate_goes_by_tao():
    energy = LibraryEnergy(monomials(2, 2), jnp.array([0.0, 0.5, 0.0, 0.5, 0.3]))
    model = SSINN(energy)
    assert isinstance(model.step, Tao) and model.structure == frozenset()
    assert SYMPLECTIC in structure_of(model.step, model.field)  # on the pair of copies
    assert model.formula() == "0.5 q^2 + 0.5 p^2 + 0.3 q p"
    path = model.predict(jnp.array([1.0, 0.0]), jnp.linspace(0.0, 1.0, 101))
    kept = jax.vmap(lambda x: model.energy(0.0, x))(path)
    assert float(jnp.abs(kept - kept[0]).max()) < 1e-5


def test_saved_and_loaded(tmp_path, getkey):
    x = jnp.array([0.1, 0.2, 0.3, 0.4])
    for name, model in _models(getkey()).items():
        save_model(tmp_path / name, model)
        again = load_model(tmp_path / name)
        assert_close(again.field(0.0, x), model.field(0.0, x))


def test_refusals(getkey):
    with pytest.raises(ValueError, match="drift"):
        SSINN(monomials(2, 2), step=forest_ruth)
    with pytest.raises(ValueError, match="even"):
        TaylorNet(3, key=getkey())
    with pytest.raises(ValueError, match="no terms"):
        SSINN(MLPEnergy(1, 4, 1, key=getkey()), monomials(1, 2)).formula()
