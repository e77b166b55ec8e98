"""A benchmark's training that was killed goes on from its store, bit-equal, and is timed whole."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from benchmarks.harness import Settings, experiment, training
from dynnets.training import Stage

STEPS, KILLED = 60, 25
ADAM = optax.adam(1e-2)


class Killed(BaseException):
    """What no `except Exception` sees, as a signal that ends the process."""


def loss(model, batch, *, key):
    return jnp.mean((jax.vmap(model)(batch) - batch[:, :1]) ** 2)


def data(seed: int = 1):
    return jr.normal(jr.key(seed), (32, 2))


def train(settings: Settings, data, killed: int | None = None, steps: int = STEPS):
    """Weights after training, and the steps that this run made."""
    made = []

    def callback(step, record):
        made.append(step)
        if killed is not None and step > killed:
            raise Killed

    run = training.fit(
        settings, "net, training", eqx.nn.Linear(2, 1, key=jr.key(0)), loss, data, ADAM,
        steps=steps, key=jr.key(2), batch_size=8, chunk=5, checkpoint_every=10,
        callbacks=[callback],
    )  # fmt: skip
    return np.asarray(run.model.weight), made


def settings_of(store, fast: bool = False) -> Settings:
    return Settings("toy", (0, 1), store=store, fast=fast)


def test_a_killed_training_goes_on_bit_equal(tmp_path):
    with pytest.raises(Killed):
        train(settings_of(tmp_path), data(), KILLED)
    again = settings_of(tmp_path)
    weight, made = train(again, data())
    assert made[0] == 25 and made[-1] == STEPS  # from the checkpoint at 20, five at a time
    np.testing.assert_array_equal(weight, train(settings_of(None), data())[0])
    assert again.origin() == ["1 trainings went on from earlier runs' checkpoints"]
    (earlier,) = again.resumed
    assert 0 < earlier == again.earlier < again.clocks["net, training"]


def test_without_a_store_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = settings_of(None)
    train(settings, data(), steps=10)
    assert not list(tmp_path.iterdir())
    assert settings.origin() == [] and settings.clocks["net, training"] > 0


def test_what_other_code_other_data_or_a_smoke_test_began_is_begun_again(tmp_path, monkeypatch):
    def begun(settings, data):
        return train(settings, data, steps=10)[1][:1] == [5] and settings.origin() == []

    assert begun(settings_of(tmp_path), data())
    assert not begun(settings_of(tmp_path), data())
    assert begun(settings_of(tmp_path, fast=True), data())
    assert begun(settings_of(tmp_path, fast=True), data(9))
    monkeypatch.setattr(experiment, "code_digest", lambda: "later")
    assert begun(settings_of(tmp_path, fast=True), data(9))


def test_faults_are_not_taken_for_another_run(tmp_path):
    with pytest.raises(ValueError, match="steps"):
        train(settings_of(tmp_path), data(), steps=-1)


def test_a_part_remembers_seconds_and_drops_checkpoints(tmp_path):
    """One label for two seeds: two folders, both gone when the part is finished."""

    def part(settings, killed):
        def measure():
            return [
                train(settings, data(seed), killed if seed else None)[0].tolist() for seed in (0, 1)
            ]

        return settings.part("both seeds", {}, measure)

    first = settings_of(tmp_path)
    with pytest.raises(Killed):
        part(first, KILLED)
    folders = tmp_path / "trainings" / "toy"
    assert sorted(p.name for p in folders.iterdir() if p.is_dir()) == [
        "both-seeds-net,-training-0",
        "both-seeds-net,-training-1",
    ]
    again = settings_of(tmp_path)
    weights = part(again, None)
    assert len(again.resumed) == 2  # the first seed was finished, the second cut off
    assert weights == part(settings_of(None), None)
    assert not list(folders.iterdir())
    kept = settings_of(tmp_path)
    assert part(kept, KILLED) == weights
    # a part takes longer than its trainings, those seconds included that a killed run had spent
    (_, seconds), spent = again.parts[0], again.clocks["net, training"]
    assert kept.earlier == seconds > spent > sum(again.resumed) > 0


def test_stages_go_on_too(tmp_path):
    def run(settings, killed=None):
        def callback(step, record):
            if killed is not None and int(record.steps) == 40 and step > killed:
                raise Killed

        return training.fit_stages(
            settings, "net", eqx.nn.Linear(2, 1, key=jr.key(0)),
            [Stage(loss, ADAM, 20), Stage(loss, ADAM, 40)], data(),
            key=jr.key(2), chunk=5, checkpoint_every=10, callbacks=[callback],
        )  # fmt: skip

    with pytest.raises(Killed):
        run(settings_of(tmp_path), KILLED)
    again = settings_of(tmp_path)
    model, straight = run(again).model, run(settings_of(None)).model
    np.testing.assert_array_equal(model.weight, straight.weight)
    assert len(again.resumed) == 1
