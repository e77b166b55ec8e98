"""Exported maps: the same numbers on every batch, refusals that say why."""

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.energies import KineticEnergy, MLPEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import rollout, yoshida4
from dynnets.models import NeuralODE
from dynnets.training import export, load_exported, save_model

TIMES = jnp.linspace(0.0, 1.0, 4)


def make_field(dtype="float64"):
    energy = MLPEnergy(2, 6, 1, key=jr.key(0))
    field = SeparableHamiltonianField(KineticEnergy(jnp.ones(2)), energy)
    return jax.tree.map(lambda leaf: leaf.astype(dtype), field)


def last(field, x):
    return rollout(yoshida4, field, x, (0.1, 5)).xs[-1]


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    """A field's flow map with its first derivative, in float32."""
    path = tmp_path_factory.mktemp("export") / "flow.dynnets"
    field = make_field("float32")
    notes = {"trained on": "nothing"}
    export(path, lambda x: last(field, x), jnp.zeros(4, "float32"), derivatives=1, metadata=notes)
    return path


def test_round_trip_is_bit_equal_for_every_batch(artefact):
    field, loaded = make_field("float32"), load_exported(artefact)
    direct = jax.jit(jax.vmap(lambda x: last(field, x)))
    for size in (1, 7):
        x = jr.normal(jr.key(size), (size, 4), "float32")
        found = loaded(x)
        assert found.dtype == x.dtype
        assert jnp.array_equal(found, direct(x))
    assert loaded.platforms == ("cpu", "cuda", "tpu")
    assert loaded.metadata == {"trained on": "nothing"}
    assert loaded.header["inputs"] == [[["batch", 4], "float32"]]


def test_an_artefact_is_differentiated_as_often_as_it_was_written_for(artefact):
    field, loaded = make_field("float32"), load_exported(artefact)
    x = jr.normal(jr.key(3), (2, 4), "float32")
    found = jax.jit(jax.grad(lambda y: jnp.sum(loaded(y) ** 2)))(x)
    direct = jax.grad(lambda y: jnp.sum(jax.vmap(lambda z: last(field, z))(y) ** 2))(x)
    assert jnp.abs(found - direct).max() <= tol(x.dtype)


def test_a_model_is_exported_as_its_forecast(tmp_path):
    model = NeuralODE(2, 8, 1, key=jr.key(1))
    path = tmp_path / "forecast"
    export(path, model, jnp.zeros(2), shared=(TIMES,), platforms=("cpu",))
    x, ts = jr.normal(jr.key(2), (3, 2)), 2 * TIMES
    expected = jax.vmap(lambda y: model.predict(y, ts))(x)
    assert jnp.abs(load_exported(path)(x, ts) - expected).max() <= tol(x.dtype)
    with jax.enable_x64(False), pytest.raises(ValueError, match="forecast holds float64"):
        load_exported(path)


def test_calls_that_do_not_fit_are_refused(artefact):
    loaded = load_exported(artefact)
    with pytest.raises(ValueError, match="takes 1 arrays, got 2"):
        loaded(jnp.zeros((2, 4), "float32"), TIMES)
    with pytest.raises(ValueError, match=r"array 0 must be .*'batch', 4.*float32, got \(2, 5\)"):
        loaded(jnp.zeros((2, 5), "float32"))
    with pytest.raises(ValueError, match="got .* of float64"):
        loaded(jnp.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"got \(\)"):
        loaded(jnp.zeros((), "float32"))


def test_what_cannot_be_exported_is_refused(tmp_path):
    def solve(x):
        term = diffrax.ODETerm(lambda t, y, args: -y)
        return diffrax.diffeqsolve(term, diffrax.Euler(), 0.0, 1.0, 0.5, x).ys[-1]

    path, x = tmp_path / "map", jnp.zeros(2)
    with pytest.raises(ValueError, match="solve cannot be exported.*throw=False"):
        export(path, solve, x)
    with pytest.raises(ValueError, match="cannot be exported"):
        export(path, lambda a, b: a, x)
    with pytest.raises(ValueError, match="did you mean 'cuda'"):
        export(path, jnp.sin, x, platforms=("cuta",))
    with pytest.raises(ValueError, match="needs a platform and an example"):
        export(path, jnp.sin)
    with pytest.raises(ValueError, match="derivatives.*-1"):
        export(path, jnp.sin, x, derivatives=-1)
    with pytest.raises(ValueError, match="no folder"):
        export(tmp_path / "none" / "map", jnp.sin, x)
    assert not path.exists()
    export(path, jnp.sin, x, platforms=("cpu",))
    with pytest.raises(ValueError, match="exists already"):
        export(path, jnp.sin, x)


def test_another_platform_is_refused(tmp_path):
    export(tmp_path / "map", jnp.sin, jnp.zeros(2), platforms=("tpu",))
    with pytest.raises(ValueError, match="exported for tpu, this process runs on"):
        load_exported(tmp_path / "map")(jnp.zeros((1, 2)))


def test_foreign_and_broken_files_are_refused(artefact, tmp_path):
    content = artefact.read_bytes()
    path = tmp_path / "broken"
    for cut, message in (
        (5, "truncated"),
        (40, "header does not end"),
        (len(content) - 9, "bytes"),
    ):
        path.write_bytes(content[:cut])
        with pytest.raises(ValueError, match=f"broken.*{message}"):
            load_exported(path)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(ValueError, match="broken is damaged: the checksum"):
        load_exported(path)
    path.unlink()
    save_model(path, make_field())
    with pytest.raises(ValueError, match="broken is not a map exported by dynnets"):
        load_exported(path)
    with pytest.raises(ValueError, match="cannot read"):
        load_exported(tmp_path / "nowhere")
