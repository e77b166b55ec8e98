"""Layers that are symplectic for all weights: exact flows of energies whose flow is a shear.

Every layer maps the halves `(q, p)` of a state over a step `h`, is the identity at `h = 0` bit for
bit, and has an inverse in closed form. `low` names the half that moves: `p` ("up") or `q` ("low").
Halves are `(n,)` or features-first `(n, N)`, `h` a scalar or, beside a batch, `(1, N)`.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets.energies import MLPEnergy, TimePotential
from dynnets.linear import symmetric
from dynnets.nn import activate, affine


def _column(values, x):
    """`values (n,)` shaped to act on `x (n, ...)`."""
    return values.reshape(values.shape + (1,) * (x.ndim - 1))


class AbstractSymplecticLayer(eqx.Module):
    """A symplectic map of `(q, p)` for all weights, with an exact inverse, the identity at `h = 0`.

    `c`: parameters or conserved coordinates that the layer may read, or `None`; they pass
    unchanged. `low`: whether the layer stands at an odd place, where the halves swap their roles.
    """

    @property
    def parameters(self) -> int:
        """The size of `c`; 0 for a layer that reads none."""
        return 0

    @abc.abstractmethod
    def forward(self, h, q, p, c, low: bool) -> tuple[Array, Array]:
        """`(q, p)` after the layer."""

    @abc.abstractmethod
    def inverse(self, h, q, p, c, low: bool) -> tuple[Array, Array]:
        """`(q, p)` before the layer."""


class AbstractShearLayer(AbstractSymplecticLayer):
    """One half moves by `h` times a gradient in the other: `p += h g(q)`, or `q += h g(p)`."""

    @abc.abstractmethod
    def push(self, h, kept, c, low: bool) -> Array:
        """What the moving half gains: a function of the other half with a symmetric Jacobian."""

    def forward(self, h, q, p, c, low):
        """Adds the push."""
        if low:
            return q + self.push(h, p, c, low), p
        return q, p + self.push(h, q, c, low)

    def inverse(self, h, q, p, c, low):
        """Takes it off again: the half that it depends on did not move."""
        if low:
            return q - self.push(h, p, c, low), p
        return q, p - self.push(h, q, c, low)


class LinearLayer(AbstractSymplecticLayer):
    """`p += h (S_1 + S_1^T) q`, `q += h (S_2 + S_2^T) p`, ..., then `(q, p) += h (b_q, b_p)`.

    `matrices`: `S (m, n, n)`, `m` sub-layers in turn, the first on `p` wherever the layer stands;
    `bias`: `(2, n)`. Five sub-layers reach every symplectic matrix.
    """

    matrices: Float[Array, "*depth m n n"]
    bias: Float[Array, "*depth 2 n"]

    def _turns(self):
        return enumerate(symmetric(self.matrices))

    def forward(self, h, q, p, c, low):
        """The sub-layers, then the shift."""
        for i, matrix in self._turns():
            if i % 2:
                q = q + h * affine(matrix, None, p)
            else:
                p = p + h * affine(matrix, None, q)
        return q + h * _column(self.bias[0], q), p + h * _column(self.bias[1], p)

    def inverse(self, h, q, p, c, low):
        """The shift and the sub-layers undone, the last first."""
        q, p = q - h * _column(self.bias[0], q), p - h * _column(self.bias[1], p)
        for i, matrix in reversed(list(self._turns())):
            if i % 2:
                q = q - h * affine(matrix, None, p)
            else:
                p = p - h * affine(matrix, None, q)
        return q, p


class ActivationLayer(AbstractShearLayer):
    """`p += h a s(q)` or `q += h a s(p)`, elementwise: `a (n,)`, `s` one of `ACTIVATIONS`."""

    scale: Float[Array, "*depth n"]
    activation: str = eqx.field(static=True)

    def push(self, h, kept, c, low):
        """`h a s(kept)`."""
        return h * (_column(self.scale, kept) * activate(self.activation, kept))


class LinearActivationLayer(AbstractSymplecticLayer):
    """A `LinearLayer`, then an `ActivationLayer`: what LA-SympNets are made of."""

    linear: LinearLayer
    shear: ActivationLayer

    def forward(self, h, q, p, c, low):
        """Linear part first."""
        return self.shear.forward(h, *self.linear.forward(h, q, p, c, low), c, low)

    def inverse(self, h, q, p, c, low):
        """Linear part last."""
        return self.linear.inverse(h, *self.shear.inverse(h, q, p, c, low), c, low)


class GradientLayer(AbstractShearLayer):
    """`p += h K^T diag(a) s(K q + C c + b)`, or the same with `q` and `p` exchanged.

    `weight`: `K (l, n)`; `scale`: `a (l,)`; `bias`: `b (l,)`; `mixing`: `C (l, m)` of the
    parameters or conserved coordinates `c (m,)`, or `None` for none.
    """

    weight: Float[Array, "*depth l n"]
    scale: Float[Array, "*depth l"]
    bias: Float[Array, "*depth l"]
    mixing: Float[Array, "*depth l m"] | None
    activation: str = eqx.field(static=True)

    @property
    def parameters(self):
        """`m`."""
        return 0 if self.mixing is None else self.mixing.shape[-1]

    def push(self, h, kept, c, low):
        """`h K^T diag(a) s(K kept + C c + b)`."""
        z = affine(self.weight, self.bias, kept)
        z = z if self.mixing is None else z + affine(self.mixing, None, c)
        outer = _column(self.scale, z) * activate(self.activation, z)
        return h * affine(self.weight.T, None, outer)


class TimeShearLayer(AbstractShearLayer):
    """`p -= grad V(h, q) - grad V(0, q)`, `q += grad V(h, p) - grad V(0, p)`: SympFlow's block.

    The exact flow of the energy `dV/dt(t, .)` over the time `h`, for a learned `V(t, q)`: nonlinear
    in `h`, where the other layers are linear in it.
    """

    potential: TimePotential

    def push(self, h, kept, c, low):
        """Plus or minus the impulse."""
        times = jnp.reshape(h, kept.shape[1:]) if jnp.ndim(h) else h
        impulse, _ = self.potential.impulse(times, kept)
        return impulse if low else -impulse


class AbstractRidgeLayer(AbstractSymplecticLayer):
    """The exact flow of `H(x) = g(A^T q + B^T p)` with `A^T B` symmetric, so that the argument
    stays as it is: `q += h B grad g`, `p -= h A grad g`.
    """

    @abc.abstractmethod
    def frame(self, low: bool) -> tuple[Array, Array]:
        """`(A, B)`, each `(n, k)`, with `A^T B` symmetric."""

    @abc.abstractmethod
    def gradient(self, z) -> Array:
        """`grad g(z)`, `z: (k,)` or `(k, N)`."""

    def forward(self, h, q, p, c, low):
        """A step of `h`."""
        first, second = self.frame(low)
        z = affine(first.T, None, q) + affine(second.T, None, p)
        slope = h * self.gradient(z)
        return q + affine(second, None, slope), p - affine(first, None, slope)

    def inverse(self, h, q, p, c, low):
        """A step of `-h`."""
        return self.forward(-h, q, p, c, low)


class AbstractDirectionLayer(AbstractRidgeLayer):
    """A ridge layer of one argument, `w . x` along a learned direction `w (2, n)`."""

    direction: eqx.AbstractVar[Float[Array, "*depth 2 n"]]

    def frame(self, low):
        """The two halves of `w`: for `q` and for `p`."""
        return self.direction[0][:, None], self.direction[1][:, None]


class PolynomialRidgeLayer(AbstractDirectionLayer):
    """The flow of `H(x) = sum_k a_k (w . x)^k`, `k = least, least + 1, ...`: polynomial in `x`.

    `direction`: `w (2, n)`, for `q` and for `p`; `coefficients`: `a`.
    """

    direction: Float[Array, "*depth 2 n"]
    coefficients: Float[Array, "*depth k"]
    least: int = eqx.field(static=True)

    def gradient(self, z):
        """`sum_k k a_k z^(k-1)` by Horner's rule."""
        degrees = range(self.least, self.least + self.coefficients.shape[0])
        value = jnp.zeros_like(z)
        for k, coefficient in reversed(list(zip(degrees, self.coefficients, strict=True))):
            value = value * z + k * coefficient
        return value * z ** (self.least - 1)


class RidgeLayer(AbstractDirectionLayer):
    """The flow of `H(x) = g(w . x)` with `g'(z) = sum_j a_j s(k_j z + b_j)`, a net of one number.

    `direction`: `w (2, n)`, for `q` and for `p`; `weight`, `bias`, `scale`: `k, b, a (l,)`.
    """

    direction: Float[Array, "*depth 2 n"]
    weight: Float[Array, "*depth l"]
    bias: Float[Array, "*depth l"]
    scale: Float[Array, "*depth l"]
    activation: str = eqx.field(static=True)

    def gradient(self, z):
        """`g'(z)`."""
        hidden = activate(self.activation, affine(self.weight[:, None], self.bias, z))
        return affine(self.scale[None], None, hidden)


class GradientRidgeLayer(AbstractRidgeLayer):
    """The flow of `H(x) = g(A^T q + B^T p)` with a net `g` of `n` numbers.

    `A = I + S_1 S_2`, `B = S_2 + S_3 A` with `S_i = M_i + M_i^T` are the first columns of a
    product of shears, so `A^T B` is symmetric for all weights; at odd places `A` and `B` change
    roles. `matrices`: `M (3, n, n)`; `energy`: `g`.
    """

    matrices: Float[Array, "*depth 3 n n"]
    energy: MLPEnergy

    def frame(self, low):
        """`(A, B)`, or `(B, A)`."""
        one, two, three = symmetric(self.matrices)
        first = jnp.eye(one.shape[0], dtype=one.dtype) + one @ two
        second = two + three @ first
        return (second, first) if low else (first, second)

    def gradient(self, z):
        """`grad g(z)`."""
        return self.energy.gradient(0.0, z)


class HenonLayer(AbstractSymplecticLayer):
    """Henon's map `(q, p) -> (p + h b, -q + h grad V(p))`, four times: a HenonNet's layer.

    Four maps, since at `h = 0` one of them is a quarter turn. `potential`: `V`, a net of `n`
    numbers; `shift`: `b (n,)`.
    """

    potential: MLPEnergy
    shift: Float[Array, "*depth n"]

    def forward(self, h, q, p, c, low):
        """Four maps."""
        for _ in range(4):
            push = h * self.potential.gradient(0.0, p)
            q, p = p + h * _column(self.shift, p), push - q
        return q, p

    def inverse(self, h, q, p, c, low):
        """Four maps back."""
        for _ in range(4):
            p, last = q - h * _column(self.shift, q), p
            q = h * self.potential.gradient(0.0, p) - last
        return q, p
