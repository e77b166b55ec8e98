"""Flows without structure: the hard-wired start, the derivative in time, what the residual says."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array

from dynnets.models import AbstractFlow, NeuralFlow, WindowedSolution
from dynnets.systems import Harmonic
from dynnets.training import load_model, save_model

X = jnp.array([1.0, -0.5])
FLOWS = [
    pytest.param({"gate": gate, "amortised": amortised}, id=f"{gate}-{amortised}")
    for gate in ("tanh", "linear")
    for amortised in (True, False)
]


def make(**options):
    return NeuralFlow(2, 8, 2, dt=2.0, key=jr.key(0), **options)


@pytest.mark.parametrize("options", FLOWS)
def test_the_start_is_hard_wired_bit_for_bit(options):
    flow = make(**options)
    for dtype in (jnp.float32, jnp.float64):
        small = jax.tree.map(lambda a, dtype=dtype: a.astype(dtype), flow)
        x = X.astype(dtype)
        assert bool((small(0.0, x) == x).all()) and small(0.3, x).dtype == dtype
    many = jr.normal(jr.key(1), (2, 9))
    assert bool((flow(jnp.zeros(9), many) == many).all())


@pytest.mark.parametrize("options", FLOWS)
def test_velocity_is_the_central_difference(options):
    flow, h = make(**options), 1e-5
    x, rate = flow.velocity(0.7, X)
    assert bool((x == flow(0.7, X)).all())
    difference = (flow(0.7 + h, X) - flow(0.7 - h, X)) / (2 * h)
    assert jnp.abs(rate - difference).max() < 1e-7


def test_only_an_amortised_net_sees_the_start():
    moves = [make(amortised=a)(1.0, x) - x for a in (True, False) for x in (X, X + 1)]
    assert jnp.abs(moves[0] - moves[1]).max() > 1e-3
    assert jnp.abs(moves[2] - moves[3]).max() < 1e-15


def test_composition_is_continuous():
    flow = make()
    extend = eqx.filter_jit(lambda t: flow.extend(t, X))
    for k in (1, 2, 3):
        assert jnp.abs(extend(2.0 * k - 1e-9) - extend(2.0 * k + 1e-9)).max() < 1e-6
    assert flow.structure == frozenset() and flow.energy is None


def test_windows_join_and_agree_with_their_flows():
    flows = eqx.filter_vmap(lambda k: NeuralFlow(2, 4, 1, dt=2.0, key=k))(jr.split(jr.key(0), 3))
    nets = [jax.tree.map(lambda a, i=i: a[i], flows) for i in range(3)]
    starts = [X]
    for net in nets[:-1]:
        starts.append(net(2.0, starts[-1]))
    solution = WindowedSolution(flows, jnp.stack(starts))
    assert bool((solution(0.0) == X).all())
    assert jnp.abs(solution(4.0 - 1e-9) - solution(4.0)).max() < 1e-7
    many = solution(jnp.array([0.5, 5.0, 6.0]))
    assert many.shape == (2, 3)
    assert jnp.abs(many[:, 1] - nets[2](1.0, starts[2])).max() < 1e-15
    assert jnp.abs(many[:, 2] - nets[2](2.0, starts[2])).max() < 1e-15


class Given(AbstractFlow):
    """An exact solution in the place of a net."""

    matrix: Array
    wiggle: Array
    dt: float = eqx.field(static=True, default=1.0)

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x0):
        exact = jax.scipy.linalg.expm(self.matrix * t) @ x0
        return exact + self.wiggle * jnp.sin(3 * t)


def test_residual_of_an_exact_solution_vanishes():
    system = Harmonic()

    class Rotation(AbstractFlow):
        dt: float = eqx.field(static=True, default=1.0)

        @property
        def structure(self):
            return frozenset()

        def __call__(self, t, x0):
            return system.solution(t, x0)

    x, rate = Rotation().velocity(0.7, X)
    assert jnp.abs(rate - system.field(0.7, x)).max() < 1e-13


@pytest.mark.parametrize(
    ("matrix", "rate"),
    [([[-1.0]], -1.0), ([[1.0]], 1.0), ([[0.0, 1.0], [-1.0, 0.0]], 0.0)],
    ids=["decay", "growth", "oscillator"],
)
def test_gronwall_bound_of_the_residual_holds(matrix, rate):
    """`|N - x|(t) <= int exp(l (t - s)) |r(s)| ds` with `l` a one-sided Lipschitz constant."""
    matrix = jnp.array(matrix)
    start = jnp.ones(matrix.shape[0])
    flow = Given(matrix, 0.1 * jnp.arange(1.0, 1 + start.shape[0]))
    ts = jnp.linspace(0.0, 3.0, 1201)
    xs, rates = jax.jit(jax.vmap(lambda t: flow.velocity(t, start)))(ts)
    residual = np.linalg.norm(rates - xs @ matrix.T, axis=1)
    error = np.linalg.norm(flow.wiggle[None, :] * jnp.sin(3 * ts)[:, None], axis=1)
    h = float(ts[1])
    bound, worst = 0.0, []
    for k in range(1, len(ts)):
        # the largest of the two ends times the largest weight: above the integral, up to O(h^2)
        top = max(residual[k - 1], residual[k]) * max(1.0, np.exp(rate * h))
        bound = np.exp(rate * h) * bound + h * top
        worst.append(error[k] - bound)
    assert max(worst) < 1e-6
    assert bound < 50 * error.max()  # a bound that says something


def test_saved_and_loaded(tmp_path):
    flow = make(gate="linear")
    save_model(tmp_path / "flow", flow)
    assert bool((load_model(tmp_path / "flow", NeuralFlow)(0.3, X) == flow(0.3, X)).all())


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="gate must be one of linear, tanh, got 'tan'"):
        make(gate="tan")
    with pytest.raises(ValueError, match="dt must be positive"):
        NeuralFlow(2, 8, 2, dt=0.0, key=jr.key(0))
    with pytest.raises(ValueError, match="must not be negative"):
        make().extend(-0.1, X)
