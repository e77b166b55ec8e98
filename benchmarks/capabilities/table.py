"""What each learner of mechanics can do: declarations, and the check behind every one of them.

A learner is a row of `LEARNERS`; a capability is a function of `CHECKS` that measures one number
and says whether it is good enough. Checks that hold by construction run on random weights; those
of learning on a fit of a few seconds to pairs of states, `dt` apart, of a linear system whose
energy does or does not separate.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from dynnets.analysis import drift_rate
from dynnets.data import Trajectories, midpoint_derivatives
from dynnets.energies import KineticEnergy, MLPLaw, PairwisePotential, SeparableEnergy, monomials
from dynnets.fields import CirculationField, PairForceField
from dynnets.integrators import rk4
from dynnets.losses import (
    CopyMatching,
    OneStepMatching,
    TrajectoryMatching,
    derivative_matching,
    flow_matching,
    flow_samples,
)
from dynnets.models import (
    HNN,
    NSSNN,
    SRNN,
    SSINN,
    NetworkFlow,
    NeuralODE,
    PortHamiltonianNetwork,
    SympFlow,
    TaylorNet,
)
from dynnets.networks import sympnet_la
from dynnets.structure import ROWS, SYMPLECTIC, symplecticity_defect
from dynnets.training import fit, stack_models, trainable

YES, PARTLY, NO = "yes", "partly", "no"
DT = 0.2
PAIRS = 128
NONSEPARABLE, SEPARABLE = "nonseparable energies", "separable energies"
FORM, FLOW = "symplectic forecasts", "continuous dynamics"
STATES, LONG, BODIES = "no derivatives in data", "long-term predictability", "extends to N bodies"
CAPABILITIES = (NONSEPARABLE, SEPARABLE, FORM, FLOW, STATES, LONG, BODIES)
# x' = J S x: an oscillator, and one whose coordinates and momenta are coupled.
SYSTEMS = {
    SEPARABLE: jnp.array([[1.0, 0.0], [0.0, 1.0]]),
    NONSEPARABLE: jnp.array([[1.0, 0.8], [0.8, 1.0]]),
}


class Learner(NamedTuple):
    """A learner: its model of dimension 2, its training on pairs, and what it is said to do.

    `make(key)`; `loss`; `data(record)`: what the loss takes of a record of states;
    `lacks`: what it is not said to do; `half`: what it is said to do in part, with the reason;
    `bodies(masses, key)`: `(field, args)` of bodies with one learned law, or `None`.
    """

    name: str
    make: Callable
    loss: Callable
    data: Callable = lambda record: record
    lacks: frozenset[str] = frozenset()
    half: dict[str, str] = {}  # noqa: RUF012  (a tuple's default, never changed)
    bodies: Callable | None = None

    def declared(self, capability: str) -> str:
        """`yes`, `partly` or `no`."""
        if capability in self.half:
            return PARTLY
        return NO if capability in self.lacks else YES


def _law(key):
    return MLPLaw(1.0, 0.3, 3.0, 8, 1, key=key)


def _pairwise(masses, key):
    """Kinetic energy and a potential of pairs, body by body on a line."""
    return KineticEnergy(masses), PairwisePotential(
        _law(key), masses, 1, reference=float(masses[0])
    )


def _hnn_bodies(masses, key):
    energy = SeparableEnergy(*_pairwise(masses, key))
    return HNN(2 * masses.shape[0], learned=energy, key=key).field, None


def _srnn_bodies(masses, key):
    kinetic, potential = _pairwise(masses, key)
    dim = 2 * masses.shape[0]
    return SRNN(dim, kinetic=kinetic, potential=potential, key=key).field, None


def _nssnn_bodies(circulations, key):
    field = CirculationField(_law(key))
    return NSSNN(2 * circulations.shape[0], vector_field=field, key=key).field, circulations


def _force_bodies(masses, key):
    return PairForceField(masses, 1, 0.3, 3.0, 8, 1, named=False, key=key), None


_ROLLED = TrajectoryMatching(rk4, shared_times=True)
_DOUBLED = "on the pair of copies that Tao's step advances; a copy alone to its accuracy"
LEARNERS = (
    Learner(
        "NSSNN", lambda key: NSSNN(2, 32, 2, omega=2.0, key=key), CopyMatching(shared_times=True),
        half={FORM: _DOUBLED}, bodies=_nssnn_bodies,
    ),
    Learner(
        "HNN", lambda key: HNN(2, 32, 2, key=key), derivative_matching, midpoint_derivatives,
        bodies=_hnn_bodies,
    ),
    Learner(
        "neural ODE", lambda key: NeuralODE(2, 32, 2, step=rk4, key=key), _ROLLED,
        lacks=frozenset({FORM, LONG}), bodies=_force_bodies,
    ),
    Learner(
        "TaylorNet", lambda key: TaylorNet(2, 4, 8, key=key), OneStepMatching(None),
        lacks=frozenset({NONSEPARABLE, BODIES}),
    ),
    Learner(
        "SSINN", lambda key: SSINN(monomials(2, 2)), OneStepMatching(None),
        lacks=frozenset({BODIES}), half={FORM: _DOUBLED},
    ),
    Learner(
        "SRNN", lambda key: SRNN(2, 32, 2, key=key), OneStepMatching(None),
        lacks=frozenset({NONSEPARABLE}), bodies=_srnn_bodies,
    ),
    Learner(
        "SympNet", lambda key: NetworkFlow(sympnet_la(2, 3, 4, scale=0.1, key=key), DT),
        flow_matching, flow_samples, lacks=frozenset({BODIES}),
        half={FLOW: "a map of every step, but trained on one; its rate is a field as h goes to 0"},
    ),
    Learner(
        "SympFlow", lambda key: SympFlow(2, 16, 4, dt=DT, key=key), flow_matching, flow_samples,
        lacks=frozenset({BODIES}),
    ),
    Learner(
        "port-Hamiltonian", lambda key: PortHamiltonianNetwork(2, 32, 2, step=rk4, key=key),
        _ROLLED, lacks=frozenset({FORM, LONG, BODIES}),
    ),
)  # fmt: skip


def flow_matrix(stiffness, time) -> jax.Array:
    """`exp(t J S)`: the exact flow of `x^T S x / 2` in the plane."""
    form = jnp.array([[0.0, 1.0], [-1.0, 0.0]])
    return jax.scipy.linalg.expm(time * (form @ stiffness))


def record_of(stiffness, count: int, *, key) -> Trajectories:
    """Pairs of states: `count` points of `[-1, 1]^2`, and where they are after `DT`."""
    starts = jr.uniform(key, (count, 2), minval=-1.0, maxval=1.0)
    ends = starts @ flow_matrix(stiffness, DT).T
    states = jnp.stack([starts, ends], axis=1)
    return Trajectories.from_trials([jnp.array([0.0, DT])] * count, list(states), phase="momenta")


def trained(learner: Learner, stiffness, seeds, *, steps: int):
    """One model a seed, in one stack, after `steps` of Adam on the same pairs of the system."""
    data = learner.data(record_of(stiffness, PAIRS, key=jr.key(100)))
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-2, steps))
    models = stack_models(learner.make, jax.vmap(jr.key)(jnp.asarray(seeds)))
    return fit(
        models, learner.loss, data, optimiser, steps=steps, key=jr.key(101), ensemble=len(seeds)
    ).model


def learns(models, stiffness) -> list[tuple[float, bool]]:
    """Misfit of each on fresh states: error of one interval over the way the state goes, root
    mean squares; at most 5 %.
    """
    starts = jr.uniform(jr.key(99), (64, 2), minval=-0.8, maxval=0.8)
    ts, exact = jnp.array([0.0, DT]), starts @ flow_matrix(stiffness, DT).T

    @eqx.filter_jit
    @eqx.filter_vmap
    def misfit(model):
        ends = jax.vmap(lambda x: model.predict(x, ts)[-1])(starts)
        return jnp.sqrt(jnp.mean((ends - exact) ** 2) / jnp.mean((exact - starts) ** 2))

    return [(value, value <= 0.05) for value in misfit(models).tolist()]


def lasts(models, stiffness, intervals: int = 1000) -> list[tuple[float, bool]]:
    """What a straight line through the true energy gains over a forecast, of the energy: 1 %."""
    ts = DT * jnp.arange(intervals + 1)

    @eqx.filter_jit
    @eqx.filter_vmap
    def trend(model):
        xs = model.predict(jnp.array([0.6, 0.2]), ts)
        energies = jnp.einsum("ni,ij,nj->n", xs, stiffness, xs) / 2
        return jnp.abs(drift_rate(ts, energies) * ts[-1] / energies[0])

    return [(value, value <= 0.01) for value in trend(models).tolist()]


def mixes(model) -> tuple[float, bool]:
    """The largest entry of `d(q')/dq` at random weights: not zero where the energy may mix."""
    states = jr.normal(jr.key(98), (8, 2)) / 2

    def rate(x):
        if hasattr(model, "velocity"):  # a flow: the field that generates it at half its interval
            return model.velocity(DT / 2, x)[1]
        return model.field(0.0, x)

    def mixed(x):
        slope = jax.jacfwd(rate)(x)
        if not hasattr(model, "velocity"):
            return slope[0, 0]
        return (slope @ jnp.linalg.inv(jax.jacfwd(lambda y: model(DT / 2, y))(x)))[0, 0]

    largest = float(jnp.abs(jax.jit(jax.vmap(mixed))(states)).max())
    return largest, largest > 1e-6


def keeps_form(model) -> tuple[float, bool]:
    """`max |D^T J D - J|` of one interval, on the pair of copies where the step has two."""
    x = jnp.array([0.4, -0.3])
    if getattr(model, "step", None) is None:
        defect = symplecticity_defect(lambda y: model(DT, y), x)
    else:
        defect = ROWS[SYMPLECTIC].oracle(model.step, model.field, 0.0, x, DT)
    return float(defect), float(defect) <= 1e-10


def has_rate(model) -> tuple[float, bool]:
    """How much `(predict(h) - x) / h` differs between `h` and `h / 10`, of its size: 1 %."""
    x = jnp.array([0.4, -0.3])
    rates = [(model.predict(x, jnp.array([0.0, h]))[-1] - x) / h for h in (1e-3, 1e-4)]
    change = float(jnp.abs(rates[0] - rates[1]).max() / jnp.abs(rates[1]).max())
    return change, change <= 0.01


def takes_states(learner: Learner, model) -> tuple[float, bool]:
    """The loss's largest gradient on a record that holds states and times only."""
    record = record_of(SYSTEMS[SEPARABLE], 8, key=jr.key(97))
    assert record.dxs is None  # the claim is that none are needed
    data = learner.data(record)
    gradient = eqx.filter_grad(lambda m: learner.loss(m, data, key=jr.key(0)))(model)
    leaves = [jnp.abs(g).max() for g in jax.tree.leaves(gradient) if g.size]
    size = float(jnp.stack(leaves).max())
    return size, 0 < size < float("inf")


def adds_pairs(learner: Learner) -> tuple[float, bool]:
    """Three bodies: the forces on each are the sums of those of pairs, all with one law."""
    if learner.bodies is None:
        raise ValueError(f"{learner.name} has no form for bodies, but declares {BODIES}")
    make, key, masses = learner.bodies, jr.key(96), jnp.array([1.0, 0.7, 1.6])
    q, p = jnp.array([0.0, 0.8, 2.1]), jnp.array([0.3, -0.2, 0.1])

    def forces(chosen):
        chosen = jnp.array(chosen)
        field, args = make(masses[chosen], key)
        rates = field(0.0, jnp.concatenate([q[chosen], p[chosen]]), args)
        return rates[len(chosen) :]

    total = jnp.zeros(3)
    for pair in ((0, 1), (0, 2), (1, 2)):
        total = total.at[jnp.array(pair)].add(forces(pair))
    together = forces((0, 1, 2))
    gap = float(jnp.abs(together - total).max() / jnp.abs(together).max())
    return gap, gap <= 1e-10


def stirred(model, *, key):
    """The model with normal noise of .3 on every weight: some start from zero."""
    weights, rest = eqx.partition(model, trainable(model))
    leaves, structure = jax.tree.flatten(weights)
    keys = jr.split(key, len(leaves))
    noisy = [a + 0.3 * jr.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, noisy), rest)


def by_construction(learner: Learner) -> dict[str, tuple[float, bool]]:
    """The checks on random weights, of all that the learner is said to do, at least in part."""
    model = stirred(learner.make(jr.key(1)), key=jr.key(2))
    found = {STATES: takes_states(learner, model)}
    if learner.declared(NONSEPARABLE) != NO:
        found[NONSEPARABLE] = mixes(model)
    if learner.declared(FORM) != NO:
        found[FORM] = keeps_form(model)
    if learner.declared(FLOW) != NO:
        found[FLOW] = has_rate(model)
    if learner.declared(BODIES) != NO:
        found[BODIES] = adds_pairs(learner)
    return found


def by_learning(learner: Learner, seeds, *, steps: int) -> dict[str, list[tuple[float, bool]]]:
    """The checks on trained models, one a seed; those of learning whatever is declared."""
    models = {
        name: trained(learner, stiffness, seeds, steps=steps) for name, stiffness in SYSTEMS.items()
    }
    found = {name: learns(models[name], SYSTEMS[name]) for name in SYSTEMS}
    return {**found, LONG: lasts(models[SEPARABLE], SYSTEMS[SEPARABLE])}
