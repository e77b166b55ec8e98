"""Losses of models that see films: evidence bounds, and reconstruction under a constraint."""

import math
from collections.abc import Hashable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float

from dynnets._core import check_positive, check_size
from dynnets.models import AbstractLatentModel, gaussian_kl, gaussian_log_density


def _features_first(films):
    """`(N, T, channels, rows, columns)` as `(T, channels, rows, columns, N)`."""
    if films.ndim != 5:
        raise ValueError(
            f"films must be (films, pictures, channels, rows, columns), got shape {films.shape}"
        )
    return jnp.moveaxis(films, 0, -1)


def _check_posterior(model) -> None:
    if not isinstance(model, AbstractLatentModel) or model.posterior is None:
        raise ValueError(
            f"{type(model).__name__} has no posterior of a code: train it by PixelMatching or a "
            "loss of states, or take HGN"
        )


def _draw(model, pictures, key):
    """A code from the posterior, its mean and its log-deviation."""
    mean, log_deviation = model.posterior(pictures)
    noise = jr.normal(key, mean.shape, mean.dtype)
    return mean + jnp.exp(log_deviation) * noise, mean, log_deviation


def _squared_error(model, states, pictures):
    """`|x - d(q)|^2` summed over each picture: `states (T, 2n, N)`, `(T, channels, ...)`."""
    decoded = model.decode(jnp.moveaxis(states, 0, 1))
    return jnp.sum((decoded - jnp.moveaxis(pictures, 0, 3)) ** 2, axis=(0, 1, 2))


def _states_around(model, s0, anchor: int, length: int):
    """States at all pictures of a film from the one at the picture `anchor`."""
    ahead = length - anchor
    after = model.states(s0, ahead) if ahead > 1 else s0[None]
    if anchor == 0:
        return after
    before = model.states(s0, anchor + 1, speed=-1.0)
    return jnp.concatenate([before[:0:-1], after])


class FilmLoss(eqx.Module):
    """Mean over pictures of the summed squared pixel error, plus `beta` KL for each film.

    With a normal pixel noise of variance `s^2` and `T` pictures the negative evidence bound of a
    film is `T / (2 s^2)` times this, up to a constant, where `beta = 2 s^2 / T`.

    **Arguments:**

    - `beta`: weight of the KL divergence of the posterior from the standard normal, positive.
    - `anchors`: pictures at which the encoder looks, parts of the batch in turn: from picture `a`
      the film is rolled ahead to its end and back to its beginning. `(0,)` is the published loss;
      an anchor near the end as well ties the states in which films end to those in which others
      begin, and `(0, 0, 0, a)` encodes a quarter of the batch there.
    - `decoded`: pictures that are decoded of each film, others for every film and update; by
      default all. Fewer make an update cheaper, and its expectation is the same.

    Call it with an `AbstractLatentModel` that has a `posterior`, such as `HGN`, films
    `(N, T, channels, rows, columns)` and a key. Cost: one encoder, `T - 1` steps and `decoded`
    decoders a film. Raises `ValueError` for a model without a posterior, a `beta` that is not
    positive, films of another rank or too short for the encoder at an anchor, and a batch smaller
    than the anchors.

    Source: Toth et al., Hamiltonian Generative Networks, ICLR 2020, arXiv:1909.13789.
    """

    beta: float = eqx.field(static=True, default=0.01)
    anchors: tuple[int, ...] = eqx.field(static=True, default=(0,))
    decoded: int | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        check_positive("beta", self.beta)
        if not self.anchors or any(a < 0 for a in self.anchors):
            raise ValueError(f"anchors are numbers of pictures from 0, got {self.anchors}")
        if self.decoded is not None:
            check_size("decoded", self.decoded)

    def terms(self, model, batch, *, key) -> tuple[Array, Array]:
        """The squared error of a picture and the KL of a film, means over the batch."""
        _check_posterior(model)
        films = _features_first(batch)
        length, seen, parts = films.shape[0], model.frames, len(self.anchors)
        if max(self.anchors) + seen > length or films.shape[-1] < parts:
            raise ValueError(
                f"anchors {self.anchors} need films of {max(self.anchors) + seen} pictures and a "
                f"batch of {parts}, got shape {batch.shape}"
            )
        code_key, pick_key = jr.split(key)
        errors, divergences = [], []
        for i, anchor in enumerate(self.anchors):
            part = films[..., i::parts]
            z, mean, log_deviation = _draw(model, part[anchor:], jr.fold_in(code_key, i))
            states = _states_around(model, model.initial_state(z), anchor, length)
            if self.decoded is not None:
                states, part = _chosen(self.decoded, states, part, jr.fold_in(pick_key, i))
            errors.append(jnp.mean(_squared_error(model, states, part)) / parts)
            divergences.append(jnp.mean(gaussian_kl(mean, log_deviation)) / parts)
        return sum(errors[1:], errors[0]), sum(divergences[1:], divergences[0])

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""
        error, divergence = self.terms(model, batch, key=key)
        return error + self.beta * divergence


def _chosen(decoded: int, states, pictures, key):
    """`decoded` pictures of each film, one in each of as many equal parts of it."""
    count, films = states.shape[0], states.shape[-1]
    part = jnp.arange(decoded, dtype=states.dtype)[:, None]
    where = part + jr.uniform(key, (decoded, films), states.dtype)
    index = jnp.minimum((where * count / decoded).astype(int), count - 1)
    take = lambda a: jnp.take_along_axis(  # noqa: E731
        a, index.reshape(decoded, *(1,) * (a.ndim - 2), films), axis=0
    )
    return take(states), take(pictures)


class Constrained(eqx.Module):
    """A model and the logarithm of the multiplier of its constraint, for `GECO`.

    **Arguments:** `model`: any; `multiplier`: where it starts, positive.
    """

    model: eqx.Module
    log_multiplier: Float[Array, "*members"]

    def __init__(self, model: eqx.Module, multiplier: float = 1.0):
        check_positive("multiplier", multiplier)
        dtype = jnp.result_type(*jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
        self.model, self.log_multiplier = model, jnp.asarray(math.log(multiplier), dtype)


_RANGE = (math.log(1e-10), math.log(1e10))


class GECO(eqx.Module):
    """`KL + lambda C`, `C` the mean squared pixel error less `tolerance^2`, under `C <= 0`.

    Instead of a weight, say how large the error of a pixel may be. The multiplier grows while the
    constraint is broken and shrinks where there is room: `log lambda` rises by `rate` times a
    moving average of `C` at every update, in `[1e-10, 1e10]`. Its gradient here is `-C`, the rest
    is the optimiser's, see `constrained_optimiser`:

        fit(Constrained(model), GECO(0.033), films, constrained_optimiser(optax.adam(1e-3)), ...)

    **Arguments:** `tolerance`: root of the mean squared error of a pixel to be reached, positive;
    `film`: how errors are measured, a `FilmLoss` whose `beta` is not used.

    Raises `ValueError` for a tolerance that is not positive, a model that is not `Constrained`,
    and as `FilmLoss`. Source: Rezende, Viola, Taming VAEs, arXiv:1810.00597.
    """

    tolerance: float = eqx.field(static=True)
    film: FilmLoss = FilmLoss()

    def __check_init__(self):
        check_positive("tolerance", self.tolerance)

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""
        if not isinstance(model, Constrained):
            raise ValueError(f"GECO trains Constrained(model), got {type(model).__name__}")
        error, divergence = self.film.terms(model.model, batch, key=key)
        constraint = error / math.prod(batch.shape[2:]) - self.tolerance**2
        free, (low, high) = model.log_multiplier, _RANGE
        held = jax.lax.stop_gradient(free)
        multiplier = jnp.exp(jnp.clip(held, low, high))
        # at an end of the range it may only move back
        outward = ((held >= high) & (constraint > 0)) | ((held <= low) & (constraint < 0))
        push = jax.lax.stop_gradient(jnp.where(outward, 0, constraint))
        rise = (held - free) * push  # zero in value: it only gives the multiplier its gradient
        return divergence + multiplier * constraint + rise


def _role(path, leaf) -> str:
    own = path[0] == jax.tree_util.GetAttrKey("log_multiplier")
    return "multiplier" if own else "model"


def constrained_optimiser(
    optimiser, *, rate: float = 0.1, average: float = 0.99
) -> optax.GradientTransformation:
    """`optimiser` for the model, and for the multiplier `rate` times a moving average.

    **Arguments:** `optimiser`: optax, of the weights; `rate`: positive; `average`: the part of
    the average that is kept at every update, in `[0, 1)`. Raises `ValueError` otherwise.

    ```python
    >>> import jax.random as jr, optax
    >>> from dynnets.losses import Constrained, constrained_optimiser
    >>> from dynnets.nn import MLP
    >>> held = Constrained(MLP(2, 1, 4, 1, key=jr.key(0)), multiplier=2.0)
    >>> state = constrained_optimiser(optax.adam(1e-3)).init(held)
    >>> round(float(held.log_multiplier), 3)
    0.693

    ```
    """
    check_positive("rate", rate)
    if not 0 <= average < 1:
        raise ValueError(f"average must lie in [0, 1), got {average}")
    parts: dict[Hashable, optax.GradientTransformation]
    parts = {"model": optimiser, "multiplier": optax.chain(optax.ema(average), optax.scale(-rate))}
    return optax.partition(parts, lambda p: jax.tree_util.tree_map_with_path(_role, p))


def film_evidence(
    model, films, *, deviation: float, samples: int = 1, key
) -> Float[Array, " films"]:
    """A lower bound of `log p(film)` in nats for each film, under normal pixel noise.

    `log mean_k p(x | z_k) p(z_k) / q(z_k | x)` with `z_k` from the posterior `q`: its expectation
    is the evidence bound (ELBO) for one sample, rises with their number (Burda et al., ICLR 2016)
    and is `log p(film)` itself where `q` is the exact posterior.

    **Arguments:** `model`: an `AbstractLatentModel` with a `posterior`; `films`:
    `(N, T, channels, rows, columns)`; `deviation`: of the pixel noise, positive; `samples`: codes
    for each film; `key`: draws them. Cost: one encoder and `samples` roll-outs, decoded, for each
    film. Raises `ValueError` as `FilmLoss`.
    """
    _check_posterior(model)
    check_positive("deviation", deviation)
    check_size("samples", samples)
    pictures = _features_first(films)
    per_film = math.prod(films.shape[1:])

    def weight(key):
        z, mean, log_deviation = _draw(model, pictures, key)
        states = model.states(model.initial_state(z), pictures.shape[0])
        error = jnp.sum(_squared_error(model, states, pictures), axis=0)
        fit = -error / (2 * deviation**2) - per_film * math.log(2 * math.pi * deviation**2) / 2
        prior = gaussian_log_density(z, jnp.zeros_like(z), jnp.zeros_like(z))
        return fit + prior - gaussian_log_density(z, mean, log_deviation)

    weights = jax.lax.map(weight, jr.split(key, samples))
    return jax.nn.logsumexp(weights, axis=0) - math.log(samples)
