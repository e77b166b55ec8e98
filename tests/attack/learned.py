"""Random models: every class with a cheap constructor, other units, loaded and edited."""

import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from dynnets import energies as E, fields as F, integrators as I, models as M, networks as N
from dynnets.training import load_model, save_model

from .families import SCALES, draw_family, key_of, pick, scaled, states
from .steps import SPLITTINGS, draw_step


def _skew(key):
    matrix = jr.normal(key, (4, 4))
    return matrix - matrix.T


def _implicit(rng):
    return pick(rng, (I.ImplicitMidpoint(), I.Gonzalez(), I.MeanValue(2), I.Gauss(2), I.rk4))


def _pairwise(rng):
    key = key_of(rng)
    law = E.CorrectedPowerLaw(E.PowerLaw(jnp.array(1.0), jnp.array(2.0)), 0.1, 9.0, key=key)
    return M.PairwiseHamiltonian(law, jnp.array([2.0, 0.5]), 1, step=pick(rng, SPLITTINGS))


def _ssinn(rng):
    library = E.monomials(2, 3)
    parts = [E.LibraryEnergy(library, jr.normal(key_of(rng), (library.size,)) / 4) for _ in "tv"]
    return M.SSINN(*parts)


def _of_family(rng):
    family = draw_family(rng)
    while family.args is not None or family.xs.ndim > 2 or not family.field.structure:
        family = draw_family(rng)
    step = draw_step(rng, family.field, family.xs.shape[1:])
    model = M.FieldModel(family.field, step, int(rng.integers(1, 3)))
    return model, family.xs, f"of {family.name} by {step.info.name}"


MAKES = {
    "HNN": lambda rng: M.HNN(4, 5, 1, step=_implicit(rng), key=key_of(rng)),
    "Poisson HNN": lambda rng: M.HNN(
        4, 5, 1, matrix=_skew(key_of(rng)), step=_implicit(rng), key=key_of(rng)
    ),
    "HelmholtzHNN": lambda rng: M.HelmholtzHNN(4, 5, 1, key=key_of(rng)),
    "SRNN": lambda rng: M.SRNN(4, 5, 1, step=pick(rng, SPLITTINGS), key=key_of(rng)),
    "TaylorNet": lambda rng: M.TaylorNet(4, 4, 4, step=pick(rng, SPLITTINGS), key=key_of(rng)),
    "NSSNN": lambda rng: M.NSSNN(4, 5, 1, omega=float(rng.uniform(1, 20)), key=key_of(rng)),
    "PortHamiltonianNetwork": lambda rng: M.PortHamiltonianNetwork(
        4,
        5,
        1,
        input_dim=int(rng.integers(0, 2)),
        damping=pick(rng, M.DAMPINGS),
        step=pick(rng, (I.Gonzalez(), I.MeanValue(2), I.ItohAbe(), I.rk4)),
        key=key_of(rng),
    ),
    "MechanicalPortHamiltonian": lambda rng: M.MechanicalPortHamiltonian(
        4, 5, 1, mass=pick(rng, ("coordinates", "constant")), key=key_of(rng)
    ),
    "NeuralODE": lambda rng: M.NeuralODE(3, 5, 1, key=key_of(rng)),
    "PairwiseHamiltonian": _pairwise,
    "PairwiseForce": lambda rng: M.PairwiseForce(jnp.ones(2), 2, 0.1, 9.0, 4, 1, key=key_of(rng)),
    "SSINN": _ssinn,
    "SympFlow": lambda rng: M.SympFlow(4, 4, 2, dt=0.7, key=key_of(rng)),
    "NeuralFlow": lambda rng: M.NeuralFlow(3, 4, 1, key=key_of(rng)),
    "NetworkFlow": lambda rng: M.NetworkFlow(
        N.SYMPNETS[pick(rng, ("LA", "P", "R", "T"))](4, 2, key=key_of(rng)), 0.5
    ),
}
"""A model of each class from a generator of NumPy; states have 4 components unless it says so."""

DIMS = {"NeuralODE": 3, "NeuralFlow": 3, "PairwiseForce": 8}


def units_of(rng, dim: int, inputs: int) -> tuple[M.Units, str]:
    """A random change of units and its kind."""
    kinds = {
        "uniform": lambda: np.full(dim, 10.0 ** rng.uniform(-1, 1)),
        "binary uniform": lambda: np.full(dim, 4.0),
        "unequal": lambda: 10.0 ** rng.uniform(-1, 1, dim),
        "nearly uniform": lambda: 2.0 * (1 + 1e-3 * rng.normal(size=dim)),
    }
    if dim % 2 == 0:
        half = 10.0 ** rng.uniform(-1, 1, dim // 2)
        kinds["equal areas"] = lambda: np.concatenate([half, 3.0 / half])
        kinds["halves"] = lambda: np.concatenate([0 * half + 0.3, 0 * half + 5.0])
    kind = pick(rng, sorted(kinds))
    scale = np.asarray(kinds[kind](), np.float32)
    centre = pick(rng, (np.zeros(dim), rng.normal(size=dim)))
    offset = pick(rng, (0.0, 0.7))
    shift = (jnp.full(inputs, offset), jnp.full(inputs, 2.0)) if inputs else (None, None)
    time = jnp.asarray(float(10 ** rng.uniform(-1, 1)))
    label = (
        f"{kind} units{' shifted' if centre.any() else ''}{' input' if offset and inputs else ''}"
    )
    return M.Units(jnp.asarray(centre), jnp.asarray(scale, float), time, *shift), label


def reloaded(model):
    """What comes back from a file; the model itself where a part is no class of the library."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        try:
            save_model(path, model)
        except ValueError:
            return model, ""
        return load_model(path), " loaded"


def draw_model(rng):
    """`(model, states, name)`: edited, then in other units, then loaded, each now and then."""
    name = pick(rng, sorted([*MAKES, "field model", "field model", "field model"]))
    if name == "field model":
        model, xs, label = _of_family(rng)
        name = f"FieldModel {label}"
    else:
        model, xs = MAKES[name](rng), states(rng, (DIMS.get(name, 4),))
        given = name.startswith("Pairwise") or name == "NetworkFlow"
        model, factor = scaled(rng, model, (1.0, 3.0) if given else SCALES)
        name = f"{factor:g} {name}"
    if rng.random() < 0.5:
        inputs = 0 if model.field is None else model.field.input_dim
        units, label = units_of(rng, xs.shape[1], inputs)
        model = M.ScaledModel(model, units)
        xs = np.asarray(jax.vmap(units.restore)(jnp.asarray(xs)))
        name = f"{name} in {label}"
    if rng.random() < 0.4:
        model, label = reloaded(model)
        name += label
    return model, xs, name


def inner_field(model) -> F.AbstractField | None:
    """The field in the units of training, of which certificates speak."""
    while model.inner is not None:
        model = model.inner
    return model.field
