"""The search of `make attack` can fail: its judge catches lies in both precisions."""

import json
import sys

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from attack import __main__ as program, bounds, cases, claims
from attack.families import draw_family
from attack.judge import BROKEN, HELD, NO_RESULT, UNDECIDED, Claim, Subject, judge

from dynnets import fields as F, integrators as I, networks as N, systems as S
from dynnets.analysis import certify
from dynnets.structure import NORM, SYMPLECTIC

XS = np.random.default_rng(0).normal(size=(3, 2))
precisions = pytest.mark.parametrize("single", [True, False], ids=["float32", "float64"])


def _subject(tree, listed, value, single, xs=XS, hs=(0.1, -0.4, 2.0)):
    return Subject(tree, tuple(listed), value, xs, np.zeros(len(xs)), np.array(hs), single)


def _verdicts(found):
    return {finding.name: finding.verdict for finding in found}


def _of_pairing(step, field, single):
    listed = claims.pairing_claims(step, field, None)
    return _verdicts(judge(_subject((step, field), listed, _value, single)))


def _value(tree, t, x, h):
    return claims.pairing_value(None, tree, t, x, h)


def _euler(field, t, x, h, args=None):
    return x + h * field(t, x, args)


def _nearly(field, t, x, h, args=None):
    return (1 + 1e-9) * I.verlet_kdk(field, t, x, h, args)


def _no_number(field, t, x, h, args=None):
    return jnp.nan * x


def _lie(function, condition=""):
    kept = frozenset({SYMPLECTIC})
    return I.FunctionStep(function, I.StepInfo("lie", 1, keeps=kept, condition=condition))


@precisions
def test_a_step_that_lies_is_caught_and_one_that_does_not_is_not(single):
    field = S.Pendulum().field
    for function in (_euler, _nearly, _no_number):
        assert _of_pairing(_lie(function), field, single)["SYMPLECTIC"] == BROKEN
    honest = _of_pairing(I.verlet_kdk, field, single)
    assert set(honest) == {"SYMPLECTIC", "VOLUME", "SYMMETRIC", "REVERSIBLE"}
    assert set(honest.values()) == {HELD}


@precisions
def test_a_solver_that_fails_is_no_result(single):
    step = _lie(_no_number, "the solve converges (else NaN)")
    assert set(_of_pairing(step, S.Pendulum().field, single).values()) == {NO_RESULT}


class _Leaking(F.AbstractField):
    structure = frozenset({NORM})

    def __call__(self, t, x, args=None):
        return jnp.stack([-x[1], x[0]]) - 1e-4 * x


@precisions
def test_a_field_that_lies_is_caught(single):
    listed = claims.field_claims(_Leaking(), None)
    subject = _subject(_Leaking(), listed, lambda f, t, x, h: f(t, x), single)
    assert _verdicts(judge(subject)) == {"field NORM": BROKEN}


def _loses_digits(tree, t, x, h):
    one = jnp.ones((), x.dtype)
    return 1e4 * jnp.finfo(x.dtype).eps * one, (one, one)


@precisions
def test_round_off_is_told_from_lies(single):
    listed = (Claim("tight", _loses_digits, tight=True), Claim("loose", _loses_digits))
    found = _verdicts(judge(_subject((), listed, lambda _, t, x, h: x, single)))
    assert found == {"tight": BROKEN if single else HELD, "loose": HELD}


def test_what_no_precision_decides_is_said_to_be_undecided():
    def chaos(tree, t, x, h):
        one = jnp.ones((), x.dtype)
        return (0.5 if x.dtype == jnp.float32 else 1e-5) * one, (one, one)

    subject = _subject((), (Claim("chaos", chaos),), lambda _, t, x, h: x, False)
    assert _verdicts(judge(subject)) == {"chaos": UNDECIDED}


@precisions
def test_a_bound_that_is_one_per_cent_too_small_is_caught(single):
    dtype = jnp.float32 if single else jnp.float64
    net = N.flow_network(
        lambda key: F.ExpansiveField(2, 4, key=key), 1, I.explicit_euler, 0.3, key=jr.key(0)
    )
    net = cases.cast(net, dtype)
    bound = float(N.lipschitz_bound(net))
    for factor, verdict in ((0.99, BROKEN), (1.001, HELD)):
        rng = np.random.default_rng(0)
        found = _verdicts(bounds.lipschitz_findings(net, factor * bound, 2, rng))
        assert found["LIPSCHITZ by slopes"] == verdict
    assert bounds.against("x", 1.0, 0.99).verdict == BROKEN
    assert bounds.against("x", float("nan"), 1.0).verdict == NO_RESULT


class _Yes:
    holds = True


@precisions
def test_a_certificate_of_a_model_that_is_none_is_caught(single):
    dtype = jnp.float32 if single else jnp.float64
    field = cases.cast(F.NonExpansiveField(2, 3, key=jr.key(0)), dtype)
    planted, value = cases.plant(np.random.default_rng(1), field)
    assert not np.isfinite(value)
    assert cases.certificate_of(planted, {}, lambda tree: _Yes).verdict == BROKEN
    refused = cases.certificate_of(planted, {"h": -1.0, "key": None, "domain": None}, _refuse)
    assert refused.verdict == HELD
    assert certify(field).holds


def _refuse(tree, **options):
    raise ValueError("not finite")


def test_a_case_is_a_function_of_seed_and_index():
    first, again = (draw_family(np.random.default_rng([3, 4])) for _ in range(2))
    assert first.name == again.name
    assert np.array_equal(first.xs, again.xs)
    assert eqx.tree_equal(first.field, again.field)


def test_finished_cases_are_not_run_again_and_a_broken_one_fails(tmp_path, monkeypatch, capsys):
    calls = []

    def run_case(seed, index):
        calls.append(index)
        finding = cases.Finding("TAG", BROKEN if index == 2 else HELD, 1.0, 1e-9, 0.1, "note")
        return cases.Outcome(
            seed, index, "pairing", "float32", "a name", finding.verdict, (finding,), 0.0
        )

    monkeypatch.setattr(program, "run_case", run_case)
    store = tmp_path / "store.jsonl"
    for count, code, run in ((2, 0, [0, 1]), (4, 1, [2, 3]), (4, 1, [])):
        calls.clear()
        monkeypatch.setattr(sys, "argv", ["attack", "--count", str(count), "--store", str(store)])
        assert program.main() == code
        assert calls == run
    assert "BROKEN 1/2 pairing float32: a name" in capsys.readouterr().out
    lines = store.read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2, 3]
