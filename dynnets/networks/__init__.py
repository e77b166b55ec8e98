"""Maps with a guarantee, composed of fields and steps."""

from ._abstract import (
    AbstractNetwork as AbstractNetwork,
)
from ._bounds import (
    averagedness as averagedness,
    lipschitz_bound as lipschitz_bound,
)
from ._constants import (
    compose_averagedness as compose_averagedness,
    expansion_limit as expansion_limit,
)
from ._flow_network import (
    MEMORIES as MEMORIES,
    FlowNetwork as FlowNetwork,
    flow_network as flow_network,
)
from ._lift import (
    AbstractResize as AbstractResize,
    ChainedResize as ChainedResize,
    SumTruncation as SumTruncation,
    Truncation as Truncation,
    ZeroPadding as ZeroPadding,
)
from ._stack import (
    join_layers as join_layers,
    layer_of as layer_of,
    repeat_layer as repeat_layer,
    scan_layers as scan_layers,
    stack_layers as stack_layers,
)
from ._step_size import (
    NORMS as NORMS,
    AbstractStepSize as AbstractStepSize,
    BoundedStepSize as BoundedStepSize,
    ClippedStepSize as ClippedStepSize,
    FixedStepSize as FixedStepSize,
    FractionStepSize as FractionStepSize,
    LearnedStepSize as LearnedStepSize,
    PositiveStepSize as PositiveStepSize,
)
from ._symplectic_layers import (
    AbstractDirectionLayer as AbstractDirectionLayer,
    AbstractRidgeLayer as AbstractRidgeLayer,
    AbstractShearLayer as AbstractShearLayer,
    AbstractSymplecticLayer as AbstractSymplecticLayer,
    ActivationLayer as ActivationLayer,
    GradientLayer as GradientLayer,
    GradientRidgeLayer as GradientRidgeLayer,
    HenonLayer as HenonLayer,
    LinearActivationLayer as LinearActivationLayer,
    LinearLayer as LinearLayer,
    PolynomialRidgeLayer as PolynomialRidgeLayer,
    RidgeLayer as RidgeLayer,
    TimeShearLayer as TimeShearLayer,
)
from ._sympnet import (
    FixedStepNetwork as FixedStepNetwork,
    SympNet as SympNet,
)
from ._sympnet_kinds import (
    SYMPNETS as SYMPNETS,
    sympnet_g as sympnet_g,
    sympnet_gr as sympnet_gr,
    sympnet_h as sympnet_h,
    sympnet_la as sympnet_la,
    sympnet_p as sympnet_p,
    sympnet_r as sympnet_r,
    sympnet_t as sympnet_t,
)
