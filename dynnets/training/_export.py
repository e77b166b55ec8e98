"""A trained map as one artefact that runs without this library's code: StableHLO in one file.

The file is a line of magic, a line of JSON (`dynnets` and `jax`, the versions that wrote it,
`platforms`, the `inputs`, `shared` and `outputs` with their shapes and dtypes, `metadata`), and
what `jax.export` serialises. The weights are constants of the program.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynnets._core import check_choice, check_size
from dynnets.models import AbstractModel

from ._serialisation import check_target, check_width, read_file, version, write_file

_MAGIC = b"DYNNETS EXPORT\n"
_WHAT = "a map exported by dynnets"
_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_BATCH = "batch"


def export(
    path: str | os.PathLike,
    target: Callable | AbstractModel,
    *examples: Any,
    shared: Sequence[Any] = (),
    platforms: Sequence[str] = ("cpu", "cuda", "tpu"),
    derivatives: int = 0,
    metadata: Any = None,
    overwrite: bool = False,
) -> None:
    """Write `target` to one file that runs on every platform named, for every batch size.

    **Arguments:**

    - `path`: where the file goes; its folder exists.
    - `target`: a function of unbatched arrays, which returns arrays; a model stands for its
      `predict`, so `export(path, model, x0, shared=(ts,))` is a forecast.
    - `examples`: one unbatched array (or `jax.ShapeDtypeStruct`) for each of its arguments: only
      shapes and dtypes count. In the artefact each has the batch as its first axis.
    - `shared`: examples of further arguments that a batch has in common, as the times.
    - `platforms`: any of `cpu`, `cuda`, `rocm`, `tpu`; the writer needs none of them.
    - `derivatives`: how often the artefact can be differentiated; each adds to its size.
    - `metadata`: anything JSON can hold, given back by `load_exported`.
    - `overwrite`: whether an existing file may be replaced.

    Needs the package flatbuffers (`pip install 'dynnets[export]'`). Raises `ValueError` for
    an unknown platform, a file that exists, arguments that the target does not take, and for a
    target that calls back into Python: `diffrax.diffeqsolve` reports failures so unless told
    `throw=False`, and the derivatives of steps that solve equations do.

    ```python
    >>> import tempfile
    >>> import jax.numpy as jnp
    >>> from dynnets.training import ExportedMap, export, load_exported
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export(f"{folder}/double.dynnets", lambda x: 2 * x, jnp.zeros(2))
    ...     double = load_exported(f"{folder}/double.dynnets")
    >>> isinstance(double, ExportedMap), double(jnp.ones((1, 2))).tolist()
    (True, [[2.0, 2.0]])

    ```
    """
    path = check_target(path, overwrite)
    check_size("derivatives", derivatives, 0)
    for platform in platforms:
        check_choice("platforms", platform, _PLATFORMS)
    if not platforms or not examples:
        raise ValueError(f"export needs a platform and an example, got {platforms}, {examples}")
    function = target.predict if isinstance(target, AbstractModel) else target
    mapped = jax.vmap(function, in_axes=(0,) * len(examples) + (None,) * len(shared))
    (batch,) = jax.export.symbolic_shape(_BATCH)
    arguments = [_described(example, (batch,)) for example in examples]
    arguments += [_described(example, ()) for example in shared]
    try:
        exported = jax.export.export(jax.jit(mapped), platforms=list(platforms))(*arguments)
        payload = bytes(exported.serialize(vjp_order=derivatives))
    except ModuleNotFoundError as error:
        if error.name != "flatbuffers":
            raise
        raise ImportError("export needs flatbuffers: pip install 'dynnets[export]'") from None
    except (ValueError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{_name(target)} cannot be exported: {_reason(error)}") from None
    header = {
        "dynnets": version(),
        "jax": jax.__version__,
        "target": _name(target),
        "platforms": list(platforms),
        "inputs": [_signature(a) for a in arguments[: len(examples)]],
        "shared": [_signature(a) for a in arguments[len(examples) :]],
        "outputs": [_signature(a) for a in exported.out_avals],
        "derivatives": derivatives,
        "metadata": metadata,
    }
    write_file(path, _MAGIC, header, payload)


def _name(target) -> str:
    # functions and classes have a name of their own, modules and partials that of their class
    return getattr(target, "__qualname__", type(target).__name__)


def _described(example, batch: tuple) -> jax.ShapeDtypeStruct:
    if not isinstance(example, jax.ShapeDtypeStruct | jax.Array | np.ndarray | np.generic):
        example = jnp.asarray(example)
    return jax.ShapeDtypeStruct((*batch, *example.shape), example.dtype)


def _signature(aval) -> list:
    """Shape, the symbolic batch by name, and dtype."""
    shape = [size if isinstance(size, int) else str(size) for size in aval.shape]
    return [shape, aval.dtype.name]


def _reason(error: Exception) -> str:
    text = str(error)
    if "callback" in text:
        return (
            "it (or its derivative) calls back into Python, as checks of values do: pass "
            "throw=False to the solves in it"
        )
    return text.splitlines()[0] if text else type(error).__name__


class ExportedMap(eqx.Module):
    """What `load_exported` returns: call it with batches of the arrays that were named.

    `header` is the JSON of the file: `platforms`, `inputs`, `shared`, `outputs`, `metadata`, ...
    It may be used under `jax.jit` and, if written so, differentiated.
    """

    exported: jax.export.Exported = eqx.field(static=True)
    header: dict = eqx.field(static=True)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms it runs on."""
        return tuple(self.header["platforms"])

    @property
    def metadata(self):
        """What `export` was given."""
        return self.header["metadata"]

    def __call__(self, *arrays) -> Array | tuple:
        """The exported map on `arrays`: a batch of each input, then the shared ones.

        Raises `ValueError` for another number of arrays, another shape or dtype, inputs of
        different batch sizes, and a platform that the artefact was not written for.
        """
        wanted = self.header["inputs"] + self.header["shared"]
        if len(arrays) != len(wanted):
            raise ValueError(f"the exported map takes {len(wanted)} arrays, got {len(arrays)}")
        arrays = [jnp.asarray(array) for array in arrays]
        for i, (array, (shape, dtype)) in enumerate(zip(arrays, wanted, strict=True)):
            symbolic = {_BATCH: arrays[0].shape[0] if arrays[0].ndim else None}
            expected = tuple(symbolic.get(size, size) for size in shape)
            if array.shape != expected or array.dtype.name != dtype:
                raise ValueError(
                    f"array {i} must be {tuple(shape)} of {dtype}, got {array.shape} of "
                    f"{array.dtype.name}" + (f" beside a batch of {symbolic[_BATCH]}" * (i > 0))
                )
        if jax.default_backend() not in _backends(self.platforms):
            raise ValueError(
                f"the map was exported for {', '.join(self.platforms)}, "
                f"this process runs on {jax.default_backend()}"
            )
        return self.exported.call(*arrays)


def _backends(platforms) -> set[str]:
    """JAX's names of backends: cuda and rocm are both `gpu`."""
    return {"gpu" if platform in ("cuda", "rocm") else platform for platform in platforms}


def load_exported(path: str | os.PathLike) -> ExportedMap:
    """The map that `export` wrote, without any of the classes it was made of.

    Raises `ValueError` that names the file and what is wrong: not readable, not an exported map,
    truncated, damaged, a newer format, or float64 arrays while JAX runs in 32 bits.
    """
    path = Path(path)
    header, payload = read_file(path, _MAGIC, _WHAT)
    try:
        described = header["inputs"] + header["shared"] + header["outputs"]
        for _, dtype in described:
            check_width(path, dtype)
        exported = jax.export.deserialize(bytearray(payload))
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: its header is incomplete ({error})") from None
    except ModuleNotFoundError as error:
        if error.name != "flatbuffers":
            raise
        raise ImportError("export needs flatbuffers: pip install 'dynnets[export]'") from None
    return ExportedMap(exported, header)
