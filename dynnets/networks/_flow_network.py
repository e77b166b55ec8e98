"""Networks made of flows: any family of fields, any step, depth as a scan."""

import math
from collections.abc import Callable, Iterable, Sequence

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import PRNGKeyArray

from dynnets._core import NON_EXPANSIVE, Bound, Tag, check_choice
from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep, check_parts, reversible_scan, step_info

from ._abstract import AbstractNetwork
from ._layer import check_limits, layer_sizes
from ._lift import AbstractResize
from ._lipschitz import layers_averagedness, layers_lipschitz, maps_into_itself
from ._meet import meet, require_tags
from ._stack import layer_of, repeat_layer, scan_layers, stack_layers
from ._step_size import AbstractStepSize, FixedStepSize

MEMORIES = ("all", "inputs", "inverse")
"""What a layer leaves for the backward pass: all intermediate values; its input, from which the
rest is computed again; or nothing, the input being rebuilt by the layer's exact inverse."""


class FlowNetwork(AbstractNetwork):
    """`x -> P o S_L o ... o S_1 o U (x)` with layers `S_l = step(field_l, h_l)`.

    A layer is one step, or several in turn (a contractive and an expansive one, say): `fields`,
    `steps` and `step_sizes` are tuples of the same length, in the order in which they act. Every
    layer's clock starts at zero.

    **Arguments:**

    - `fields`: stacked modules, arrays with the leading axis `depth`; `step_sizes`: the step sizes,
      stacked likewise; `steps`: shared by all layers. `flow_network` makes all three,
      `join_layers` stacks given ones.
    - `lift`: `U`, an `AbstractResize` before the first layer; `project`: `P`, after the last.
    - `memory`: of the backward pass, one of `MEMORIES`. `"inputs"` costs a third more work;
      `"inverse"` needs memory for one layer whatever the depth, steps with an exact inverse, and
      refuses forward-mode derivatives.
    - `require`: tags that the network must keep for every value of its weights.

    Preserves: `structure`, the meet over the parts of all layers, lift and projection; see there.
    Cost: that of the steps; compile time does not grow with depth. Raises `StructureLost`, a
    `ValueError`, for a required tag that is lost, naming the part, the reason and a cure, and
    `ValueError` for a field that lacks what its step needs and for stacks of different depth.
    Source: Celledoni, Murari, Owren, Schoenlieb, Sherry, Dynamical Systems-Based Neural
    Networks, SIAM J. Sci. Comput. 45, 2023, arXiv:2210.02373.
    """

    fields: tuple[AbstractField, ...]
    step_sizes: tuple[AbstractStepSize, ...]
    steps: tuple[AbstractStep, ...]
    lift: AbstractResize | None
    project: AbstractResize | None
    memory: str = eqx.field(static=True)

    def __init__(
        self,
        fields: Sequence[AbstractField],
        steps: Sequence[AbstractStep],
        step_sizes: Sequence[AbstractStepSize],
        *,
        lift: AbstractResize | None = None,
        project: AbstractResize | None = None,
        memory: str = "all",
        require: Iterable[Tag] = (),
    ):
        if not len(fields) == len(steps) == len(step_sizes) > 0:
            raise ValueError(
                "a layer has as many fields as steps and step_sizes, at least one, "
                f"got {len(fields)}, {len(steps)} and {len(step_sizes)}"
            )
        self.fields, self.steps, self.step_sizes = tuple(fields), tuple(steps), tuple(step_sizes)
        self.lift, self.project, self.memory = lift, project, memory
        check_choice("memory", memory, MEMORIES)
        if memory == "inverse":
            self._check_invertible()
        for step, field in zip(self.steps, self.fields, strict=True):
            check_parts(step, field)
        _check_depth((self.fields, self.step_sizes))
        check_limits(self.steps, self.fields, self.step_sizes)
        require_tags(self.steps, self.fields, self.step_sizes, (lift, project), require)

    @property
    def depth(self) -> int:
        """Number of layers."""
        return _check_depth((self.fields, self.step_sizes))

    @property
    def structure(self) -> frozenset[Tag]:
        """The tags that every part of every layer, the lift and the projection keep.

        NON_EXPANSIVE is claimed where the step_sizes enforce its condition: of the map of the
        stored weights in exact arithmetic, see `lipschitz_bound` for its evaluation. Tags about an
        energy, a bracket or masses are not claimed: every layer has its own.
        """
        return meet(self.steps, self.fields, self.step_sizes, (self.lift, self.project))

    def bounds(self):
        """`LIPSCHITZ`, `AVERAGED`, each where known or claimed; false, not absent, without numbers.

        LIPSCHITZ holds where NON_EXPANSIVE is claimed and the bound in exact arithmetic is at most
        one; its value includes the rounding of an evaluation, see `lipschitz_bound`.
        """
        layers = (self.steps, self.fields, self.step_sizes, (self.lift, self.project))
        evaluated, exact = (float(layers_lipschitz(*layers, evaluated=e)) for e in (True, False))
        claimed = NON_EXPANSIVE in self.structure
        found = []
        if claimed or math.isfinite(evaluated):
            text = f"|net(x) - net(y)| <= {evaluated:.6g} |x - y|, {exact:.6g} without rounding"
            holds = math.isfinite(evaluated) and exact <= 1 if claimed else None
            found.append(Bound("LIPSCHITZ", evaluated, text, holds))
        if maps_into_itself(self.lift, self.project):
            alpha = float(layers_averagedness(*layers))
            if alpha < 1:
                text = f"{alpha:.4g}-averaged: iterations converge to a fixed point if one exists"
                found.append(Bound("AVERAGED", alpha, text))
        return tuple(found)

    def sizes(self) -> tuple:
        """The step sizes of every layer, `(depth,)` for each part; a number where it is fixed."""
        sizes = eqx.filter_vmap(lambda f, w: layer_sizes(self.steps, f, w)[0])
        found = sizes(self.fields, self.step_sizes)
        fixed = (w.h if isinstance(w, FixedStepSize) else None for w in self.step_sizes)
        return tuple(h if h is not None else next_h for h, next_h in zip(fixed, found, strict=True))

    def layer(self, index: int) -> tuple[tuple[AbstractField, ...], tuple]:
        """Fields and step sizes of one layer."""
        fields, step_sizes = layer_of((self.fields, self.step_sizes), index)
        return fields, layer_sizes(self.steps, fields, step_sizes)[0]

    def __call__(self, x):
        """The image of `x`, `(d,)` or, where fields take it, features-first `(d, N)`."""
        x = x if self.lift is None else self.lift(x)
        layers = (self.fields, self.step_sizes)
        if self.memory == "inverse":
            x = reversible_scan(self._forward, self._back, layers, x)
        else:
            x = scan_layers(self._forward, layers, x, remat=self.memory == "inputs")
        return x if self.project is None else self.project(x)

    @property
    def _forward(self):
        steps = self.steps

        def forward(layer, x):
            fields, step_sizes = layer
            sizes, _ = layer_sizes(steps, fields, step_sizes)
            for step, field, h in zip(steps, fields, sizes, strict=True):
                x = step(field, 0.0, x, h)
            return x

        return forward

    @property
    def _back(self):
        steps = self.steps

        def back(layer, y):
            fields, step_sizes = layer
            sizes, _ = layer_sizes(steps, fields, step_sizes)
            for step, field, h in reversed(list(zip(steps, fields, sizes, strict=True))):
                y = step.inverse(field, 0.0, y, h)  # type: ignore[attr-defined]
            return y

        return back

    def _check_invertible(self):
        for step in self.steps:
            if not step_info(step).invertible:
                raise ValueError(
                    f"{step_info(step).name} has no exact inverse; lie and strang have one"
                )

    def inverse(self, y):
        """`x` with `net(x) = y`, exact up to round-off, at the cost of the map.

        Raises `ValueError` when a step has no exact inverse or a projection drops components.
        """
        ends = (self.project, self.lift)
        undo = [_keep if end is None else end.undo for end in ends]
        if undo[0] is None or undo[1] is None:
            raise ValueError("a network that changes the dimension at its end has no inverse")
        self._check_invertible()
        y = scan_layers(self._back, (self.fields, self.step_sizes), undo[0](y), reverse=True)
        return undo[1](y)


def _keep(x):
    return x


def _check_depth(stack) -> int:
    depths = {leaf.shape[0] for leaf in jax.tree.leaves(eqx.filter(stack, eqx.is_array))}
    if len(depths) != 1:
        raise ValueError(f"all arrays have the depth as leading axis, got {sorted(depths)}")
    return depths.pop()


def flow_network(
    make_field: Callable | Sequence[Callable],
    depth: int,
    step: AbstractStep | Sequence[AbstractStep],
    h: float | AbstractStepSize | Sequence[float | AbstractStepSize],
    *,
    key: PRNGKeyArray,
    lift: AbstractResize | None = None,
    project: AbstractResize | None = None,
    memory: str = "all",
    require: Iterable[Tag] = (),
) -> FlowNetwork:
    """A `FlowNetwork` of `depth` equal layers with weights of their own.

    **Arguments:**

    - `make_field`: `make_field(key)` makes the field of one layer; several for several parts.
    - `step`: the step of all parts, or one for each; `h`: likewise a number (`FixedStepSize`) or a
      step_size.
    - the others: as `FlowNetwork`; `key` draws all weights.

    Raises `StructureLost` and `ValueError` as `FlowNetwork`, and for a depth below one.

    ```python
    >>> import jax, jax.numpy as jnp, jax.random as jr
    >>> from dynnets.fields import ShearField
    >>> from dynnets.structure import VOLUME
    >>> from dynnets.integrators import lie
    >>> from dynnets.networks import LearnedStepSize, flow_network
    >>> net = flow_network(
    ...     lambda key: ShearField(2, 1, 8, key=key), 5, lie, LearnedStepSize(0.5),
    ...     key=jr.key(0), require={VOLUME})
    >>> x = jnp.array([0.1, 0.2, 0.3])
    >>> bool(jnp.allclose(net.inverse(net(x)), x, atol=1e-5)), sorted(net.structure, key=str)
    (True, [REVERSIBLE, VOLUME])

    ```
    """
    makes = (make_field,) if callable(make_field) else tuple(make_field)
    steps = (step,) * len(makes) if isinstance(step, AbstractStep) else tuple(step)
    step_sizes = tuple(h) if isinstance(h, Sequence) else (h,) * len(makes)
    step_sizes = tuple(
        w if isinstance(w, AbstractStepSize) else FixedStepSize(w) for w in step_sizes
    )
    keys = jr.split(key, max(len(makes), 1))
    return FlowNetwork(
        tuple(stack_layers(make, depth, key=k) for make, k in zip(makes, keys, strict=True)),
        steps,
        tuple(repeat_layer(step_size, depth) for step_size in step_sizes),
        lift=lift,
        project=project,
        memory=memory,
        require=require,
    )
