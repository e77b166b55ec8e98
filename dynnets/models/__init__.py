"""Learned dynamical systems: a field, an energy where there is one, and a forecast."""

from ._abstract import (
    AbstractModel as AbstractModel,
)
from ._cast import (
    cast as cast,
)
from ._densities._abstract import (
    AbstractDensity as AbstractDensity,
)
from ._densities._coupling_flow import (
    CouplingFlow as CouplingFlow,
)
from ._densities._gaussian import (
    gaussian_kl as gaussian_kl,
    gaussian_log_density as gaussian_log_density,
)
from ._densities._hamiltonian_flow import (
    HamiltonianFlow as HamiltonianFlow,
)
from ._field_model import (
    FieldModel as FieldModel,
)
from ._flows._flow import (
    AbstractFlow as AbstractFlow,
)
from ._flows._network_flow import (
    NetworkFlow as NetworkFlow,
)
from ._flows._neural_flow import (
    NeuralFlow as NeuralFlow,
    WindowedSolution as WindowedSolution,
)
from ._flows._sympflow import (
    ExactFlow as ExactFlow,
    SympFlow as SympFlow,
    SympFlowField as SympFlowField,
)
from ._forecast import (
    energy_rate as energy_rate,
    forecast as forecast,
)
from ._latent._abstract import (
    AbstractLatentModel as AbstractLatentModel,
)
from ._latent._hgn import (
    HGN as HGN,
)
from ._latent._pixel import (
    PixelHNN as PixelHNN,
)
from ._mechanics._hnn import (
    HNN as HNN,
    HelmholtzHNN as HelmholtzHNN,
)
from ._mechanics._kepler import (
    KeplerEllipses as KeplerEllipses,
    fit_ellipses as fit_ellipses,
)
from ._mechanics._mechanical import (
    MechanicalPortHamiltonian as MechanicalPortHamiltonian,
)
from ._mechanics._neural_ode import (
    NeuralODE as NeuralODE,
)
from ._mechanics._nssnn import (
    NSSNN as NSSNN,
)
from ._mechanics._pairwise import (
    PairwiseForce as PairwiseForce,
    PairwiseHamiltonian as PairwiseHamiltonian,
    newtonian_bodies as newtonian_bodies,
)
from ._mechanics._port_hamiltonian import (
    DAMPINGS as DAMPINGS,
    PortHamiltonianNetwork as PortHamiltonianNetwork,
)
from ._mechanics._srnn import (
    SRNN as SRNN,
)
from ._mechanics._ssinn import (
    SSINN as SSINN,
)
from ._mechanics._taylor_net import (
    TaylorNet as TaylorNet,
)
from ._scaled import (
    ScaledModel as ScaledModel,
    Units as Units,
)
from ._step_model import (
    AbstractStepModel as AbstractStepModel,
)
