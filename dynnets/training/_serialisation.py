"""A saved model is one file: a line of magic, a line of JSON, then the arrays.

The JSON holds `format`, `dynnets` (the version that wrote it), `class`, `dtype`, the shapes and
dtypes of `arrays`, their `bytes` and `sha256`, `hyperparameters` (the module field by field) and
`metadata` (the user's own). The arrays follow as `equinox.tree_serialise_leaves` writes them.
"""

import hashlib
import importlib.metadata
import io
import json
import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from dynnets._core import decode, encode

_MAGIC = b"DYNNETS MODEL\n"
_MODEL = "a model saved by dynnets"
_FORMAT = 1
_LONGEST_HEADER = 1 << 26


def version() -> str:
    """The version of dynnets that writes a file."""
    try:
        return importlib.metadata.version("dynnets")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is either complete or not there: temporary file, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_target(path: str | os.PathLike, overwrite: bool) -> Path:
    """The path of a file that may be written there; `ValueError` if it exists or has no folder."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; pass overwrite=True to replace it")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    return path


def write_file(path: Path, magic: bytes, header: dict, payload: bytes) -> None:
    """Write `magic`, `header` with the format and the payload's checksum, and the payload."""
    sums = {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    try:
        line = json.dumps({"format": _FORMAT, **header, **sums}).encode()
    except (TypeError, ValueError) as error:
        raise ValueError(f"the metadata of {path} must be JSON: {error}") from None
    write_atomically(path, magic + line + b"\n" + payload)


def read_file(path: Path, magic: bytes, what: str) -> tuple[dict, bytes]:
    """Header and payload of a file; `ValueError` that says what is wrong with it."""
    with _open(path) as file:
        header = _read_header(path, file, magic, what)
        payload = file.read()
    try:
        missing = header["bytes"] - len(payload)
        damaged = hashlib.sha256(payload).hexdigest() != header["sha256"]
    except (KeyError, TypeError):
        raise ValueError(f"{path} is damaged: its header is incomplete") from None
    if missing > 0:
        raise ValueError(
            f"{path} is truncated: {len(payload)} of {header['bytes']} bytes after its header "
            "are there"
        )
    if damaged:
        raise ValueError(f"{path} is damaged: the checksum of its content does not fit")
    return header, payload


def _dtype_name(arrays) -> str:
    floats = {a.dtype.name for a in arrays if jnp.issubdtype(a.dtype, jnp.inexact)}
    return "+".join(sorted(floats)) or "none"


def save_model(
    path: str | os.PathLike,
    model: eqx.Module,
    metadata: Any = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write `model` to one file: what it was built from as JSON, then its arrays.

    The file appears whole or not at all, also when the process is killed.

    **Arguments:**

    - `path`: where the file goes; its folder exists.
    - `model`: any Equinox module; classes of your own are decorated with `serialisable`.
    - `metadata`: anything JSON can hold, given back by `read_metadata`.
    - `overwrite`: whether an existing file may be replaced.

    Raises `ValueError` if the file exists, the folder does not, or a field of the model cannot
    be written (the message names the field).
    """
    path = check_target(path, overwrite)
    tree, arrays = encode(model)
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, arrays)
    payload = buffer.getvalue()
    header = {
        "dynnets": version(),
        "class": tree["class"],
        "dtype": _dtype_name(arrays),
        "arrays": [[list(a.shape), a.dtype.name] for a in arrays],
        "hyperparameters": tree,
        "metadata": metadata,
    }
    write_file(path, _MAGIC, header, payload)


def _read_header(path: Path, file, magic: bytes = _MAGIC, what: str = _MODEL) -> dict:
    start = file.read(len(magic))
    if start != magic:
        cut = len(start) < len(magic) and magic.startswith(start)
        raise ValueError(f"{path} is truncated" if cut else f"{path} is not {what}")
    line = file.readline(_LONGEST_HEADER)
    if not line.endswith(b"\n"):
        raise ValueError(f"{path} is truncated: its header does not end")
    try:
        header = json.loads(line)
        version = header["format"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is damaged: its header cannot be read") from None
    if version != _FORMAT:
        raise ValueError(
            f"{path} has format {version}, written by dynnets {header.get('dynnets')}; "
            f"this version reads format {_FORMAT}"
        )
    return header


def _open(path: Path):
    try:
        return open(path, "rb")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None


def check_width(path: Path, name: str):
    """The dtype called `name`; `ValueError` where JAX runs in 32 bits and would cut it."""
    dtype = jnp.dtype(name)
    narrow = jax.dtypes.canonicalize_dtype(dtype)
    if narrow != dtype:
        raise ValueError(
            f"{path} holds {name} arrays, which JAX would cut to {narrow.name}: call "
            'jax.config.update("jax_enable_x64", True) before loading it'
        )
    return dtype


def _read_arrays(path: Path, header: dict, payload: bytes) -> list:
    like = []
    for shape, name in header["arrays"]:
        dtype = check_width(path, name)
        like.append(jax.ShapeDtypeStruct(tuple(shape), dtype))
    return eqx.tree_deserialise_leaves(io.BytesIO(payload), like)


def load_model(path: str | os.PathLike, expected: type | None = None) -> Any:
    """The model that `save_model` wrote, with the same arrays bit for bit.

    **Arguments:** `path`: where the file is; `expected`: a class that the model must be one of.

    Raises `ValueError` that names the file and what is wrong: not readable, not a model file,
    truncated, damaged, a newer format, an unknown or another class, or float64 arrays while
    JAX runs in 32 bits.
    """
    path = Path(path)
    header, payload = read_file(path, _MAGIC, _MODEL)
    try:
        arrays = _read_arrays(path, header, payload)
    except (KeyError, TypeError):
        raise ValueError(f"{path} is damaged: its header is incomplete") from None
    try:
        model = decode(header["hyperparameters"], arrays)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"cannot rebuild the model in {path}: {error}") from None
    if expected is not None and not isinstance(model, expected):
        raise ValueError(f"{path} holds a {type(model).__name__}, expected a {expected.__name__}")
    return model


def read_metadata(path: str | os.PathLike) -> dict:
    """The header of a saved model without its arrays.

    **Returns** a dict with `class`, `dtype`, `dynnets` (the version that wrote it),
    `hyperparameters` and `metadata` (what `save_model` was given).
    Raises `ValueError` as `load_model` does.
    """
    path = Path(path)
    with _open(path) as file:
        header = _read_header(path, file)
    keys = ("class", "dtype", "dynnets", "hyperparameters", "metadata")
    return {key: header.get(key) for key in keys}
