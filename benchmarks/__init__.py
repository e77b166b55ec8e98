"""The library's proof: one experiment a file, its baselines in the same run, its bars checked.

`python -m benchmarks list` names the experiments, `python -m benchmarks run NAME` runs one and
exits 0 only if every bar holds, `python -m benchmarks tables` writes README's result tables from
`benchmarks/results/NAME.json`. A new experiment is a new file here: see `benchmarks/_harness.py`.
"""
