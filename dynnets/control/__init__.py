"""Optimal control and boundary value problems: Pontryagin's conditions, solved three ways."""

from ._boundary import (
    stationary_path as stationary_path,
)
from ._layers import (
    backward_costates as backward_costates,
    forward_states as forward_states,
    hamiltonian_gradient as hamiltonian_gradient,
    layer_hamiltonian as layer_hamiltonian,
    layered_cost as layered_cost,
)
from ._problem import (
    ControlProblem as ControlProblem,
    Extremal as Extremal,
    MinimisedHamiltonian as MinimisedHamiltonian,
)
from ._regulator import (
    Regulator as Regulator,
    dlqr as dlqr,
    lqr as lqr,
)
from ._shooting import (
    bang_bang as bang_bang,
    shoot as shoot,
)
from ._sweep import (
    forward_backward_sweep as forward_backward_sweep,
)
