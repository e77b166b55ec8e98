"""A search for broken claims among random compositions: `make attack`.

A case is a function of `(seed, index)` alone. It builds a field with a step, a network or a model,
edits its weights, and holds what the library derives of it against the oracle of every claim.
"""
