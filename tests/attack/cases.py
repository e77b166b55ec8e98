"""One case: a function of the seed and the index, from the draw to the verdicts."""

import functools
import time
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from registry import cast

from dynnets.analysis import certify
from dynnets.networks import FlowNetwork, averagedness, lipschitz_bound
from dynnets.structure import DISSIPATIVE, ENERGY, REVERSIBLE

from . import bounds
from .claims import (
    Size,
    energy_size,
    field_claims,
    field_value,
    map_claims,
    pairing_claims,
    pairing_value,
    solver_behind,
    solver_inside,
)
from .families import draw_family, pick, states
from .judge import BROKEN, HELD, NO_RESULT, UNDECIDED, Claim, Finding, Subject, judge
from .learned import draw_model, inner_field
from .nets import draw_network, plant
from .steps import draw_step, timed

KINDS = ("pairing", "network", "model", "field", "non-finite")
SHARES = (0.4, 0.2, 0.22, 0.08, 0.1)


class Outcome(NamedTuple):
    """What became of a case."""

    seed: int
    index: int
    kind: str
    precision: str
    name: str
    verdict: str
    findings: tuple[Finding, ...]
    seconds: float


def steps_of(rng) -> np.ndarray:
    """Short, ordinary, long and negative steps."""
    exponents = rng.uniform((-2, -0.5, -1, 0.3, 1.3), (-1, 0.2, 0.3, 1, 2.3))
    signs = np.array([1, 1, -1, 1, pick(rng, (1, -1))])
    return signs * 10.0**exponents


def _subject(rng, tree, claims, value, xs, single) -> Subject:
    return Subject(
        tree, tuple(claims), value, xs, rng.uniform(-1, 2, len(xs)), steps_of(rng), single
    )


def _pairing(rng, single):
    for _ in range(20):  # many pairings of two draws claim nothing
        family = draw_family(rng)
        step = draw_step(rng, family.field, family.xs.shape[1:])
        claimed = len(pairing_claims(step, family.field, family.args))
        if claimed > 1 or (claimed and rng.random() < 0.2):
            break
    step = timed(rng, step) if family.xs.ndim == 2 else step
    xs = family.xs
    if step.info.name.startswith("TimeTransformed"):
        xs = np.stack([np.asarray(step.extend(jnp.asarray(x))) for x in xs])
    claims = pairing_claims(step, family.field, family.args)
    value = functools.partial(pairing_value, family.args)
    subject = _subject(rng, (step, family.field), claims, value, xs, single)
    return f"{step.info.name} on {family.name}", judge(subject)


def _field(rng, single):
    family = draw_family(rng)
    while not family.field.structure:
        family = draw_family(rng)
    claims = field_claims(family.field, family.args)
    value = functools.partial(field_value, family.args)
    subject = _subject(rng, family.field, claims, value, family.xs, single)
    return family.name, judge(subject._replace(hs=np.ones(1)))


def apply_net(net, t, x, h):
    """The map of a network."""
    return net(x)


def _undone(net, t, x, h):
    y, scale = net(x), jnp.abs(x).max()
    return jnp.abs(net.inverse(y) - x).max(), Size(scale, scale + jnp.abs(y).max())


def _network(rng, single):
    net, dim, name = draw_network(rng)
    while not net.structure and np.isinf(float(lipschitz_bound(net))):  # a SympNet has structure
        net, dim, name = draw_network(rng)
    precision = jnp.float32 if single else jnp.float64
    net = cast(net, precision)
    claims = [c._replace(one_way=False) for c in map_claims(net.structure, apply_net)]
    solves = isinstance(net, FlowNetwork) and any(solver_behind(step) for step in net.steps)
    if REVERSIBLE in net.structure:
        claims.append(Claim(REVERSIBLE.name, _undone))
    claims = [c._replace(solves=solves) for c in claims]
    subject = _subject(rng, cast(net, jnp.float64), claims, apply_net, states(rng, (dim,)), single)
    found = judge(subject._replace(hs=np.ones(1)))
    if isinstance(net, FlowNetwork):
        found += bounds.lipschitz_findings(net, float(lipschitz_bound(net)), dim, rng)
        if net.lift is None and net.project is None:
            found += bounds.averaged_findings(net, float(averagedness(net)), dim, rng)
    return name, found


def forecast_map(model, t, x, h):
    """The state after `h` as the model forecasts it."""
    return model.predict(x, jnp.stack([t, t + h]))[-1]


def _forecast_energy(tag, model, t, x, h):
    y = forecast_map(model, t, x, h)
    change = model.energy(t + h, y) - model.energy(t, x)
    scale = energy_size(model.energy, t, x, y, h)
    return (jnp.abs(change) if tag == ENERGY else jnp.maximum(change, 0)), scale


def model_claims(model) -> tuple[Claim, ...]:
    """What a model derives of its forecasts and of its field."""
    kept = model.structure
    solves = model.step is not None and solver_behind(model.step)
    solves = solves or solver_inside(model.field)
    claims = list(map_claims(kept, forecast_map))
    claims += [
        Claim(tag.name, functools.partial(_forecast_energy, tag))
        for tag in (ENERGY, DISSIPATIVE)
        if tag in kept
    ]
    claims = [c._replace(one_way=True, solves=solves) for c in claims]
    if model.field is not None and model.step is not None and model.step.on_pair is None:
        for claim in pairing_claims(model.step, model.field, None):
            if claim.name in (str(tag) for tag in kept) or claim.name.endswith("to the bound"):
                claims.append(
                    claim._replace(
                        name=f"step {claim.name}",
                        defect=functools.partial(_inside, claim.defect),
                        sizes=claim.sizes and functools.partial(_sizes_inside, claim.sizes),
                    )
                )
    if model.field is not None:
        for claim in field_claims(model.field, None):
            claims.append(claim._replace(defect=functools.partial(_of_field, claim.defect)))
    return tuple(claims)


def _inside(defect, model, t, x, h):
    return defect((model.step, model.field), t, x, h)


def _sizes_inside(sizes, model):
    return sizes((model.step, model.field))


def _of_field(defect, model, t, x, h):
    return defect(model.field, t, x, h)


def _model(rng, single):
    for _ in range(20):
        model, xs, name = draw_model(rng)
        if model_claims(model):
            break
    precision = jnp.float32 if single else jnp.float64
    subject = _subject(rng, model, model_claims(model), _size_of, xs, single)
    return name, judge(subject) + _model_bounds(cast(model, precision), xs.shape[1], rng)


def _size_of(model, t, x, h):
    return forecast_map(model, t, x, jnp.abs(h))


def _model_bounds(model, dim, rng) -> list[Finding]:
    """The numbers of a certificate that can be attacked by a search."""
    field, found = cast(inner_field(model), jnp.float64), []
    for line in certify(model).lines:
        if line.grade != "rigorous bound" or line.value is None:
            continue
        if line.name.startswith("SPEED") and np.isfinite(line.value):
            found.append(bounds.speed_finding(field, line.value, dim, rng))
        if line.name == "ENERGY RANGE" and np.isfinite(line.value):
            found.append(bounds.range_finding(field.energy, line.value, dim, rng))
    return found


def _non_finite(rng, single):
    kind = pick(rng, ("model", "network", "field"))
    tree, dim, name = {
        "model": lambda: _without_states(draw_model(rng)),
        "network": lambda: draw_network(rng),
        "field": lambda: _bare(draw_family(rng)),
    }[kind]()
    planted = plant(rng, cast(tree, jnp.float32 if single else jnp.float64))
    if planted is None:
        return f"{name} without arrays", []
    tree, value = planted
    options = {}
    if kind == "network" and rng.random() < 0.5:
        xs = rng.normal(size=(2, dim))
        options = {"states": jnp.asarray(xs, jnp.float32 if single else jnp.float64)}
    return f"{value} in {name}", [certificate_of(tree, options)]


def _without_states(drawn):
    model, xs, name = drawn
    return model, xs.shape[1], name


def _bare(family):
    return family.field, family.xs.shape[1:], family.name


def certificate_of(tree, options, certify=certify) -> Finding:
    """Whether a model with a number that is none is refused."""
    try:
        holds = certify(tree, **options).holds
    except ValueError as refusal:  # a refusal in words is no certificate
        return Finding("CERTIFICATE", HELD, note=f"refused: {str(refusal)[:80]}")
    return Finding("CERTIFICATE", BROKEN if holds else HELD, note=f"holds: {holds}")


RUNS = {
    "pairing": _pairing,
    "network": _network,
    "model": _model,
    "field": _field,
    "non-finite": _non_finite,
}


def run_case(seed: int, index: int) -> Outcome:
    """The outcome of one case."""
    start = time.monotonic()
    rng = np.random.default_rng([seed, index])
    kind = str(rng.choice(KINDS, p=SHARES))
    single = bool(rng.random() < 0.5)
    try:
        name, found = RUNS[kind](rng, single)
    except Exception as error:  # an error from inside the library is a broken case of its own
        name = "error"
        found = [Finding(type(error).__name__, BROKEN, note=str(error)[:300])]
    seconds = round(time.monotonic() - start, 2)
    precision = "float32" if single else "float64"
    return Outcome(seed, index, kind, precision, name, worst_of(found), tuple(found), seconds)


def worst_of(found) -> str:
    """The verdict of a case: broken as soon as one claim is, held where some claim is decided."""
    verdicts = {finding.verdict for finding in found}
    for verdict in (BROKEN, UNDECIDED, HELD, NO_RESULT):
        if verdict in verdicts:
            return verdict
    return NO_RESULT
