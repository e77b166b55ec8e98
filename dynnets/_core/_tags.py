"""Structure tags: what a flow, a step or a network keeps, as values that can be declared,
compared and tested.
"""

import equinox as eqx


class Tag(eqx.Module):
    """A property of a map or a flow. Two tags are equal when their names are.

    **Arguments:** `name`: one word; `meaning`: the statement that the tag's oracle measures.
    """

    name: str = eqx.field(static=True)
    meaning: str = eqx.field(static=True)

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return isinstance(other, Tag) and self.name == other.name

    def __repr__(self):
        return self.name


SYMPLECTIC = Tag("SYMPLECTIC", "the Jacobian D of the map satisfies D^T J D = J")
POISSON = Tag("POISSON", "the Jacobian D satisfies D B D^T = B, B a constant skew matrix")
VOLUME = Tag("VOLUME", "the Jacobian D of the map satisfies |det D| = 1")
ENERGY = Tag("ENERGY", "the energy of the state does not change")
MOMENTUM = Tag("MOMENTUM", "the total linear momentum of the bodies does not change")
DISSIPATIVE = Tag("DISSIPATIVE", "without input the energy of the state never grows")
SYMMETRIC = Tag("SYMMETRIC", "a step of -h undoes a step of h")
REVERSIBLE = Tag("REVERSIBLE", "the map has an exact inverse at the cost of one step")
NORM = Tag("NORM", "the Euclidean norm of the state does not change")
SUM = Tag("SUM", "the sum of the state's components does not change")
ORTHOGONAL = Tag("ORTHOGONAL", "the state is a matrix Q and Q^T Q does not change")
NON_EXPANSIVE = Tag("NON_EXPANSIVE", "the map is 1-Lipschitz in the Euclidean norm")

TAGS = (
    SYMPLECTIC,
    POISSON,
    VOLUME,
    ENERGY,
    MOMENTUM,
    DISSIPATIVE,
    SYMMETRIC,
    REVERSIBLE,
    NORM,
    SUM,
    ORTHOGONAL,
    NON_EXPANSIVE,
)
"""Every tag of the library; each has an oracle in `dynnets.analysis`."""
