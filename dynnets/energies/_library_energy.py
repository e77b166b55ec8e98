"""An energy that is a sum of library terms, and its formula as text."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dynnets._core import constant_field

from ._abstract import AbstractEnergy
from ._energies import KineticEnergy, SeparableEnergy, _per_feature
from ._library import AbstractLibrary, latex_names
from ._potentials import SumEnergy


class LibraryEnergy(AbstractEnergy):
    """`H(x) = sum_k c_k phi_k(x)` over the terms of a library that the mask leaves.

    Of the coordinates it is a potential, of the momenta a kinetic energy, of both an energy that
    need not separate. Its gradient is in closed form where the library's is.

    **Arguments:** `library`; `coefficients`: `c (K,)`, zeros by default; `mask`: `(K,)`, which
    terms there are, all by default; a masked term is zero and is not trained. Raises `ValueError`
    for other shapes.
    """

    library: AbstractLibrary
    coefficients: Float[Array, " terms"]
    mask: Bool[Array, " terms"] = constant_field()

    def __init__(self, library: AbstractLibrary, coefficients=None, mask=None):
        shape = (library.size,)
        coefficients = jnp.zeros(shape) if coefficients is None else jnp.asarray(coefficients)
        mask = jnp.ones(shape, bool) if mask is None else jnp.asarray(mask)
        for name, array in (("coefficients", coefficients), ("mask", mask)):
            if array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        self.library, self.coefficients, self.mask = library, coefficients, mask

    @property
    def active(self) -> Float[Array, " terms"]:
        """The coefficients, zero where masked."""
        return jnp.where(self.mask, self.coefficients, jnp.zeros_like(self.coefficients))

    def __call__(self, t, x):
        """`H(x)`."""
        return jnp.sum(_per_feature(self.active, x) * self.library(x), axis=0)

    def gradient(self, t, x):
        """`grad H(x)`."""
        return self.library.gradient(self.active, x)


def component_names(letters: tuple[str, ...], dim: int) -> tuple[str, ...]:
    """`q0, q1, p0, p1` for the letters `("q", "p")` and `dim = 4`; no number where one suffices."""
    count = dim // len(letters)
    if count == 1:
        return letters
    return tuple(f"{letter}{i}" for letter in letters for i in range(count))


def energy_terms(
    energy: AbstractEnergy, letters: tuple[str, ...] = ("q", "p"), latex: bool = False
) -> list[tuple[float, str]]:
    """`(coefficient, term)` of an energy whose parts are known by name, zeros left out.

    **Arguments:** `energy`: a `LibraryEnergy`, `KineticEnergy`, `SeparableEnergy` or `SumEnergy`
    of these; `letters`: names of coordinates and momenta, or of the components of `x` by one
    letter; `latex`: names as LaTeX. Raises `ValueError` for any other energy.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import LibraryEnergy, energy_terms, monomials
    >>> energy_terms(LibraryEnergy(monomials(1, 2), jnp.array([0.0, 0.5])), ("q",))
    [(0.5, 'q^2')]

    ```
    """
    if isinstance(energy, SeparableEnergy):
        halves = (energy.potential, letters[:1]), (energy.kinetic, letters[-1:])
        return [term for part, own in halves[::-1] for term in energy_terms(part, own, latex)]
    if isinstance(energy, SumEnergy):
        return [term for part in energy.terms for term in energy_terms(part, letters, latex)]
    if isinstance(energy, KineticEnergy):
        names = component_names(letters[-1:], energy.mass.shape[0])
        power = "{}^{{2}}" if latex else "{}^2"
        shown = latex_names(names) if latex else names
        pairs = zip(energy.mass.tolist(), shown, strict=True)
        return [(1 / (2 * mass), power.format(name)) for mass, name in pairs]
    if not isinstance(energy, LibraryEnergy):
        raise ValueError(f"{type(energy).__name__} has no terms with names")
    names = energy.library.term_names(component_names(letters, energy.library.dim), latex)
    pairs = zip(energy.active.tolist(), names, strict=True)
    return [(value, name) for value, name in pairs if value]


def formula(
    energy: AbstractEnergy,
    letters: tuple[str, ...] = ("q", "p"),
    *,
    digits: int = 4,
    latex: bool = False,
) -> str:
    r"""The energy as a line of text or LaTeX, such as `0.5 p0^2 + 0.5 q0^2 + 1 q0^2 q1`.

    **Arguments:** as `energy_terms`; `digits`: significant digits of the coefficients. Raises
    `ValueError` for an energy without named terms.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import LibraryEnergy, formula, monomials
    >>> energy = LibraryEnergy(monomials(2, 2), jnp.array([0.0, 0.5, 0.0, -1.0, 0.0]))
    >>> formula(energy, ("q",))
    '0.5 q0^2 - 1 q1^2'
    >>> formula(energy, ("q",), latex=True)
    '0.5\\,q_{0}^{2} - 1\\,q_{1}^{2}'

    ```
    """
    space = "\\," if latex else " "
    text = ""
    for value, name in energy_terms(energy, letters, latex):
        sign = " - " if value < 0 else " + "
        text += sign if text else sign.strip().replace("+", "")
        text += f"{_number(abs(value), digits, latex)}{space}{name}"
    return text or "0"


def _number(value: float, digits: int, latex: bool) -> str:
    text = f"{value:.{digits}g}"
    if latex and "e" in text:
        mantissa, power = text.split("e")
        return f"{mantissa}\\cdot 10^{{{int(power)}}}"
    return text
