"""Symplectic recurrent networks: a noisy spring chain, three bodies at h = 1, a billiard.

The experiments of Z. Chen, J. Zhang, M. Arjovsky and L. Bottou, Symplectic Recurrent Neural
Networks, ICLR 2020, at sizes for two cores. "X-Y" is the integrator of training and of testing, E
Euler's and L leapfrog; "single-step" and "recurrent" what the loss compares; ISO is the fit of the
initial state to the first ten noisy samples, of the SRNN-ISO in training too. Errors are the
Euclidean norm of the position errors, mean over 200 steps and 32 fresh starts.
"""

from benchmarks.harness import Result, Row, Settings, at_most
from benchmarks.srnn import billiard, bodies, chain, figures, recurrent

NAME = "srnn"
X64 = True  # scored in float64; every model is trained in float32
SEEDS = 3

PUBLISHED = {chain.HNN: 7.24, chain.SINGLE: 3.36, chain.O_NET: 2.88, chain.H_NET: 7.58}


def chain_rows(settings: Settings) -> list[Row]:
    """The spring chain: every learner of the paper's table, and the bars of SRNN-ISO."""
    problems = [chain.problem(settings, seed) for seed in settings.seeds]
    models, losses = chain.train(settings, problems)
    scores = chain.scores(settings, problems, models)
    cells = recurrent.distances(settings, problems)
    if settings.figures is not None:
        figures.draw(settings, problems, models, scores, cells)
    errors = {
        (name, start): [chain.mean_distance(each) for each in curves]
        for name, found in scores.items()
        for start, curves in found.items()
    }
    ours, plain = errors[chain.ISO, "ISO"], errors[chain.RECURRENT, "noisy"]
    starts = {"noisy": "noisy start", "ISO": "start fitted"}
    known = {
        f"{name}, {text}": errors[name, start]
        for name in (chain.TRUTH, chain.TRUTH_LEAPFROG)
        for start, text in starts.items()
    }
    made = [
        at_most("chain: SRNN-ISO", ours, 1.7, known | {"published, 20 masses": 1.45}),
        _ratio("chain: SRNN-ISO over the HNN", ours, errors[chain.HNN, "noisy"], 0.4),
        _ratio("chain: SRNN-ISO over the SRNN", ours, plain, 0.7),
        Row(
            f"chain: {chain.RECURRENT}",
            plain,
            {"start fitted": errors[chain.RECURRENT, "ISO"], "published, 20 masses": 2.37},
        ),
    ]
    longer = errors[chain.LONGER, "noisy"], {"start fitted": errors[chain.LONGER, "ISO"]}
    made.append(Row(f"chain: {chain.LONGER}", *longer))
    for name in (chain.HNN, chain.SINGLE, chain.O_NET, chain.H_NET):
        fitted = {"start fitted": errors[name, "ISO"], "published, 20 masses": PUBLISHED[name]}
        made.append(Row(f"chain: {name}", errors[name, "noisy"], fitted))
    for name, found in cells.items():
        published = {"published, 20 masses": recurrent.PUBLISHED[name]}
        made.append(Row(f"chain: {name}", [chain.mean_distance(each) for each in found], published))
    made += [
        Row("chain: SRNN-ISO against a noisy truth", chain.noisy_truth(problems, models)),
        Row("chain: last training loss of SRNN-ISO", losses),
    ]
    return made


def _ratio(metric: str, above: list[float], below: list[float], limit: float) -> Row:
    return at_most(metric, [a / b for a, b in zip(above, below, strict=True)], limit)


def run(settings: Settings) -> Result:
    """All three experiments."""
    rows = chain_rows(settings)
    rows += bodies.rows(settings, 128, (2000, 8000), batch=100, rate=1e-3)
    rows += billiard.rows(settings)
    notes = (
        "chain: 8 masses, 400 records of 10 samples, noise 0.2 in every component, h = 0.1",
        "three bodies: every sample's velocities are disturbed by draws of their own",
        "billiard: the bars are those of known walls; the net saw states only, one step ahead",
    )
    return Result(rows, notes)
