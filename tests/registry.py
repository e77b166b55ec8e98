"""One row per public class or step: what `test_contract_*.py` run every check on.

A field row makes a field of dimension 4; a step row names the step and a field that suits it.
A new class or step is tested by adding a row here.
"""

from collections.abc import Callable
from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from dynnets import energies as E, fields as F, integrators as I, models as M, systems as S
from dynnets.analysis import modified_field
from dynnets.structure import ENERGY

DIM = 4


class FieldRow(NamedTuple):
    """A field: `make(key)`; `inputs`: size of the input it takes; `shape`: of its state.

    `given`: its structure is that under the input, which it can't do without; `positive`: so is
    its state.
    """

    name: str
    make: Callable
    inputs: int = 0
    shape: tuple[int, ...] = (DIM,)
    given: bool = False
    positive: bool = False


class StepRow(NamedTuple):
    """A step and `make(key)`, the field that it is tested on.

    `start(x)`: the state that it is tested at, by default a random state of the field; such a step
    is tested on one state at a time. `span`: the time over which its order is measured.
    `backwards`: whether reverse-mode gradients go through it.
    """

    name: str
    step: I.AbstractStep
    make: Callable
    start: Callable | None = None
    span: float = 2.0
    backwards: bool = True


def _energy(key, dim=DIM):
    return E.MLPEnergy(dim, 8, 2, key=key)


def _separable(key):
    a, b = jr.split(key)
    return F.SeparableHamiltonianField(_energy(a, 2), _energy(b, 2))


def _mechanical(key):
    return F.mechanical_field(jnp.array([1.0, 2.0]), _energy(key, 2))


def _port(damping):
    def make(key):
        a, b = jr.split(key)
        return F.PortHamiltonianField(_energy(a), damping(b), jnp.array([[1.0], [0.5]]))

    return make


def _mass_matrix(key):
    a, b = jr.split(key)
    damping = F.initial_damping(2, 0.3, key=b)
    return F.MassMatrixField(
        E.MLPMass(2, 8, 1, key=a), _energy(b, 2), damping, jnp.array([[1.0], [0.5]])
    )


def _quartic(t, x):
    return 0.5 * (x[0] ** 2 + 1) * (x[2] ** 2 + 1) + 0.5 * (x[1] ** 2 + x[3] ** 2)


def _general(key):
    return F.HamiltonianField(_energy(key))


def _sphere(key):
    return F.SphereField(DIM, 8, 1, key=key)


def _neural(key):
    return F.NeuralField(DIM, 8, 2, key=key)


def _circulation(key):
    return F.CirculationField(E.DistanceLaw(0.1, 5.0, 8, 2, key=key))


def _forced(key):
    del key  # known physics
    return S.ForcedOscillator().field


def _heun(field, t, x, h, args=None):
    slope = field(t, x, args)
    return x + h / 2 * (slope + field(t + h, x + h * slope, args))


def _monitor(t, x):
    """Shorter steps away from the origin."""
    return 1 / (1 + 0.1 * x @ x)


TRANSFORMED = I.TimeTransformed(I.verlet_kdk, _monitor)


def _skew(key):
    matrix = jr.normal(key, (DIM, DIM))
    return matrix - matrix.T


def _bodies(key):
    law = E.CorrectedPowerLaw(E.PowerLaw(jnp.array(1.0), jnp.array(2.0)), 0.1, 9.0, key=key)
    return F.PairwiseField(E.PairwisePotential(law, jnp.array([2.0, 0.5]), 1))


def _doubled(key):
    return I.TaoField(F.HamiltonianField(_energy(key, DIM // 2)), 2.0)


def _particle(key):
    del key  # known physics
    return S.ChargedParticleField(*jnp.array([0.7, 1.0, 0.3]))


def _schroedinger(key):
    del key
    return S.SchroedingerField(jnp.array(3.0), jnp.array(1.0))


def _lagrangian(t, q, v):
    """A mass that depends on the place."""
    return 0.5 * v @ v * (1 + 0.5 * jnp.sin(q[0]) ** 2) - jnp.sum(jnp.cosh(q))


FIELDS = [
    FieldRow("general", lambda key: F.HamiltonianField(_energy(key))),
    FieldRow("given", lambda key: F.HamiltonianField(E.FunctionEnergy(_quartic))),
    FieldRow(
        "quadratic",
        lambda key: F.HamiltonianField(E.QuadraticEnergy(jr.normal(key, (DIM, DIM)))),
    ),
    FieldRow("separable", _separable),
    FieldRow("mechanical", _mechanical),
    FieldRow("poisson", lambda key: F.PoissonField(_energy(key), _skew(key))),
    FieldRow("helmholtz", lambda key: F.HelmholtzField(_energy(key), _energy(jr.fold_in(key, 1)))),
    FieldRow("port", _port(lambda key: F.initial_damping(2, 0.3, key=key)), 1),
    FieldRow("port_state_damping", _port(lambda key: F.MLPDamping(2, 8, 1, key=key)), 1),
    FieldRow("pairwise", lambda key: _bodies(key)),
    FieldRow(
        "one_pair_force",
        lambda key: F.PairForceField(jnp.ones(2), 1, 0.1, 9.0, 8, 2, named=False, key=key),
    ),
    FieldRow(
        "neural_pair_force", lambda key: F.PairForceField(jnp.ones(2), 1, 0.1, 9.0, 8, 2, key=key)
    ),
    FieldRow("doubled", _doubled),
    FieldRow("gradient", lambda key: F.GradientField(_energy(key))),
    FieldRow("non_expansive", lambda key: F.NonExpansiveField(DIM, 6, key=key)),
    FieldRow("expansive", lambda key: F.ExpansiveField(DIM, 6, key=key)),
    FieldRow("antisymmetric", lambda key: F.AntisymmetricField(DIM, key=key)),
    FieldRow("shear", lambda key: F.ShearField(1, 3, 6, key=key)),
    FieldRow("mass", lambda key: F.SumPreservingField(DIM, 8, 1, key=key)),
    FieldRow("sphere", lambda key: F.SphereField(DIM, 8, 1, key=key)),
    FieldRow("low_rank_sphere", lambda key: F.LowRankSphereField(DIM, 1, 8, 1, key=key)),
    FieldRow("rotation", lambda key: F.RotationField(DIM, 8, 1, key=key)),
    FieldRow("mass_matrix", _mass_matrix, 1),
    FieldRow("lagrangian", lambda key: F.LagrangianField(_lagrangian)),
    FieldRow("canonical_lagrangian", lambda key: F.CanonicalLagrangianField(_lagrangian)),
    FieldRow("vortices", lambda key: S.VortexField(jnp.array([1.0, -0.5]))),
    FieldRow("charged_particle", lambda key: _particle(key)),
    FieldRow("schroedinger", lambda key: _schroedinger(key)),
    FieldRow("waves", lambda key: S.WaveField("sine_gordon", jnp.array(0.9), jnp.array(3.0))),
    FieldRow("neural_second_order", lambda key: F.SecondOrderField(DIM // 2, 8, 2, key=key)),
    FieldRow("neural", lambda key: F.NeuralField(DIM, 8, 2, key=key)),
    FieldRow("gated", lambda key: F.GatedField(DIM, 6, rate=2.0, key=key)),
    FieldRow("orthogonal", lambda key: F.OrthogonalFlowField(3, 2, 8, 1, key=key), shape=(3, 2)),
    FieldRow("circulation", _circulation, 2, given=True),
    FieldRow("populations", lambda key: S.LotkaVolterra().field, shape=(2,)),
    FieldRow(
        "positive_populations",
        lambda key: S.LotkaVolterra().population_field,
        shape=(2,),
        positive=True,
    ),
    FieldRow("modified", lambda key: modified_field(I.verlet_kdk, _mechanical(key), 0.1)),
    FieldRow("rigid_body", lambda key: S.RigidBody().field, shape=(3,)),
    FieldRow("forced", _forced, shape=(2,)),
    FieldRow("sympflow", lambda key: M.SympFlow(DIM, 6, 2, depth=1, dt=0.5, key=key).field),
    FieldRow("neural_forced", lambda key: F.NeuralField(DIM, 8, 2, input_dim=1, key=key), 1),
]

STEPS = [
    StepRow("symplectic_euler", I.symplectic_euler, _separable),
    StepRow("symplectic_euler_adjoint", I.symplectic_euler_adjoint, _separable),
    StepRow("verlet_kdk", I.verlet_kdk, _separable),
    StepRow("verlet_dkd", I.verlet_dkd, _separable),
    StepRow("yoshida4", I.yoshida4, _separable),
    StepRow("forest_ruth", I.forest_ruth, _separable),
    StepRow("yoshida4_bodies", I.yoshida4, _bodies),
    StepRow("tao", I.Tao(5.0), lambda key: F.HamiltonianField(_energy(key))),
    StepRow("tao4", I.Tao(5.0, order=4), lambda key: F.HamiltonianField(_energy(key))),
    StepRow("tao_pairs", I.TaoPairs(), _doubled),
    StepRow("ruth3", I.ruth3, _separable),
    StepRow("mclachlan4", I.mclachlan4, _separable),
    StepRow("suzuki4", I.suzuki4, _separable),
    StepRow("blanes_moan4", I.blanes_moan4, _separable),
    StepRow("lie", I.lie, _separable),
    StepRow("strang", I.strang, _separable),
    StepRow("lie_shear", I.lie, lambda key: F.ShearField(1, 3, 6, key=key)),
    StepRow("strang_tao", I.strang, _doubled),
    StepRow("strang_particle", I.strang, lambda key: _particle(key)),
    StepRow("strang_schroedinger", I.strang, lambda key: _schroedinger(key)),
    StepRow("composition", I.compose(I.strang, I.suzuki_weights(2)), _bodies),
    StepRow("compensated", I.Compensated(I.verlet_kdk), _bodies),
    StepRow("two_step_midpoint", I.TwoStepMidpoint(), _separable),
    StepRow("stormer_verlet", I.StormerVerlet(), _mechanical),
    StepRow(
        "implicit_midpoint", I.ImplicitMidpoint(), lambda key: F.HamiltonianField(_energy(key))
    ),
    StepRow(
        "implicit_midpoint_poisson",
        I.ImplicitMidpoint(),
        lambda key: F.PoissonField(_energy(key), _skew(key)),
    ),
    StepRow("implicit_euler", I.ImplicitEuler(), lambda key: F.NonExpansiveField(DIM, 8, key=key)),
    StepRow("gauss", I.Gauss(2), lambda key: F.HamiltonianField(_energy(key))),
    StepRow("gonzalez", I.Gonzalez(), lambda key: F.HamiltonianField(_energy(key))),
    StepRow("mean_value", I.MeanValue(), _port(lambda key: F.initial_damping(2, 0.3, key=key))),
    StepRow("itoh_abe", I.ItohAbe(), lambda key: F.PoissonField(_energy(key), _skew(key))),
    StepRow("projected", I.Projected(I.heun, ENERGY), lambda key: F.HamiltonianField(_energy(key))),
    StepRow(
        "relaxation", I.Relaxation(I.heun, ENERGY), lambda key: F.HamiltonianField(_energy(key))
    ),
    StepRow("cayley", I.cayley, lambda key: F.SphereField(DIM, 8, 1, key=key)),
    StepRow("lie_midpoint", I.lie_midpoint, lambda key: F.SphereField(DIM, 8, 1, key=key)),
    StepRow("variational_midpoint", I.variational_midpoint, _mechanical),
    StepRow("rk4", I.rk4, lambda key: F.NeuralField(DIM, 8, 2, key=key)),
    StepRow("explicit_euler", I.explicit_euler, _neural),
    StepRow("explicit_midpoint", I.explicit_midpoint, _neural),
    StepRow("heun", I.heun, _neural),
    StepRow("ralston", I.ralston, _neural),
    StepRow("kutta3", I.kutta3, _neural),
    StepRow("ssp3", I.ssp3, _neural),
    StepRow("function", I.FunctionStep(_heun, I.StepInfo("my Heun", order=2)), _neural),
    StepRow("lie_adjoint", I.lie_adjoint, _separable),
    StepRow("adjoint", I.Adjoint(I.symplectic_euler), _separable),
    StepRow("yoshida6", I.yoshida6, _separable),
    StepRow("yoshida8", I.yoshida8, _separable, span=3.0),
    StepRow("blanes_moan6", I.blanes_moan6, _separable, span=4.0),
    StepRow("suzuki_umeno8", I.suzuki_umeno8, _separable, span=3.0),
    StepRow("cayley_midpoint", I.cayley_midpoint, _sphere),
    StepRow("lie_euler", I.lie_euler, _sphere),
    StepRow("variational_trapezoid", I.variational_trapezoid, _mechanical),
    StepRow("variational_gauss", I.variational_gauss, _mechanical),
    StepRow(
        "rebound",
        I.Rebound(I.verlet_kdk, S.Billiard().walls, most=2),
        lambda key: S.Billiard().field,
        start=lambda x: jnp.asarray([0.5, 0.5, 1.0, 0.3], x.dtype),
    ),
    StepRow("time_transformed", TRANSFORMED, _separable, start=TRANSFORMED.extend),
    StepRow(
        "exact_flow",
        M.ExactFlow(),
        lambda key: M.SympFlow(DIM, 6, 2, depth=1, dt=0.5, key=key).field,
        backwards=False,  # it composes the flow as often as the time asks
    ),
    StepRow("tsit5", I.RungeKutta(diffrax.Tsit5()), lambda key: F.NeuralField(DIM, 8, 2, key=key)),
]


def cast(tree, dtype):
    """`tree` with its floating arrays in `dtype`."""
    return jax.tree.map(
        lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf,
        tree,
    )
