"""The loss of models that see pictures: reconstruction, latent momenta, latent dynamics."""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from dynnets._core import check_positive, split_phase
from dynnets.integrators import RungeKutta


class PixelMatching(eqx.Module):
    """`|o - decode(z)|^2 + (|z_p - (z_q' - z_q) / h|^2 + w |z' - step(f, z, h)|^2) / s`, means.

    `o` is a pair of consecutive pictures, `z = (z_q, z_p) = encode(o)` its latent state and `z'`
    that of the pair one picture later, the time `h` on. The second term makes `z_p` the velocity
    of `z_q`, the third trains the latent field `f`.

    **Arguments:**

    - `step`: one of `dynnets.integrators`; by default the explicit Euler step, as published. It is
      consistent with the second term only for a field that loses energy (for an oscillator
      `z_q'' = -w^2 z_q` the exact one, `(z_p, -w^2 (z_q + z_p))`, has the divergence `-w^2`):
      fields without structure then learn a friction that the data do not have. A step of higher
      order has no such bias.
    - `weight`: `w`, positive.
    - `interval`: `h`, the time between two pictures, positive; 1 as published. Where the motion
      is slow against it, momenta and their changes are small, and a net with weights of order
      one stays close to no motion at all for a long time; a unit of time in which the motion
      turns by about one radian cures that.
    - `relative`: `s` is the variance of the codes in the batch, else 1 as published. The last two
      terms shrink with the codes while the decoder can make up for it, so with `s = 1` codes
      shrink and the field learns to stand still: then forecasts conserve any energy, and only
      their pictures show it.

    Call it with a model that has `encode`, `decode` and a latent `field` (`PixelHNN`) and a batch
    of films `(N, T, rows, columns)`, `T >= 3`; all pairs of a film count, the last in `z'` only.
    Cost: `T - 1` encoders, `T - 2` decoders and steps per film.
    Raises `ValueError` for films of fewer than three pictures and a weight that is not positive.

    Source: S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian Neural Networks, NeurIPS 2019,
    section 5 and its code (mean squares over samples and components; the paper prints the second
    term with the other sign).
    """

    step: Callable = RungeKutta(diffrax.Euler())
    weight: float = eqx.field(static=True, default=0.1)
    interval: float = eqx.field(static=True, default=1.0)
    relative: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_positive("weight", self.weight)
        check_positive("interval", self.interval)

    def __call__(self, model, batch, *, key=None):
        """The loss, a scalar; `key` is not used."""
        if batch.ndim != 4 or batch.shape[1] < 3:
            raise ValueError(
                f"films must be (N, T, rows, columns) with T >= 3 pictures, got {batch.shape}"
            )
        pairs = jnp.stack([batch[:, :-1], batch[:, 1:]], axis=2)
        z = jax.vmap(jax.vmap(model.encode))(pairs)
        now, after = z[:, :-1], z[:, 1:]
        pictures = jax.vmap(jax.vmap(model.decode))(now)
        field = model.field
        moved = jax.vmap(jax.vmap(lambda x: self.step(field, 0.0, x, self.interval)))(now)
        q, p = split_phase(jnp.moveaxis(now, -1, 0))
        next_q, _ = split_phase(jnp.moveaxis(after, -1, 0))
        velocities = jnp.mean((p - (next_q - q) / self.interval) ** 2)
        motion = jnp.mean((moved - after) ** 2)
        size = jnp.mean(jnp.var(now, axis=(0, 1))) if self.relative else 1.0
        return (
            jnp.mean((pictures - pairs[:, :-1]) ** 2) + (velocities + self.weight * motion) / size
        )
