"""HGN with convolutions on pictures of 32 x 32 pixels, one seed after the other, by the clock."""

import dataclasses
import functools

import jax.numpy as jnp
import jax.random as jr

from benchmarks.harness import Row, Settings, at_most, training
from benchmarks.harness.flows import adam, in_precision
from benchmarks.hgn.films import (
    BETA,
    BOTH_ENDS,
    HORIZON,
    INTERVAL,
    LATENT,
    LENGTH,
    SEEN,
    TASKS,
    TEST,
    TRAIN,
    constant_error,
    score,
    stacked,
)
from dynnets.losses import FilmLoss
from dynnets.models import HGN
from dynnets.nn import ConvolutionalCodec

SIZE, WIDTH, DECODED, BATCH, STEPS, RATE = 32, 16, 10, 16, 12_000, 2e-3
LOSS = FilmLoss(BETA, anchors=BOTH_ENDS.anchors, decoded=DECODED)
LIMIT = 600.0  # seconds of training on two cores


def measure(settings: Settings, seed: int) -> dict[str, float]:
    """Scores of one seed and the seconds that its training took."""
    task, salt = TASKS[0], 100
    one = dataclasses.replace(settings, seeds=(seed,))
    train_count, test_count = settings.scaled((TRAIN, TEST), fast=(BATCH, 8))
    steps = settings.scaled(STEPS, fast=2)
    known = stacked(one, task, salt, train_count, LENGTH, SIZE)[0][0]
    unseen, energy = (x[0] for x in stacked(one, task, salt + 1, test_count, HORIZON, SIZE))
    codec_key, key, fit_key = jr.split(jr.key(seed), 3)
    codec = ConvolutionalCodec((1, SIZE, SIZE), LATENT, SEEN, WIDTH, key=codec_key)
    model = in_precision(HGN(codec, interval=INTERVAL, key=key), jnp.float32)
    run = training.fit(
        settings, "32 x 32 pixels, training", model, LOSS, known, adam(steps, RATE, RATE * 1e-3),
        steps=steps, key=fit_key, batch_size=BATCH, chunk=500,
    )  # fmt: skip
    found = {"seconds": run.seconds, "constant": constant_error(known, unseen)}
    return found | {name: float(v) for name, v in score(run.model, unseen, energy).items()}


def rows(settings: Settings) -> list[Row]:
    """The pendulum at 32 x 32: the bar of 16 x 16, within ten minutes a seed."""
    asked = {"steps": STEPS, "batch": BATCH, "rate": RATE, "width": WIDTH}
    asked |= {"beta": BETA, "anchors": LOSS.anchors, "decoded": DECODED}
    scores: dict[str, list[float]] = {}
    for seed in settings.seeds:
        label = f"films of 32 x 32 pixels, seed {seed}"
        for name, value in settings.part(
            label, asked, functools.partial(measure, settings, seed)
        ).items():
            scores.setdefault(name, []).append(value)
    name = "pendulum at 32 x 32"
    return [
        at_most(f"{name}: pixel error, pictures 0-19", scores["seen"], TASKS[0].bar),
        Row(
            f"{name}: pixel error, all 60 pictures",
            scores["all"],
            {"mean picture": scores["constant"]},
        ),
        at_most(f"{name}: training, two cores", scores["seconds"], LIMIT, unit="s"),
    ]
