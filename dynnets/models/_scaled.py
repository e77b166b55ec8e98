"""Models trained on normalised data, in the units of the record."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import SYMPLECTIC, Bound, Tag, constant_field, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField, input_at

from ._abstract import AbstractModel


def _rows(values, x):
    """`values (d,)` shaped to act on `x (d, ...)`."""
    return values.reshape(values.shape + (1,) * (x.ndim - 1))


class Units(eqx.Module):
    """Origin and size of every quantity: `x = centre + scale * x'`, `t = time * t'`.

    **Arguments:** `centre`, `scale`: `(d,)`, scales positive; `time`: a scalar; `input_centre`,
    `input_scale`: `(m,)`, or `None` without input. A change of units that multiplies every pair
    `(q_i, p_i)` by the same area, `scale[i] * scale[n + i]`, keeps every structure tag.
    """

    centre: Float[Array, " d"] = constant_field()
    scale: Float[Array, " d"] = constant_field()
    time: Float[Array, ""] = constant_field()
    input_centre: Float[Array, " m"] | None = constant_field(default=None)
    input_scale: Float[Array, " m"] | None = constant_field(default=None)

    def normalise(self, x):
        """From the record's units."""
        return (x - _rows(self.centre, x)) / _rows(self.scale, x)

    def restore(self, x):
        """To the record's units."""
        return _rows(self.centre, x) + _rows(self.scale, x) * x

    def normalise_input(self, u):
        """The input from the record's units; `None` stays `None`."""
        if u is None:
            return None
        return (u - _rows(self.input_centre, u)) / _rows(self.input_scale, u)


class _ScaledEnergy(AbstractEnergy):
    inner: AbstractEnergy
    units: Units

    @property
    def _unit(self):
        # The size of q_1 p_1 / t, the unit in which J grad H gives the record's rates.
        scale = self.units.scale
        return scale[0] * scale[scale.shape[0] // 2] / self.units.time

    def __call__(self, t, x):
        return self._unit * self.inner(t / self.units.time, self.units.normalise(x))

    def gradient(self, t, x):
        inner = self.inner.gradient(t / self.units.time, self.units.normalise(x))
        return self._unit * inner / _rows(self.units.scale, x)


class _ScaledField(AbstractField):
    inner: AbstractField
    units: Units

    @property
    def structure(self) -> frozenset[Tag]:
        return self.inner.structure

    @property
    def energy(self):
        inner = self.inner.energy
        return None if inner is None else _ScaledEnergy(inner, self.units)

    @property
    def input_dim(self) -> int:
        return self.inner.input_dim

    def _half(self, part, which, t, half, args):
        centre = split_phase(self.units.centre)
        scale = split_phase(self.units.scale)
        inner = (half - _rows(centre[which], half)) / _rows(scale[which], half)
        u = self.units.normalise_input(input_at(t, args))
        rate = part(t / self.units.time, inner, u)
        return _rows(scale[1 - which], half) * rate / self.units.time

    # Properties, so that a field offers these parts exactly when the one inside does.
    @property
    def kick(self):
        part = self.inner.kick
        return None if part is None else lambda t, q, args=None: self._half(part, 0, t, q, args)

    @property
    def drift(self):
        part = self.inner.drift
        return None if part is None else lambda t, p, args=None: self._half(part, 1, t, p, args)

    def __call__(self, t, x, args=None):
        u = self.units.normalise_input(input_at(t, args))
        rate = self.inner(t / self.units.time, self.units.normalise(x), u)
        return _rows(self.units.scale, x) * rate / self.units.time

    def bounds(self) -> tuple[Bound, ...]:
        """Those of the field inside, which speak of its own units."""
        return tuple(
            bound._replace(statement=f"{bound.statement}, in the units that it was trained in")
            for bound in self.inner.bounds()
        )


class ScaledModel(AbstractModel):
    """A model of normalised states that speaks the record's units.

    **Arguments:** `inner`: trained on `units.normalise(x)` at times `t / units.time`; `units`.
    The field, the energy, the damping and the forecasts are those of the record's units; the
    structure is that of the model inside, because `units` scales all pairs `(q_i, p_i)` by the
    same area. Raises `ValueError` for a symplectic model in units that do not.
    """

    inner: AbstractModel
    units: Units

    def __check_init__(self):
        scale = self.units.scale
        if SYMPLECTIC not in self.inner.field.structure or isinstance(scale, jax.core.Tracer):
            return
        areas = jnp.prod(jnp.stack(split_phase(scale)), axis=0)
        if not bool(jnp.allclose(areas, areas[0], rtol=1e-4)):
            raise ValueError(f"units of a symplectic model scale every pair alike, got {areas}")

    @property
    def field(self) -> AbstractField:
        """The field in the record's units."""
        return _ScaledField(self.inner.field, self.units)

    @property
    def energy(self) -> AbstractEnergy | None:
        """The energy in the units in which `J grad H` gives the record's rates."""
        inner = self.inner.energy
        return None if inner is None else _ScaledEnergy(inner, self.units)

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
        """What the forecast map keeps."""
        return self.inner.structure

    def predict(self, x0, ts, args=None):
        """Forecast from `x0: (d,)` at `ts[0]`: states at `ts: (n,)`, shape `(n, d)`.

        `args`: `None`, an input held constant `(m,)`, or its values at `ts`, `(n, m)`.
        """
        units = self.units
        if args is not None:
            values = jnp.asarray(args)
            args = (
                (values - units.input_centre) / units.input_scale
                if values.ndim == 1
                else ((values - units.input_centre[None]) / units.input_scale[None])
            )
        inner = self.inner.predict(units.normalise(x0), ts / units.time, args)
        return units.centre[None] + units.scale[None] * inner
