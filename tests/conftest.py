"""Settings of every test: float64, strict promotion, checked annotations, fixed keys."""

import gc
import importlib.metadata
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

# The suite compiles thousands of small programs that run once: compiling them is nearly all of its
# time, and a quarter of that goes into the machinery for fast fusions, which jaxlib before 0.11 can
# do without. All this must be said before jax is imported.
if tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) < (0, 11):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")
# Workers and files share what they compile; most programs are single operations.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")

import jax
import jax.random as jr
import jaxtyping
import pytest
from hypothesis import HealthCheck, settings

# The library leaves precision to its caller; the tests are the caller that allows no silent
# conversion and no silent broadcast. float32 is tested by passing float32 arrays.
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Tracing makes millions of short-lived objects; looking through them all that often is a tenth of
# the suite's time.
gc.set_threshold(50_000, 20, 50)

# From here on every annotated call into dynnets is checked: shapes, dtypes and types.
jaxtyping.install_import_hook("dynnets", "beartype.beartype")

# The same examples in every run, as with the keys; compilation makes any deadline meaningless.
settings.register_profile(
    "dynnets",
    deadline=None,
    derandomize=True,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("dynnets")


@pytest.fixture
def getkey() -> Callable[[], jax.Array]:
    """A function that gives another key at each call, the same ones in every run."""
    keys: Iterator[int] = iter(range(1 << 30))
    return lambda: jr.fold_in(jr.key(2026), next(keys))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of measured data that DYNNETS_DATA names; the test is skipped without it."""
    name = os.environ.get("DYNNETS_DATA")
    if not name:
        pytest.skip("DYNNETS_DATA is not set: no folder of measured data")
    path = Path(name)
    if not path.is_dir():
        pytest.skip(f"DYNNETS_DATA names {name}, which is no folder")
    return path


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory() -> Iterator[None]:
    """Drop compiled programs after each file: a worker's memory stays that of one file."""
    yield
    jax.clear_caches()


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly(request) -> Iterator[None]:
    """Programs that run once are not optimised: that costs more than it saves.

    A file about optimised programs (their memory, their bits in a second process) says
    `OPTIMISED = True`.
    """
    quick = not getattr(request.module, "OPTIMISED", False)
    jax.config.update("jax_disable_most_optimizations", quick)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


_TESTS = itertools.count(1)


@pytest.fixture
def few_programs_at_once() -> Iterator[None]:
    """Hundreds of compiled programs in one process run into the limit on its memory maps."""
    yield
    if next(_TESTS) % 40 == 0:
        jax.clear_caches()
