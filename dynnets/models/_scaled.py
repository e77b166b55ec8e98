"""Models trained on normalised data, in the units of the record."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import Tag, constant_field, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField, input_at
from dynnets.structure import AffineChange, surviving

from ._abstract import AbstractModel


def _rows(values, x):
    """`values (d,)` shaped to act on `x (d, ...)`."""
    return values.reshape(values.shape + (1,) * (x.ndim - 1))


class Units(eqx.Module):
    """Origin and size of every quantity: `x = centre + scale * x'`, `t = time * t'`.

    **Arguments:** `centre`, `scale`: `(d,)`, scales positive; `time`: a scalar; `input_centre`,
    `input_scale`: `(m,)`, or `None` without input. Which properties outlive the change is asked
    of `change`.
    """

    centre: Float[Array, " d"] = constant_field()
    scale: Float[Array, " d"] = constant_field()
    time: Float[Array, ""] = constant_field()
    input_centre: Float[Array, " m"] | None = constant_field(default=None)
    input_scale: Float[Array, " m"] | None = constant_field(default=None)

    @property
    def change(self) -> AffineChange:
        """The change of units as the structure algebra asks it."""
        return AffineChange(self.scale, self.centre, self.input_centre)

    def normalise(self, x):
        """From the record's units."""
        return (x - _rows(self.centre, x)) / _rows(self.scale, x)

    def restore(self, x):
        """To the record's units."""
        return _rows(self.centre, x) + _rows(self.scale, x) * x

    def normalise_input(self, u) -> Any:
        """The input from the record's units; `None` stays `None`."""
        if u is None:
            return None
        return (u - _rows(self.input_centre, u)) / _rows(self.input_scale, u)


class ScaledEnergy(AbstractEnergy):
    """The energy of a model in other units: `e H(t / time, normalise(x))`.

    `e` is the area of the first pair `(q_1, p_1)` over the unit of time: the unit in which
    `J grad H` gives the record's rates, where all pairs have one area.

    **Arguments:** `inner`: the energy in the units of training; `units`.
    """

    inner: AbstractEnergy
    units: Units

    @property
    def autonomous(self):
        """Whether the energy inside is."""
        return self.inner.autonomous

    @property
    def quadratic(self):
        """Whether the energy inside is: an affine change of the state keeps the degree."""
        return self.inner.quadratic

    @property
    def convex(self):
        """Whether the energy inside is: an affine change of the state keeps it so."""
        return self.inner.convex

    @property
    def unit(self):
        """The unit of energy."""
        scale = self.units.scale
        return scale[0] * scale[scale.shape[0] // 2] / self.units.time

    def __call__(self, t, x):
        """`e H(t / time, normalise(x))`."""
        return self.unit * self.inner(t / self.units.time, self.units.normalise(x))

    def gradient(self, t, x):
        """By the chain rule: one gradient of the energy inside."""
        inner = self.inner.gradient(t / self.units.time, self.units.normalise(x))
        return self.unit * inner / _rows(self.units.scale, x)


class ScaledField(AbstractField):
    """A field in other units: `f(t, x, u) = scale f'(t / time, normalise(x), u') / time`.

    Preserves what the field inside does, as far as it outlives the change of units: see `survives`
    of the tags' rows. Offers the parts that the field inside offers, in the units outside:
    `kick`, `drift`, `flows`, `propagate`, `energy`, `apply_structure`, `matrix`, `momentum`.

    **Arguments:** `inner`: the field in the units of training; `units`.
    """

    inner: AbstractField
    units: Units

    @property
    def features_first(self):  # pyrefly: ignore[bad-override]
        """Whether the field inside takes a batch `(d, N)` as one expression."""
        return self.inner.features_first

    @property
    def structure(self) -> frozenset[Tag]:
        """The tags of the field inside that outlive the change of units."""
        return surviving(self.inner.structure, self.units.change)

    @property
    def input_dim(self) -> int:
        """The size of the input, as inside."""
        return self.inner.input_dim

    @property
    def energy(self):
        """The energy in the units outside, `None` where there is none inside."""
        inner = self.inner.energy
        return None if inner is None else ScaledEnergy(inner, self.units)

    @property
    def kick(self):
        """The kick in the units outside, `None` where there is none inside."""
        return self._half(self.inner.kick, 0)

    @property
    def drift(self):
        """The drift in the units outside, `None` where there is none inside."""
        return self._half(self.inner.drift, 1)

    def _half(self, part, which):
        if part is None:
            return None

        def half(t, known, args=None):
            centre, scale = split_phase(self.units.centre), split_phase(self.units.scale)
            inner = (known - _rows(centre[which], known)) / _rows(scale[which], known)
            u = self.units.normalise_input(input_at(t, args))
            rate = part(t / self.units.time, inner, u)
            return _rows(scale[1 - which], known) * rate / self.units.time

        return half

    @property
    def flows(self):
        """The exact flows in the units outside, `None` where there are none inside."""
        inner = self.inner.flows
        return None if inner is None else tuple(self._flow(flow) for flow in inner)

    def _flow(self, inner):
        units = self.units

        def flow(t, x, h, args=None):
            u = units.normalise_input(input_at(t, args))
            return units.restore(inner(t / units.time, units.normalise(x), h / units.time, u))

        return flow

    @property
    def propagate(self):
        """The field's own exact flow in the units outside, `None` where there is none inside."""
        inner = self.inner.propagate
        return None if inner is None else self._flow(inner)

    @property
    def matrix(self):
        """`S B S / (e time)` for the Poisson matrix `B` inside, `S` the scales, `e` of energy."""
        inner = self.inner.matrix
        if inner is None or self.energy is None:
            return None
        scale = self.units.scale
        return scale[:, None] * inner * scale[None] / (self.energy.unit * self.units.time)

    @property
    def momentum(self):
        """The total momentum inside, as a function of the state outside."""
        inner = self.inner.momentum
        return None if inner is None else lambda x: inner(self.units.normalise(x))

    @property
    def apply_structure(self):
        """The field as a function of the gradient of its energy, where the one inside is."""
        inner = self.inner.apply_structure
        if inner is None or self.energy is None:
            return None
        units = self.units

        def apply(t, x, gradient, args=None):
            u = units.normalise_input(input_at(t, args))
            slope = gradient * _rows(units.scale, x) / self.energy.unit
            rate = inner(t / units.time, units.normalise(x), slope, u)
            return _rows(units.scale, x) * rate / units.time

        return apply

    def bounds(self):
        """Those of the field inside, which speak of the units that it was trained in."""
        note = ", in the units that it was trained in"
        return tuple(b._replace(statement=b.statement + note) for b in self.inner.bounds())

    def __call__(self, t, x, args=None):
        """`scale f'(t / time, normalise(x), u') / time`."""
        u = self.units.normalise_input(input_at(t, args))
        rate = self.inner(t / self.units.time, self.units.normalise(x), u)
        return _rows(self.units.scale, x) * rate / self.units.time


class ScaledModel(AbstractModel):
    """A model of normalised states that speaks the record's units.

    **Arguments:** `inner`: trained on `units.normalise(x)` at times `t / units.time`; `units`.
    The field, the energy, the damping and the forecasts are those of the record's units.

    Preserves what the model inside does, as far as it outlives the change of units: volume and
    reversibility always, the symplectic form if all pairs `(q_i, p_i)` have one area, norms, sums
    and distances if all components have one size, and so on (`survives` of the tags' rows).
    """

    inner: AbstractModel
    units: Units

    @property
    def field(self) -> AbstractField | None:
        """The field in the record's units; `None` for a flow, which has none."""
        inner = self.inner.field
        return None if inner is None else ScaledField(inner, self.units)

    @property
    def energy(self) -> AbstractEnergy | None:
        """The energy in the units in which `J grad H` gives the record's rates."""
        inner = self.inner.energy
        return None if inner is None else ScaledEnergy(inner, self.units)

    @property
    def step(self):
        """The step of the model inside."""
        return self.inner.step

    @property
    def substeps(self) -> int:
        """Steps between two times of a forecast."""
        return self.inner.substeps

    @property
    def structure(self) -> frozenset[Tag]:
        """What the forecast map keeps in the record's units."""
        return surviving(self.inner.structure, self.units.change)

    def predict(self, x0, ts, args=None):
        """Forecast from `x0: (d,)` at `ts[0]`: states at `ts: (n,)`, shape `(n, d)`.

        `args`: `None`, an input held constant `(m,)`, or its values at `ts`, `(n, m)`.
        """
        units = self.units
        if args is not None:
            args = jnp.asarray(args)
            if units.input_centre is None or units.input_scale is None:
                raise ValueError(f"this model has no units of an input, got one of {args.shape}")
            rows = (None,) * (args.ndim - 1)
            args = (args - units.input_centre[rows]) / units.input_scale[rows]
        inner = self.inner.predict(units.normalise(x0), ts / units.time, args)
        return units.centre[None] + units.scale[None] * inner
