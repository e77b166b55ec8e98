import json
import os
import tempfile

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dynnets.energies import FunctionEnergy, KineticEnergy, MLPEnergy
from dynnets.fields import HamiltonianField, SeparableHamiltonianField
from dynnets.integrators import ImplicitMidpoint, Tao, yoshida4
from dynnets.training import load_model, read_metadata, save_model, serialisable, stack_models


def make_field(key=0, width=4):
    return SeparableHamiltonianField(
        KineticEnergy(jnp.ones(1)), MLPEnergy(1, width, 2, key=jr.key(key))
    )


@serialisable
class Wrapped(eqx.Module):
    """A class of a user's own, with every kind of entry that a file can hold."""

    field: eqx.Module
    step: eqx.Module
    function: object
    names: tuple[str, ...] = eqx.field(static=True)
    options: dict
    table: np.ndarray
    tags: frozenset


@serialisable
def cubic(t, x):
    return jnp.sum(x**3)


@serialisable
class Bag(eqx.Module):
    arrays: tuple


class Foreign(eqx.Module):
    weight: jax.Array


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if not eqx.is_array(x):
            assert x == y
            continue
        assert (x.dtype, x.shape) == (y.dtype, y.shape)
        np.testing.assert_array_equal(x, y)
    return True


@pytest.mark.parametrize(
    "model",
    [
        make_field(),
        jax.tree.map(lambda a: a.astype(jnp.float32), make_field()),
        jax.tree.map(lambda a: a.astype(jnp.bfloat16), make_field()),
        HamiltonianField(FunctionEnergy(cubic)),
        stack_models(lambda key: MLPEnergy(2, 3, 1, key=key), jr.split(jr.key(0), 3)),
    ],
    ids=["float64", "float32", "bfloat16", "function", "stack"],
)
def test_round_trip(model, tmp_path):
    path = tmp_path / "model.dynnets"
    save_model(path, model)
    assert same(model, load_model(path))
    assert load_model(path, type(model)).structure if hasattr(model, "structure") else True


@settings(max_examples=25, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), max_size=3),
    name=st.sampled_from(["float32", "float64", "int32", "bool", "complex64"]),
    note=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ),
)
def test_any_arrays_and_metadata(shapes, name, note):
    arrays = tuple(jnp.arange(np.prod(s, dtype=int)).reshape(s).astype(name) for s in shapes)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model")
        save_model(path, Bag(arrays), note)
        assert same(load_model(path), Bag(arrays))
        assert read_metadata(path)["metadata"] == note


def test_nested_modules_functions_and_metadata(tmp_path):
    model = Wrapped(
        field=make_field(),
        step=(yoshida4, Tao(omega=20.0), ImplicitMidpoint()),
        function=jnp.tanh,
        names=("q", "p"),
        options={"a": [1, 2.5, None, True], "b": (float("inf"), "x")},
        table=np.arange(3),
        tags=make_field().structure,
    )
    path = tmp_path / "model"
    save_model(path, model, {"trained_on": "pendulum", "seeds": [0, 1]})
    loaded = load_model(path, Wrapped)
    assert (loaded.names, loaded.options, loaded.tags) == (model.names, model.options, model.tags)
    assert loaded.function is jnp.tanh
    assert isinstance(loaded.table, np.ndarray)
    assert same(model.field, loaded.field)
    x = jnp.array([0.3, -0.2])
    for step, again in zip(model.step, loaded.step, strict=True):
        np.testing.assert_array_equal(
            step(model.field, 0.0, x, 0.1), again(loaded.field, 0.0, x, 0.1)
        )
    header = read_metadata(path)
    assert header["metadata"] == {"trained_on": "pendulum", "seeds": [0, 1]}
    assert header["class"].endswith(":Wrapped")
    assert header["dtype"] == "float64"


def test_addresses_are_public(tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field())
    text = json.dumps(read_metadata(path)["hyperparameters"])
    assert "dynnets.fields:SeparableHamiltonianField" in text
    assert "._" not in text


def test_nothing_is_overwritten_by_accident(tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field(0))
    before = path.read_bytes()
    with pytest.raises(ValueError, match="exists already"):
        save_model(path, make_field(1))
    with pytest.raises(ValueError, match="must be JSON"):
        save_model(path, make_field(1), {"bad": object()}, overwrite=True)
    assert path.read_bytes() == before
    save_model(path, make_field(1), overwrite=True)
    assert same(load_model(path), make_field(1))
    assert os.listdir(tmp_path) == ["model"]  # no temporary file is left
    with pytest.raises(ValueError, match="no folder"):
        save_model(tmp_path / "absent" / "model", make_field())


def test_what_cannot_be_found_again_is_refused_at_saving(tmp_path):
    with pytest.raises(ValueError, match=r"HamiltonianField.energy.function is .*lambda"):
        save_model(tmp_path / "m", HamiltonianField(FunctionEnergy(lambda t, x: x[0])))
    with pytest.raises(ValueError, match="Foreign.*serialisable"):
        save_model(tmp_path / "m", Foreign(jnp.ones(2)))
    assert not os.listdir(tmp_path)


def test_files_that_are_no_models(tmp_path):
    path = tmp_path / "model"
    with pytest.raises(ValueError, match=r"cannot read .*model: No such file"):
        load_model(path)
    with pytest.raises(ValueError, match="Is a directory"):
        load_model(tmp_path)
    for content in (b"time,q,p\n0,1,2\n", b"\x93NUMPY\x01\x00", os.urandom(200)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model is not a model saved by dynnets"):
            load_model(path)


def test_every_truncation_is_noticed(tmp_path):
    whole, path = tmp_path / "whole", tmp_path / "cut"
    save_model(whole, make_field(width=2))
    content = whole.read_bytes()
    for size in [*range(0, 40, 3), *range(40, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"cut is truncated"):
            load_model(path)


def test_damage_is_noticed(tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field())
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model is damaged: the checksum"):
        load_model(path)
    path.write_bytes(b"DYNNETS MODEL\n{broken\n")
    with pytest.raises(ValueError, match="header cannot be read"):
        load_model(path)
    path.write_bytes(b'DYNNETS MODEL\n{"format": 1}\n')
    with pytest.raises(ValueError, match="header is incomplete"):
        load_model(path)


def edited(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"format": 1', b'"format": 2', "has format 2.*reads format 1"),
        (b"KineticEnergy", b"RoundEnergy", "dynnets.energies:RoundEnergy is not known"),
        (b"dynnets.energies:Kin", b"nowhere.energies:Kin", "nowhere.*not registered"),
        (b"dynnets.energies:KineticEnergy", b"jax:os.system", "jax:os.system is not known"),
        (b'"log_mass"', b'"log_masses"', "other fields.*log_mass"),
        (b'{"array": 0}', b'{"array": 90}', "list index out of range"),
        (b'{"array": 0}', b'{"thing": 0}', "unknown entry 'thing'"),
    ],
)
def test_other_versions_and_unknown_classes(old, new, message, tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field())
    edited(path, old, new)
    with pytest.raises(ValueError, match=f"model.*{message}"):
        load_model(path)


def test_another_class_than_expected(tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field())
    with pytest.raises(ValueError, match="holds a SeparableHamiltonianField, expected a Wrapped"):
        load_model(path, Wrapped)


def test_float64_needs_x64(tmp_path):
    path = tmp_path / "model"
    save_model(path, make_field())
    with jax.enable_x64(False), pytest.raises(ValueError, match="model holds float64.*enable_x64"):
        load_model(path)
