"""Plain neural parts: perceptrons, activations, angle features, encoders and decoders."""

from ._angles import (
    angle_features as angle_features,
    check_angles as check_angles,
)
from ._autoencoder import (
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
from ._mlp import (
    ACTIVATIONS as ACTIVATIONS,
    MLP as MLP,
    activate as activate,
    affine as affine,
    mlp as mlp,
    mlp_gradient as mlp_gradient,
)
from ._monotone import (
    MONOTONE as MONOTONE,
    MONOTONE_ACTIVATIONS as MONOTONE_ACTIVATIONS,
)
