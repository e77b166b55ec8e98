"""What is found of a network: its constants by exact norms, its defects at sampled states."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import NON_EXPANSIVE, REVERSIBLE, SYMPLECTIC, VOLUME
from dynnets.networks import AbstractNetwork, FlowNetwork, averagedness, lipschitz_bound
from dynnets.structure import ROWS

from ._sampled import Finding, round_off, worst_of


def network_bounds(net: AbstractNetwork) -> list[tuple[str, bool | None, float, str]]:
    """`(name, holds, value, statement)` of the bounds that hold everywhere, where one is known."""
    if not isinstance(net, FlowNetwork):
        return []
    found = []
    bound = float(lipschitz_bound(net))
    if math.isfinite(bound):
        holds = bound <= 1 + 1e-6 if NON_EXPANSIVE in net.structure else None
        found.append(("LIPSCHITZ", holds, bound, f"|net(x) - net(y)| <= {bound:.6g} |x - y|"))
    if net.lift is None and net.project is None:
        alpha = float(averagedness(net))
        if alpha < 1:
            text = f"{alpha:.4g}-averaged: iterations converge to a fixed point where one exists"
            found.append(("AVERAGED", None, alpha, text))
    return found


@eqx.filter_jit
def _defects(net, tags, xs):
    defects = {tag.name: ROWS[tag].map_defect for tag in tags}
    return {
        name: jax.vmap(lambda x, defect=defect: defect(net, x))(xs)
        for name, defect in defects.items()
        if defect is not None
    }


def network_findings(net: AbstractNetwork, xs: Float[Array, " n *state"]) -> list[Finding]:
    """The defect of every tag that a map decides, claimed or not, and the error of the inverse."""
    shape = jax.eval_shape(net, xs[0]).shape
    square, even = shape == xs.shape[1:], len(shape) == 1 and shape[0] % 2 == 0
    tags = [
        tag
        for tag, row in ROWS.items()
        if row.map_defect is not None
        and (
            tag in net.structure
            or (tag == VOLUME and square and len(shape) == 1)
            or (tag == SYMPLECTIC and square and even)
        )
    ]
    slack = round_off(xs, net)
    found = _defects(net, tags, xs)
    findings = [
        Finding(
            tag.name,
            worst_of(found[tag.name]),
            slack,
            f"the map: {ROWS[tag].defect}",
            tag in net.structure,
        )
        for tag in tags
    ]
    if REVERSIBLE in net.structure:
        back = jax.vmap(lambda x: jnp.abs(net.inverse(net(x)) - x).max())(xs)
        statement = f"the map: {ROWS[REVERSIBLE].defect}"
        findings.append(Finding(REVERSIBLE.name, worst_of(back), slack, statement, True))
    return findings
