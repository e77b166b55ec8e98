"""Learned dynamical systems: a field, an energy where there is one, and a forecast."""

from ._autoencoder import (
    RESIDUAL_ACTIVATIONS as RESIDUAL_ACTIVATIONS,
    Autoencoder as Autoencoder,
    ResidualMLP as ResidualMLP,
    residual_mlp as residual_mlp,
)
from ._codec import (
    AbstractCodec as AbstractCodec,
    ConvolutionalCodec as ConvolutionalCodec,
    MLPCodec as MLPCodec,
    convolve as convolve,
    depth_to_space as depth_to_space,
    space_to_depth as space_to_depth,
)
from ._coupling_flow import CouplingFlow as CouplingFlow
from ._field_model import FieldModel as FieldModel
from ._flow import AbstractFlow as AbstractFlow
from ._forecast import (
    energy_rate as energy_rate,
    forecast as forecast,
)
from ._gaussian import (
    gaussian_kl as gaussian_kl,
    gaussian_log_density as gaussian_log_density,
)
from ._hamiltonian_flow import HamiltonianFlow as HamiltonianFlow
from ._hgn import (
    HGN as HGN,
    KINETICS as KINETICS,
)
from ._hnn import (
    HNN as HNN,
    HelmholtzHNN as HelmholtzHNN,
)
from ._kepler import (
    KeplerEllipses as KeplerEllipses,
    fit_ellipses as fit_ellipses,
)
from ._mechanical import MechanicalPortHamiltonian as MechanicalPortHamiltonian
from ._network_flow import NetworkFlow as NetworkFlow
from ._neural_flow import (
    GATES as GATES,
    NeuralFlow as NeuralFlow,
    WindowedSolution as WindowedSolution,
)
from ._neural_ode import NeuralODE as NeuralODE
from ._nssnn import NSSNN as NSSNN
from ._pairwise import (
    PairwiseForce as PairwiseForce,
    PairwiseHamiltonian as PairwiseHamiltonian,
    newtonian_bodies as newtonian_bodies,
)
from ._pixel import PixelHNN as PixelHNN
from ._port_hamiltonian import (
    DAMPINGS as DAMPINGS,
    PortHamiltonianNetwork as PortHamiltonianNetwork,
)
from ._scaled import (
    ScaledModel as ScaledModel,
    Units as Units,
)
from ._srnn import SRNN as SRNN
from ._ssinn import SSINN as SSINN
from ._sympflow import (
    ExactFlow as ExactFlow,
    SympFlow as SympFlow,
    SympFlowField as SympFlowField,
)
from ._taylor_net import TaylorNet as TaylorNet
