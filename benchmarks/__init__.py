"""The library's proof: one folder a system, its baselines in the same run, its bars checked.

`python -m benchmarks list` names the experiments, `python -m benchmarks run NAME` runs one and
exits 0 only if every bar holds, `python -m benchmarks tables` writes README's result tables from
`benchmarks/results/NAME.json`.

A system's folder holds its experiment in `run.py`, its tasks and its figures; `studies` holds
experiments of one file, `leaderboard` the comparison of all learners and the learners, `harness`
what all share. A new experiment is a new file of such a folder: see `harness/experiment.py`.
"""
