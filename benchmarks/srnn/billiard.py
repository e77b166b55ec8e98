"""A ball in a box under gravity: exact impacts inside a step, and impacts that a net has learned.

The state is given, not its picture. The truth is the closed form, without any step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Row, Settings, at_most, training
from benchmarks.harness.flows import in_precision
from benchmarks.srnn.room import plot_room
from dynnets.data import Trajectories
from dynnets.fields import split_phase
from dynnets.integrators import LearnedRebound, Rebound, rollout, verlet_kdk
from dynnets.losses import OneStepMatching
from dynnets.models import SRNN
from dynnets.systems import Billiard
from dynnets.training import stack_models, unstack

TABLE = Billiard()
TRIALS, TIMES, H, STARTS, HORIZON = 5000, 10, 0.1, 32, 60
STEPS, BATCH, SPARSITY = 3000, 250, 1e-3
EXACT = Rebound(verlet_kdk, TABLE.walls, most=4)


def orbits(key, count: int, times: int):
    """The exact motion of random starts, `(count, times, 4)`."""
    starts = jax.vmap(TABLE.sample)(jr.split(key, count)).T
    ts = H * jnp.linspace(0.0, times - 1.0, times)
    return ts, jax.vmap(lambda t: TABLE.solution(t, starts).T, out_axes=1)(ts)


def _records(settings: Settings, seed: int) -> Trajectories:
    count = settings.scaled(TRIALS, fast=60)
    ts, xs = orbits(jr.key(200 + seed), count, TIMES)
    every = jnp.tile(ts[None], (count, 1))
    lengths = jnp.full(count, TIMES)
    return Trajectories(every, xs, None, None, lengths, ("x", "y", "px", "py"), phase="momenta")


class SparseRebounds(eqx.Module):
    """One-step error, plus `weight` times the mean gate of the learned event."""

    weight: float = eqx.field(static=True)

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""

        def gate(x):
            ahead = model.step.base(model.field, 0.0, x, H)
            return model.step.event.guess(split_phase(x)[0], split_phase(ahead)[0])[1]

        gates = jax.vmap(jax.vmap(gate))(batch.xs[:, :-1])
        return OneStepMatching(None)(model, batch, key=key) + self.weight * jnp.mean(gates)


def _make(key):
    net_key, event_key = jr.split(key)
    event = LearnedRebound(2, 64, 2, key=event_key)
    model = SRNN(4, 32, 1, step=Rebound(verlet_kdk, event), key=net_key)
    return in_precision(model, jnp.float32)


def train(settings: Settings):
    """A stack of SRNNs with learned energies and learned impacts, one a seed."""
    sets = [_records(settings, seed) for seed in settings.seeds]
    data = in_precision(jax.tree.map(lambda *a: jnp.stack(a), *sets), jnp.float32)
    steps = settings.scaled(STEPS, fast=2)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    optimiser = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    run = training.fit(
        settings, "billiard, training",
        stack_models(_make, keys), SparseRebounds(SPARSITY), data, optimiser, steps=steps,
        key=jr.key(3), ensemble=len(keys), data_axis=0, chunk=500,
        batch_size=settings.scaled(BATCH, fast=20),
    )  # fmt: skip
    return run.model


@eqx.filter_jit
def roll(step, field, x0, steps: int):
    """`(starts, steps + 1, d)`."""
    return jax.vmap(lambda x: rollout(step, field, x, (H, steps)).xs)(x0)


@eqx.filter_jit
def first_impacts(event, base, field, states):
    """`(share of the step, place)` of the first impact within the next step of every state."""

    def one(x):
        motion = lambda s: base(field, 0.0, x, s)  # noqa: E731
        share = event(motion, x, jnp.asarray(H, x.dtype))[1]
        return share, split_phase(motion(share * H))[0]

    return jax.vmap(jax.vmap(one))(states)


def _straight(states, field):
    """Shares by linear interpolation between the state and the tentative next one."""
    ahead = jax.vmap(jax.vmap(lambda x: verlet_kdk(field, 0.0, x, H)))(states)
    gaps = jax.vmap(jax.vmap(TABLE.walls.gaps))
    now, then = gaps(states[..., :2]), gaps(ahead[..., :2])
    share = jnp.where(then > 0, -now / jnp.where(then > 0, then - now, 1), jnp.inf)
    return jnp.min(share, axis=-1)


def _exact_scores(truth) -> dict[str, float]:
    """The step that knows field and walls, against the closed form."""
    path = roll(EXACT, TABLE.field, truth[:, 0], truth.shape[1] - 1)
    until = TABLE.time_to_impact(jnp.moveaxis(truth, -1, 0))[:, :-1]
    share = first_impacts(TABLE.walls, verlet_kdk, TABLE.field, path[:, :-1])[0]
    both = (until < 0.999 * H) & (share < 0.9999)
    off = lambda found: jnp.where(both, jnp.abs(found - until / H), 0).max()  # noqa: E731
    energy = jax.vmap(jax.vmap(lambda x: TABLE.energy(0.0, x)))(path)
    return {
        "impacts": float(both.sum()),
        "time": float(off(share)),
        "straight": float(off(_straight(path[:, :-1], TABLE.field))),
        "drift": float(jnp.abs(energy - energy[:, :1]).max()),
        "place": float(jnp.abs(path - truth)[..., :2].max()),
    }


def _learned_scores(model, truth) -> dict[str, float]:
    """Mean position errors after a step and along 60, learned impacts or the known walls."""
    known = eqx.tree_at(lambda m: m.step, model, EXACT)
    blind = eqx.tree_at(lambda m: m.step, model, verlet_kdk)
    errors = {}
    for name, one in (("learned", model), ("walls", known), ("none", blind)):
        path = roll(one.step, one.field, truth[:, 0], truth.shape[1] - 1)
        norms = jnp.linalg.norm((path - truth)[..., :2], axis=-1)
        norms = jnp.where(jnp.isfinite(norms), norms, jnp.inf)
        errors[name] = float(norms[:, 1:].mean())
    until = TABLE.time_to_impact(jnp.moveaxis(truth, -1, 0))[:, :-1]
    share, _ = first_impacts(model.step.event, verlet_kdk, model.field, truth[:, :-1])
    hit = until < H
    wrong = jnp.where(hit, jnp.abs(share - until / H), 0)
    errors["time"] = float(wrong.sum() / hit.sum())
    return errors


def rows(settings: Settings) -> list[Row]:
    """The table's rows and, with figures, a path with its impacts."""
    steps, count = settings.scaled(HORIZON, fast=20), settings.scaled(STARTS, fast=6)
    truths = [orbits(jr.key(300 + seed), count, steps + 1)[1] for seed in settings.seeds]
    with settings.clock("billiard, exact impacts"):
        exact = [_exact_scores(truth) for truth in truths]
    models = train(settings)
    each = [in_precision(unstack(models, i), jnp.float64) for i in range(len(truths))]
    learned = [_learned_scores(model, truth) for model, truth in zip(each, truths, strict=True)]
    if settings.figures is not None:
        _draw(settings, truths[0], each[0])
    pick = lambda scores, name: [one[name] for one in scores]  # noqa: E731
    label = f"billiard, {HORIZON} steps:"
    return [
        at_most(
            f"{label} largest error of an impact's time over h",
            pick(exact, "time"),
            1e-3,
            {"linear interpolation": pick(exact, "straight")},
        ),
        at_most(f"{label} largest energy drift", pick(exact, "drift"), 1e-6),
        Row(f"{label} impacts in the measure", pick(exact, "impacts")),
        Row(f"{label} largest position error", pick(exact, "place")),
        Row(
            f"{label} mean position error, learned energies and impacts",
            pick(learned, "learned"),
            {"learned energies, known walls": pick(learned, "walls"),
             "learned energies, no walls": pick(learned, "none")},
        ),
        Row("billiard, learned impacts: mean error of their time over h", pick(learned, "time")),
    ]  # fmt: skip


def _draw(settings: Settings, truth, model) -> None:
    """Figure 4: the path of one start, truth, exact step and learned, with impacts."""
    fine = H / 20 * jnp.linspace(0.0, 20.0 * (truth.shape[1] - 1), 20 * truth.shape[1] - 19)
    shown = jax.vmap(lambda t: TABLE.solution(t, truth[0, 0]))(fine)
    paths, marks = {"closed form": np.asarray(shown[:, :2])}, {}
    hits = {"closed form": (TABLE.walls, TABLE.field, truth[:1])}
    for name, step, field in (
        ("Verlet with exact impacts", EXACT, TABLE.field),
        ("learned", model.step, model.field),
    ):
        path = roll(step, field, truth[:1, 0], truth.shape[1] - 1)
        paths[name] = np.asarray(path[0, :, :2])
        hits[name] = (step.event, field, path)
    for name, (event, field, states) in hits.items():
        share, place = first_impacts(event, verlet_kdk, field, states[:, :-1])
        strength = share[0] < 1
        if name == "learned":
            strength = _gates(model, states[0, :-1]) > 0.5
        marks[name] = np.asarray(place[0])[np.asarray(strength)]
    settings.save_figure(plot_room(paths, marks, unit="(m)")[0], "billiard")


def _gates(model, states):
    def one(x):
        ahead = verlet_kdk(model.field, 0.0, x, H)
        return model.step.event.guess(x[:2], ahead[:2])[1]

    return jax.vmap(one)(states)
