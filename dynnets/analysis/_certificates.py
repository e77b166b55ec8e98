"""Certificates: what a model preserves, each line with the grade of its evidence."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from dynnets._core import TAGS, Tag, check_finite, check_positive, check_size
from dynnets.fields import AbstractField
from dynnets.integrators import step_info
from dynnets.models import AbstractModel
from dynnets.networks import AbstractNetwork

from ._sampled import Finding, sample_domain
from ._subjects import field_findings, model_findings, network_findings, step_tags

BY_CONSTRUCTION = "by construction"
RIGOROUS = "rigorous bound"
SAMPLED = "sampled"
GRADES = (BY_CONSTRUCTION, RIGOROUS, SAMPLED)
"""Grades of evidence: derived from declared structure; a computed bound that holds everywhere;
the worst case found by trying, which is a lower bound and proves nothing."""


class CertificateLine(NamedTuple):
    """One statement: `holds` is `True`, `False`, or `None` where nothing is claimed.

    `undecided`: a claim was tried, and the precision of the model can't tell it from round-off;
    `holds` is then `None` too: the line is no evidence in either direction.
    """

    name: str
    grade: str
    holds: bool | None
    value: float | None
    statement: str
    undecided: bool = False


class Certificate(NamedTuple):
    """What a model preserves. `str()` gives a table, `to_json()` plain values for a report."""

    subject: str
    condition: str
    lines: tuple[CertificateLine, ...]

    @property
    def holds(self) -> bool:
        """Whether no claimed line fails. Lines that are `undecided` neither hold nor fail."""
        return all(line.holds is not False for line in self.lines)

    @property
    def undecided(self) -> tuple[CertificateLine, ...]:
        """The claims that were tried in a precision too coarse to tell."""
        return tuple(line for line in self.lines if line.undecided)

    def by_grade(self, grade: str) -> tuple[CertificateLine, ...]:
        """The lines of one of `GRADES`; `ValueError` for any other."""
        if grade not in GRADES:
            raise ValueError(f"grade must be one of {', '.join(GRADES)}, got {grade!r}")
        return tuple(line for line in self.lines if line.grade == grade)

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, ready for `json.dumps`.

        Values that are not finite become strings, since JSON has none.
        """
        return {
            "subject": self.subject,
            "condition": self.condition,
            "holds": self.holds,
            "lines": [line._asdict() | {"value": _plain(line.value)} for line in self.lines],
        }

    def __str__(self) -> str:
        rows = [("property", "evidence", "verdict", "value", "statement")]
        for line in self.lines:
            value = "" if line.value is None else f"{line.value:.2e}"
            rows.append((line.name, line.grade, _verdict(line), value, line.statement))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            + f"  {row[4]}"
            for row in rows
        ]
        note = "sampled: the worst case found, a lower bound; the other grades hold everywhere."
        if self.undecided:
            note += "\nundecided: the precision cannot tell the defect from round-off; no evidence."
        head = [f"Certificate of {self.subject}"]
        if self.condition:
            head.append(f"The forecast map keeps what it claims for: {self.condition}.")
        return "\n".join([*head, *table, note])


def _verdict(line: CertificateLine) -> str:
    """The word for `holds`."""
    if line.undecided:
        return "undecided"
    if line.holds is None:
        return "measured" if line.grade == SAMPLED else "no claim"
    return "holds" if line.holds else "FAILS"


def _plain(value: float | None) -> float | str | None:
    if value is None or abs(value) < float("inf"):
        return value
    return str(value)


def _subject(model) -> str:
    leaves = [leaf for leaf in jax.tree.leaves(model) if eqx.is_inexact_array(leaf)]
    dtypes = sorted({str(leaf.dtype) for leaf in leaves})
    count = sum(leaf.size for leaf in leaves)
    step = model.step if isinstance(model, AbstractModel) else None
    method = f" forecasting by {step_info(step).name}" if step is not None else ""
    return f"{type(model).__name__}{method}, {count} parameters ({', '.join(dtypes) or 'none'})"


def _finite_line(model) -> list[CertificateLine]:
    """Whether all numbers of the model are numbers: nothing else it says means much without."""
    leaves = [leaf for leaf in jax.tree.leaves(model) if eqx.is_inexact_array(leaf)]
    total = sum(leaf.size for leaf in leaves)
    if not total:
        return []
    bad = sum(int((~np.isfinite(np.asarray(leaf))).sum()) for leaf in leaves)
    text = f"of {total} parameters, {bad or 'none'} {'are' if bad > 1 else 'is'} not finite"
    return [CertificateLine("FINITE WEIGHTS", RIGOROUS, bad == 0, float(bad), text)]


def _rigorous_lines(model) -> list[CertificateLine]:
    """What the model, field or network proves of itself; a claim without a number fails."""
    lines = _finite_line(model)
    for bound in model.bounds():
        lost = bound.value is not None and math.isnan(bound.value)
        holds = False if lost else bound.holds
        lines.append(CertificateLine(bound.name, RIGOROUS, holds, bound.value, bound.statement))
    return lines


def _derived_lines(model) -> list[CertificateLine]:
    """What field, step and their pairing keep, or a network, from their declarations."""
    if isinstance(model, AbstractNetwork):
        texts = [(tag, True, f"the map: {tag.meaning}") for tag in TAGS if tag in model.structure]
        return _claims(texts, "no tag is claimed")
    bare = isinstance(model, AbstractField)
    field = model if bare else model.field
    flow = frozenset() if field is None else field.structure
    kept = frozenset() if bare else model.structure
    texts: list[tuple[Tag, bool | None, str]] = []
    for tag in TAGS:
        if tag in flow:
            texts.append((tag, True, f"exact flow: {tag.meaning}"))
        if tag in kept:
            texts.append((tag, True, f"forecast map: {tag.meaning}"))
        elif tag in flow and not bare:
            text = "forecast map: kept to the accuracy of the step, not exactly"
            if tag in step_tags(model):
                text += "; exactly on the pair of states that the step advances"
            texts.append((tag, None, text))
    return _claims(texts, "neither field nor forecast claims any structure")


def _claims(texts, nothing: str) -> list[CertificateLine]:
    lines = [CertificateLine(tag.name, BY_CONSTRUCTION, holds, None, t) for tag, holds, t in texts]
    return lines or [CertificateLine("NONE", BY_CONSTRUCTION, None, None, nothing)]


def _sampled_line(finding: Finding) -> CertificateLine:
    name, worst, statement, holds, undecided = finding
    return CertificateLine(name, SAMPLED, holds, worst, statement, undecided)


def certify(
    model: Any,
    *,
    key: PRNGKeyArray | None = None,
    domain: Any = None,
    states: Any = None,
    h: float | int | None = None,
    samples: int = 16,
    steps: int = 100,
    energies: Mapping[str, Any] | None = None,
) -> Certificate:
    """What a model preserves, every line with its grade of evidence.

    - **by construction**: the tags that the field's exact flow and the forecast map keep, derived
      from what the field and the step declare, under the step's `condition`.
    - **rigorous bound**: whether all parameters are finite, and the `bounds()` that the model, the
      field or the network proves of itself with the rounding of its dtype: the spectrum of a
      constant damping matrix, positive masses, bounds of the speed and of the energy, Lipschitz
      constants.
    - **sampled**: the worst defect found from `states`, or from `samples` states drawn in the box
      `domain`. Every claimed tag is tried by its own oracle: that of the exact flow at each state,
      that of the forecast map on one step of size `h / substeps`, and then forecasts of `steps`
      times `h`. Only a claim can hold or fail here; other numbers are measured.

    A sampled claim FAILS where its defect is not a number or above what round-off explains of the
    numbers that cancel in it at that state (250 units of last place), and where a solve raises
    or does not converge. Where round-off could explain a hundredth of a total defect the line is
    undecided: it neither holds nor fails. So is every defect of a model in half precision. A model
    in other units than those of its training (`ScaledModel`) is tried in the latter, in which all
    components are of one size, but for the tags of the numbers themselves (norm, sum, distances).

    **Arguments:**

    - `model`: an `AbstractModel` (pair any field with any step by `FieldModel`; what it lacks,
      field, step or energy, is left out), a bare field, or an `AbstractNetwork`, whose map is
      certified (`h`, `steps`, `energies` apply to models only).
    - `domain`: `(low (d,), high (d,))`, needs `key`; or `states`: `(n, d)`, in its place.
    - `h`: time between two states of the forecast, needed for the sampled grade.
    - `energies`: further `name -> H(t, x)` to follow along forecasts, the true one for instance.

    Inputs are zero. Cost of the sampled grade: Jacobians of the field and of one step at every
    state, then the forecasts; one compiled program serves models of the same shapes. Raises
    `ValueError` for bad bounds, states that are not finite, a domain without `key`, sampling a
    model without `h`, and for what is neither model, field nor network.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.analysis import certify
    >>> from dynnets.models import HNN
    >>> model = HNN(2, 16, 1, key=jr.key(0))
    >>> box = (jnp.array([-1.0, -1.0]), jnp.array([1.0, 1.0]))
    >>> certify(model, domain=box, h=0.1, key=jr.key(1)).holds
    True

    ```
    """
    if not isinstance(model, AbstractModel | AbstractField | AbstractNetwork):
        raise ValueError(
            f"a certificate is one of a model, a field or a network, got {type(model).__name__}: "
            "FieldModel(field, step) pairs a field with a step"
        )
    xs = _states(domain, states, samples, key)
    lines = _derived_lines(model) + _rigorous_lines(model)
    if xs is not None:
        found = _findings(model, xs, h, steps, dict(energies or {}))
        lines += [_sampled_line(finding) for finding in found]
    condition = ""
    if isinstance(model, AbstractModel) and model.step is not None and step_tags(model):
        condition = step_info(model.step).condition
    return Certificate(_subject(model), condition, tuple(lines))


def _findings(model, xs, h, steps, energies) -> list[Finding]:
    if isinstance(model, AbstractNetwork):
        return network_findings(model, xs)
    if isinstance(model, AbstractField):
        return field_findings(model, xs)
    if h is None:
        raise ValueError("sampling needs the time h between two states of the forecast")
    check_positive("h", h)
    check_size("steps", steps)
    return model_findings(model, xs, h, steps, energies)


def _states(domain, states, samples, key):
    """The states to sample at, or `None`."""
    if states is not None:
        states = jnp.asarray(states)
        if states.ndim < 2 or states.shape[0] < 1:
            raise ValueError(f"states must have shape (n, d), got {states.shape}")
        check_finite("states", states)
        return states
    if domain is None:
        return None
    if key is None:
        raise ValueError("sampling a domain needs a key")
    return sample_domain(domain, samples, key=key)
