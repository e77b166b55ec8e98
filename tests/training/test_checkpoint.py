import shutil
import signal
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from dynnets.training import Status, fit

pytest.importorskip("orbax.checkpoint", reason="checkpoints need the extra 'train'")

OPTIMISED = True  # a second process goes on with the same programs

RUN = """
import time
import equinox as eqx, jax, jax.numpy as jnp, jax.random as jr, optax
from dynnets.training import fit

def loss(model, batch, *, key):
    x = batch["x"] + jr.normal(key, batch["x"].shape, batch["x"].dtype) / 100
    return jnp.mean((jax.vmap(model)(x) - batch["y"]) ** 2)

def data(key):
    x = jr.normal(jr.key(key), (40, 2))
    return {"x": x, "y": jnp.sin(3 * x[:, :1])}

optimiser = optax.adamw(optax.cosine_decay_schedule(1e-2, 500))

def run(directory=None, callbacks=()):
    model = eqx.nn.MLP(2, 1, 8, 1, key=jr.key(0))
    return fit(model, loss, data(1), optimiser, steps=300, key=jr.key(5), batch_size=7,
               chunk=10, validation=data(2), evaluate_every=15, checkpoint=directory,
               checkpoint_every=20, callbacks=callbacks)

def tell(step, record):
    print(step, flush=True)
    time.sleep(0.02)

def main(directory):
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_numpy_dtype_promotion", "strict")
    jax.config.update("jax_numpy_rank_promotion", "raise")
    run(directory, [tell])
"""


def equal(a, b):
    leaves = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, y) for x, y in leaves if eqx.is_array(x))


@pytest.fixture
def killed_run(tmp_path, monkeypatch):
    """A run of a module of its own, and the same started in a process that is then killed."""
    (tmp_path / "killed_run.py").write_text(RUN)
    monkeypatch.syspath_prepend(tmp_path)
    import killed_run  # the same name there and here: a loss is known by its address

    yield killed_run
    sys.modules.pop("killed_run")


def kill_in_the_middle(folder, directory, after):
    """Start the run in a process and end it by SIGKILL once it is past step `after`."""
    root = Path(__file__).parents[2]
    command = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(root)!r}]; "
        f"import killed_run; killed_run.main({str(directory)!r})"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) >= after:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
    assert process.returncode == -signal.SIGKILL


def test_resume_after_kill_is_bit_equal(tmp_path, killed_run):
    directory = tmp_path / "run"
    kill_in_the_middle(tmp_path, directory, after=125)
    steps = [int(p.name) for p in directory.iterdir() if p.name.isdigit()]
    assert 100 <= max(steps) < 300
    seen = []
    resumed = killed_run.run(directory, [lambda step, record: seen.append(step)])
    assert seen[0] > max(steps)  # it did go on, not start again
    whole = killed_run.run()
    assert equal(resumed.model, whole.model)
    assert equal(resumed.best_model, whole.best_model)
    assert resumed.best_step == whole.best_step
    assert equal(resumed.history, whole.history)
    assert resumed.history.loss.shape == (300,)
    again = killed_run.run(directory)  # a finished run is not run again
    assert again.status == Status.COMPLETED
    assert equal(again.model, whole.model)


class Point(eqx.Module):
    place: jax.Array


def bowl(model, batch, *, key):
    return jnp.sum((model.place[None, :] - batch) ** 2)


def run(directory, **changes):
    options = {
        "model": Point(jnp.ones(2)),
        "loss": bowl,
        "data": jnp.zeros((3, 2)),
        "optimiser": optax.adam(0.01),
        "key": jr.key(0),
        "steps": 20,
    } | changes
    return fit(**options, chunk=5, checkpoint=directory, checkpoint_every=5)


def snapshot(directory):
    return {p: p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model": Point(jnp.ones(3)), "data": jnp.zeros((3, 3))}, "model, data differ"),
        ({"model": Point(jnp.zeros(2))}, "its model differs"),
        ({"data": jnp.ones((3, 2))}, "its data differs"),
        ({"optimiser": optax.adam(0.02)}, "its optimiser differs"),
        ({"optimiser": optax.sgd(0.01)}, "its optimiser differs"),
        ({"loss": lambda model, batch, *, key: jnp.sum(model.place)}, "its loss differs"),
        ({"key": jr.key(1)}, "its key differs"),
        ({"batch_size": 2}, "its settings differs"),
    ],
)
def test_a_directory_of_another_run_is_refused(changes, names, tmp_path):
    directory = tmp_path / "run"
    run(directory, steps=5)
    before = snapshot(directory)
    with pytest.raises(ValueError, match=f"{directory} belongs to another run: .*{names}"):
        run(directory, **changes)
    assert snapshot(directory) == before


def test_other_directories_are_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ValueError, match="holds other files"):
        run(tmp_path)
    with pytest.raises(ValueError, match="is a file"):
        run(tmp_path / "thesis.tex")
    run(tmp_path / "run", steps=5)
    with pytest.raises(ValueError, match="holds a run already"):
        run(tmp_path / "run", resume=False)
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(ValueError, match="is damaged"):
        run(tmp_path / "run")


def test_more_steps_continue_a_finished_run(tmp_path):
    run(tmp_path / "run", steps=10)
    assert equal(run(tmp_path / "run").model, run(None).model)


def test_a_broken_checkpoint_falls_back_to_the_one_before(tmp_path):
    directory = tmp_path / "run"
    run(directory, steps=15)
    assert sorted(p.name for p in directory.iterdir() if p.is_dir()) == ["10", "15"]
    for file in (directory / "15").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:3])
    assert equal(run(directory).model, run(None).model)
    for step in ("15", "20"):
        shutil.rmtree(directory / step / "default", ignore_errors=True)
    with pytest.raises(ValueError, match=f"no checkpoint in {directory} can be read"):
        run(directory)


def test_a_stateful_optimiser_with_keys_resumes(tmp_path):
    optimiser = optax.chain(optax.add_noise(0.1, 0.5, jr.key(3)), optax.sgd(0.01))
    run(tmp_path / "run", optimiser=optimiser, steps=10)
    resumed = run(tmp_path / "run", optimiser=optimiser)
    assert equal(resumed.model, run(None, optimiser=optimiser).model)


def test_an_ensemble_resumes(tmp_path):
    options = {"model": Point(jnp.arange(6.0).reshape(3, 2)), "ensemble": 3, "batch_size": 2}
    run(tmp_path / "run", steps=10, **options)
    resumed, whole = run(tmp_path / "run", **options), run(None, **options)
    assert equal(resumed.model, whole.model)
    assert equal(resumed.history, whole.history)
