"""One-step maps that keep structure, their rollout, and the bridge to diffrax."""

from ._algebra import (
    CONDITIONAL as CONDITIONAL,
    EXACT as EXACT,
    LOST as LOST,
    ORDER as ORDER,
    STATUSES as STATUSES,
    StructureLost as StructureLost,
    Verdict as Verdict,
    cure as cure,
    require_structure as require_structure,
    structure_of as structure_of,
    verdict as verdict,
)
from ._diffrax import (
    RungeKutta as RungeKutta,
    StepSolver as StepSolver,
    as_solver as as_solver,
)
from ._implicit import ImplicitMidpoint as ImplicitMidpoint
from ._rollout import (
    Rollout as Rollout,
    rollout as rollout,
)
from ._splitting import (
    Splitting as Splitting,
    symplectic_euler as symplectic_euler,
    symplectic_euler_adjoint as symplectic_euler_adjoint,
    triple_jump as triple_jump,
    verlet_dkd as verlet_dkd,
    verlet_kdk as verlet_kdk,
    yoshida4 as yoshida4,
)
from ._step import (
    AbstractStep as AbstractStep,
    StepInfo as StepInfo,
    check_parts as check_parts,
    missing_parts as missing_parts,
    register_step as register_step,
    step_info as step_info,
)
from ._tao import Tao as Tao
