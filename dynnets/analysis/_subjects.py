"""What a certificate measures of a field, of a network and of a model, and in which units."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import DISSIPATIVE, ENERGY, Tag
from dynnets.fields import AbstractField
from dynnets.models import AbstractFlow, AbstractModel
from dynnets.networks import AbstractNetwork
from dynnets.structure import structure_of

from ._findings import (
    OF_THE_RECORD,
    finite_findings,
    flow_findings,
    forecast_findings,
    map_findings,
    measured_only,
    power_finding,
    step_findings,
)
from ._sampled import Finding, is_decidable, rounding_of, undecidable


def step_tags(model: AbstractModel) -> frozenset[Tag]:
    """What the model's step keeps, on pairs of states where it acts on them."""
    if model.step is not None and model.step.on_pair is not None:
        return structure_of(model.step, model.field)
    return model.structure


def _zero_input(field: AbstractField, dtype):
    """No input, as zeros for the fields that must be given one."""
    return jnp.zeros(field.input_dim, dtype) if field.input_dim else None


def field_findings(field: AbstractField, xs: Float[Array, " n *state"]) -> list[Finding]:
    """The infinitesimal statement of every tag that a bare field claims."""
    eps, args = rounding_of(field, xs), _zero_input(field, xs.dtype)
    if not is_decidable(eps):
        values = finite_findings(eqx.Partial(_rate, field, args), xs, "the field")
        return [undecidable(eps), *values]
    return flow_findings(field, field.structure, xs, args)


def _rate(field, args, x):
    return field(0.0, x, args)


def network_findings(net: AbstractNetwork, xs: Float[Array, " n *state"]) -> list[Finding]:
    """The defect of every tag that a network claims, of its inverse, and of some others."""
    eps = rounding_of(net, xs)
    if not is_decidable(eps):
        return [undecidable(eps), *finite_findings(net, xs, "the map")]
    return map_findings(net, net.inverse, net.structure, xs, eps, "the map")


class _View(NamedTuple):
    """A model with states, a time and an input in its own units."""

    model: AbstractModel
    xs: Array
    h: float
    args: Any


def _in_units_of_training(view: _View) -> _View:
    """The innermost model: where all components of a state are of one size."""
    model, xs, h, args = view
    while model.inner is not None:
        units = model.units
        xs, h = units.normalise(xs.T).T, h / float(units.time)
        model, args = model.inner, units.normalise_input(args)
    return _View(model, xs, h, args)


def _flow_tags(model: AbstractModel) -> frozenset[Tag]:
    return frozenset() if model.field is None else model.field.structure


def model_findings(model, xs, h, steps, energies) -> list[Finding]:
    """Everything sampled of a model: its field, its step or flow, its energy, its forecasts.

    Claims are those of the model as it is given. Of one in other units than those of its training,
    tags of the numbers themselves (`OF_THE_RECORD`) are measured as it is, all others in the units
    of its training.
    """
    eps = rounding_of(model, xs)
    if not is_decidable(eps):
        return [undecidable(eps)]
    flow, kept = _flow_tags(model), step_tags(model)
    args = None if model.field is None else _zero_input(model.field, xs.dtype)
    record = _View(model, xs, h, args)
    training = _in_units_of_training(record)
    plain = OF_THE_RECORD if training.model is not model else frozenset()
    findings = _view_findings(training, flow - plain, kept - plain)
    findings += _power_findings(training, flow)
    if (flow | kept) & plain:
        findings += _view_findings(record, flow & plain, kept & plain)
    named = {} if model.energy is None else {"model's": model.energy}
    return findings + forecast_findings(model, {**named, **energies}, xs, h, steps, args)


def _power_findings(view: _View, flow) -> list[Finding]:
    """The power that the energy takes in, where the field makes no claim about it."""
    model = view.model
    if model.field is None or model.energy is None or {ENERGY, DISSIPATIVE} & flow:
        return []
    return [power_finding(model.field, model.energy, view.xs, view.args)]


def _view_findings(view: _View, flow, kept) -> list[Finding]:
    """The claimed tags of the exact flow and of the forecast map, and some that nobody claims."""
    model, xs, h, args = view
    findings = flow_findings(model.field, flow, xs, args) if flow else []
    if model.step is not None:
        extra = measured_only(flow | kept, kept, xs.shape[1:])
        size = h / model.substeps
        return findings + step_findings(model.step, model.field, kept, extra, xs, size, args)
    return findings + (_map_of_time_findings(model, kept, xs, h) if kept else [])


def _map_of_time_findings(model, kept, xs, h) -> list[Finding]:
    """A flow that is a map of time, at one time that it serves without composition."""
    h = min(h, model.dt) if isinstance(model, AbstractFlow) else h
    time, eps = jnp.asarray(h, xs.dtype), rounding_of(model, xs)
    there = eqx.Partial(_after, model, time)
    back = None if model.inverse is None else eqx.Partial(_before, model, time)
    return map_findings(there, back, kept, xs, eps, f"the map of {h:.6g}")


def _after(model, time, x):
    return model.predict(x, jnp.stack([jnp.zeros_like(time), time]))[-1]


def _before(model, time, x):
    return model.inverse(time, x)
