"""Where and with what a benchmark ran: versions, device, date, peak memory, compile seconds."""

import datetime
import importlib.metadata
import platform
import resource
import sys
from pathlib import Path

import jax

PACKAGES = (
    *("dynnets", "jax", "jaxlib", "equinox", "diffrax", "optax", "optimistix", "lineax"),
    *("numpy", "scipy", "torch", "torchdiffeq"),
)
# Tracing has an event too, but a nested trace is counted again in the one around it.
COMPILING = ("jaxpr_to_mlir_module_duration", "backend_compile_duration")


class CompileClock:
    """Sum of the seconds JAX spends lowering and compiling from its creation on."""

    def __init__(self):
        self.seconds = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._add)

    def _add(self, event: str, seconds: float, **_: object) -> None:
        if event.endswith(COMPILING):
            self.seconds += seconds


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's own name where the system tells it (Linux), else the platform's word."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor() or platform.machine()


def peak_memory_mib() -> float:
    """Most resident memory of this process so far, MiB (getrusage counts bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def describe() -> dict[str, object]:
    """Date (UTC), Python, package versions, processor, JAX device and default precision."""
    device = jax.devices()[0]
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version},
        "processor": _processor(),
        "device": f"{device.platform}: {device.device_kind} x {jax.device_count()}",
        "precision": "float64" if jax.config.jax_enable_x64 else "float32",
    }
