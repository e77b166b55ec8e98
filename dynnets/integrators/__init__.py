"""One-step maps that keep structure, their rollout, and the bridge to diffrax."""

from dynnets._core import (
    time_grid as time_grid,
)

from ._blocks import (
    rollout_blocks as rollout_blocks,
)
from ._compensated import (
    Compensated as Compensated,
)
from ._compositions import (
    Adjoint as Adjoint,
    Composition as Composition,
    adjoint as adjoint,
    compose as compose,
    scale as scale,
)
from ._contraction import (
    contraction_factor as contraction_factor,
    euler_averagedness as euler_averagedness,
    implicit_euler_averagedness as implicit_euler_averagedness,
    implicit_euler_contraction_factor as implicit_euler_contraction_factor,
    midpoint_averagedness as midpoint_averagedness,
    midpoint_contraction_factor as midpoint_contraction_factor,
)
from ._diffrax import (
    StepSolver as StepSolver,
    as_solver as as_solver,
)
from ._discrete_gradient import (
    Gonzalez as Gonzalez,
    ItohAbe as ItohAbe,
    MeanValue as MeanValue,
    gonzalez_gradient as gonzalez_gradient,
    itoh_abe_gradient as itoh_abe_gradient,
    mean_value_gradient as mean_value_gradient,
)
from ._discrete_mechanics import (
    discrete_action as discrete_action,
    discrete_euler_lagrange as discrete_euler_lagrange,
    discrete_euler_lagrange_step as discrete_euler_lagrange_step,
    discrete_lagrangian as discrete_lagrangian,
    path_momenta as path_momenta,
)
from ._flows import (
    FlowSplitting as FlowSplitting,
    lie as lie,
    lie_adjoint as lie_adjoint,
    over_flows as over_flows,
    strang as strang,
)
from ._gauss import (
    Gauss as Gauss,
    gauss_tableau as gauss_tableau,
)
from ._high_order import (
    SUZUKI_UMENO8_WEIGHTS as SUZUKI_UMENO8_WEIGHTS,
    YOSHIDA6_WEIGHTS as YOSHIDA6_WEIGHTS,
    YOSHIDA8_WEIGHTS as YOSHIDA8_WEIGHTS,
    blanes_moan4 as blanes_moan4,
    blanes_moan6 as blanes_moan6,
    mclachlan4 as mclachlan4,
    ruth3 as ruth3,
    suzuki4 as suzuki4,
    suzuki_umeno8 as suzuki_umeno8,
    suzuki_weights as suzuki_weights,
    symmetric_weights as symmetric_weights,
    triple_jump_weights as triple_jump_weights,
    yoshida6 as yoshida6,
    yoshida8 as yoshida8,
)
from ._implicit import (
    ImplicitEuler as ImplicitEuler,
    ImplicitMidpoint as ImplicitMidpoint,
)
from ._invariants import (
    Projected as Projected,
    Relaxation as Relaxation,
)
from ._inverse_adjoint import InverseAdjoint as InverseAdjoint
from ._lie_group import (
    LieGroupStep as LieGroupStep,
    cayley as cayley,
    cayley_midpoint as cayley_midpoint,
    lie_euler as lie_euler,
    lie_midpoint as lie_midpoint,
)
from ._order_conditions import (
    composition_defects as composition_defects,
    composition_order as composition_order,
    splitting_defects as splitting_defects,
    splitting_order as splitting_order,
)
from ._rebound import (
    Rebound as Rebound,
    reflect as reflect,
)
from ._rebound_events import (
    LearnedRebound as LearnedRebound,
    Walls as Walls,
)
from ._reversible import (
    Reversible as Reversible,
    reversible_scan as reversible_scan,
)
from ._rollout import (
    Rollout as Rollout,
    rollout as rollout,
)
from ._runge_kutta import (
    RK4 as RK4,
    SSP3 as SSP3,
    Kutta3 as Kutta3,
    RungeKutta as RungeKutta,
    circle_contractivity as circle_contractivity,
    explicit_euler as explicit_euler,
    explicit_midpoint as explicit_midpoint,
    heun as heun,
    kutta3 as kutta3,
    quadratic_defect_order as quadratic_defect_order,
    ralston as ralston,
    rk4 as rk4,
    ssp3 as ssp3,
)
from ._splitting import (
    Splitting as Splitting,
    coefficients_of as coefficients_of,
    forest_ruth as forest_ruth,
    sweeps_of as sweeps_of,
    symplectic_euler as symplectic_euler,
    symplectic_euler_adjoint as symplectic_euler_adjoint,
    triple_jump as triple_jump,
    verlet_dkd as verlet_dkd,
    verlet_kdk as verlet_kdk,
    yoshida4 as yoshida4,
)
from ._step import (
    AbstractStep as AbstractStep,
    FunctionStep as FunctionStep,
    StepInfo as StepInfo,
    as_step as as_step,
    check_parts as check_parts,
    missing_parts as missing_parts,
    step_info as step_info,
)
from ._sweep import (
    undo_step as undo_step,
)
from ._tao import (
    Tao as Tao,
    TaoField as TaoField,
)
from ._tao_pairs import (
    TaoPairs as TaoPairs,
)
from ._time_transformed import (
    TimeTransformed as TimeTransformed,
    time_transformed as time_transformed,
)
from ._two_step import (
    StormerVerlet as StormerVerlet,
    TwoStepMidpoint as TwoStepMidpoint,
)
from ._variational import (
    GaussLagrangian as GaussLagrangian,
    VariationalStep as VariationalStep,
    forced_lagrangian as forced_lagrangian,
    gauss_lagrangian as gauss_lagrangian,
    midpoint_lagrangian as midpoint_lagrangian,
    trapezoidal_lagrangian as trapezoidal_lagrangian,
    variational_gauss as variational_gauss,
    variational_midpoint as variational_midpoint,
    variational_trapezoid as variational_trapezoid,
)
