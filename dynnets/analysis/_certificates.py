"""Certificates: what a model preserves, each line with the grade of its evidence."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynnets._core import TAGS, Tag, check_finite, check_positive, check_size
from dynnets.fields import AbstractField
from dynnets.integrators import step_info
from dynnets.networks import AbstractNetwork
from dynnets.structure import structure_of

from ._networks import network_bounds, network_findings
from ._rigorous import bounded_statements
from ._sampled import Finding, forecast_findings, power_findings, sample_domain, step_findings

BY_CONSTRUCTION = "by construction"
RIGOROUS = "rigorous bound"
SAMPLED = "sampled"
GRADES = (BY_CONSTRUCTION, RIGOROUS, SAMPLED)
"""Grades of evidence: derived from declared structure; a computed bound that holds everywhere;
the worst case found by trying, which is a lower bound and proves nothing."""


class CertificateLine(NamedTuple):
    """One statement: `holds` is `True`, `False`, or `None` where nothing is claimed."""

    name: str
    grade: str
    holds: bool | None
    value: float | None
    statement: str


class Certificate(NamedTuple):
    """What a model preserves. `str()` gives a table, `to_json()` plain values for a report."""

    subject: str
    condition: str
    lines: tuple[CertificateLine, ...]

    @property
    def holds(self) -> bool:
        """Whether no claimed line fails."""
        return all(line.holds is not False for line in self.lines)

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
        head = [f"Certificate of {self.subject}"]
        if self.condition:
            head.append(f"The forecast map keeps what it claims for: {self.condition}.")
        return "\n".join([*head, *table, note])


def _verdict(line: CertificateLine) -> str:
    """The word for `holds`."""
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
    step = getattr(model, "step", None)
    method = f" forecasting by {step_info(step).name}" if step is not None else ""
    return f"{type(model).__name__}{method}, {count} parameters ({', '.join(dtypes) or 'none'})"


def _field_of(model) -> AbstractField | None:
    """The field itself, a model's field, or `None` for a model that is a function of time."""
    return model if isinstance(model, AbstractField) else getattr(model, "field", None)


def _innermost(field):
    """The field inside those that only change its units."""
    while hasattr(field, "inner"):
        field = field.inner
    return field


def _rigorous_lines(model) -> list[CertificateLine]:
    """Computed bounds of the field, of the one inside where it is wrapped in other units."""
    field = _field_of(model)
    units = "" if _innermost(field) is field else ", in the units that it was trained in"
    return [
        CertificateLine(name, RIGOROUS, holds, value, statement + units)
        for name, holds, value, statement in bounded_statements(_innermost(field))
    ]


def _derived_lines(model) -> list[CertificateLine]:
    """What field, step and their pairing keep, from their declarations."""
    bare, field = isinstance(model, AbstractField), _field_of(model)
    flow = frozenset() if field is None else field.structure
    kept = frozenset() if bare else model.structure
    lines = []
    for tag in TAGS:
        if tag in flow:
            text = f"exact flow: {tag.meaning}"
            lines.append(CertificateLine(tag.name, BY_CONSTRUCTION, True, None, text))
        if tag in kept:
            text = f"forecast map: {tag.meaning}"
            lines.append(CertificateLine(tag.name, BY_CONSTRUCTION, True, None, text))
        elif tag in flow and not bare:
            text = "forecast map: kept to the accuracy of the step, not exactly"
            if (
                model.step is not None
                and model.step.on_pair is not None
                and tag in _step_tags(model)
            ):
                text += "; exactly on the pair of states that the step advances"
            lines.append(CertificateLine(tag.name, BY_CONSTRUCTION, None, None, text))
    if not lines:
        text = "neither field nor forecast claims any structure"
        lines.append(CertificateLine("NONE", BY_CONSTRUCTION, None, None, text))
    return lines


def _sampled_line(finding: Finding) -> CertificateLine:
    holds = finding.worst <= finding.slack if finding.claimed else None
    statement = finding.statement
    if finding.worst == float("inf"):
        statement += "; a value is not finite, so that nothing is kept there"
    elif finding.claimed and finding.slack:
        statement += f"; round-off explains {finding.slack:.1e}"
    return CertificateLine(finding.name, SAMPLED, holds, finding.worst, statement)


def _zero_input(field, dtype):
    """No input, as zeros for the fields that must be given one."""
    size = getattr(_innermost(field), "input_dim", 0)
    return jnp.zeros(size, dtype) if size else None


def _step_tags(model) -> frozenset[Tag]:
    """What the model's step keeps, on pairs of states where it acts on them."""
    if model.step.on_pair is not None:
        return structure_of(model.step, _field_of(model))
    return model.structure


def _findings(model, xs, h, steps, energies) -> list[Finding]:
    step, field = getattr(model, "step", None), _field_of(model)
    args = _zero_input(field, xs.dtype)
    findings = [] if field is None else power_findings(model, field.structure, xs, args)
    if field is not None and step is not None:
        width = h / getattr(model, "substeps", 1)
        findings = step_findings(step, field, _step_tags(model), xs, width, args) + findings
    named = {} if model.energy is None else {"model's": model.energy}
    return findings + forecast_findings(model, {**named, **energies}, xs, h, steps, args)


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
    - **rigorous bound**: computed numbers that hold everywhere: the spectrum of a constant
      damping matrix, skewness of a Poisson matrix, positive masses, bounds of the speed and of
      the range of a learned energy.
    - **sampled**: the worst defect found from `states`, or from `samples` states drawn in the box
      `domain`: one step of width `h` by each tag's oracle, the power `dH/dt` of the learned
      energy, and forecasts of `steps` steps of `h`. Only a claim can hold or fail here; other
      numbers are measured.

    **Arguments:**

    - `model`: an `AbstractModel` (pair any field with any step by `FieldModel`; what it lacks,
      field, step or energy, is left out), a bare field, for the first two grades only, or an
      `AbstractNetwork`, whose map is certified (`h`, `steps`, `energies` do not apply).
    - `domain`: `(low (d,), high (d,))`, needs `key`; or `states`: `(n, d)`, in its place.
    - `h`: time between two states of the forecast, needed for the sampled grade.
    - `energies`: further `name -> H(t, x)` to follow along forecasts, the true one for instance.

    Inputs are zero. Cost of the sampled grade: Jacobians of one step at every state,
    then the forecasts. Raises `ValueError` for bad bounds, states that are not finite, a domain
    without `key` or sampling without `h`.

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
    xs = _states(domain, states, samples, key)
    if isinstance(model, AbstractNetwork):
        return _certify_network(model, xs)
    lines = _derived_lines(model) + _rigorous_lines(model)
    if xs is not None and not isinstance(model, AbstractField):
        if h is None:
            raise ValueError("sampling needs the time h between two states of the forecast")
        check_positive("h", h)
        check_size("steps", steps)
        found = _findings(model, xs, h, steps, dict(energies or {}))
        lines += [_sampled_line(finding) for finding in found]
    step = getattr(model, "step", None)
    condition = step_info(step).condition if step is not None and _step_tags(model) else ""
    return Certificate(_subject(model), condition, tuple(lines))


def _certify_network(net: AbstractNetwork, xs) -> Certificate:
    """The certificate of a map: derived tags, constants by exact norms, sampled defects."""
    lines = [
        CertificateLine(tag.name, BY_CONSTRUCTION, True, None, f"the map: {tag.meaning}")
        for tag in TAGS
        if tag in net.structure
    ]
    if not lines:
        lines.append(CertificateLine("NONE", BY_CONSTRUCTION, None, None, "no tag is claimed"))
    lines += [CertificateLine(n, RIGOROUS, h, v, text) for n, h, v, text in network_bounds(net)]
    if xs is not None:
        lines += [_sampled_line(finding) for finding in network_findings(net, xs)]
    return Certificate(_subject(net), "", tuple(lines))


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
