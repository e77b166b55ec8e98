"""Files of published data: checksums, archives and cached downloads."""

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def existing_file(path: str | os.PathLike) -> Path:
    """`path` as a `Path`. Raises `ValueError` unless it is a readable file."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a directory, not a file")
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path}: the file cannot be read (permission denied)")
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, known: Mapping[str, str]) -> None:
    """Raise `ValueError` unless the file is one of the `known` ones, `{digest: name}`."""
    digest = sha256_of(path)
    if digest not in known:
        names = " or ".join(f"{name} ({known_digest})" for known_digest, name in known.items())
        raise ValueError(f"{path}: SHA-256 {digest} is not that of {names}")


def zip_member(path: Path, name: str) -> bytes:
    """The bytes of the only member of an archive whose file name is `name`.

    Raises `ValueError` for a file that is no archive, a damaged one, and a missing member.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            found = [m for m in archive.namelist() if m.rsplit("/", 1)[-1] == name]
            if len(found) != 1:
                raise ValueError(f"{path}: the archive holds {len(found)} members named {name}")
            return archive.read(found[0])
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path}: not a readable zip archive ({error})") from None


def npz_array(path: Path, name: str) -> np.ndarray:
    """One array of an NPZ file, never unpickled. Raises `ValueError` if it is not to be had."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            if name not in arrays.files:
                raise ValueError(f"{path}: no array {name!r}; it holds {', '.join(arrays.files)}")
            return arrays[name]
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a readable NPZ file ({error})") from None


def text_numbers(data: bytes, origin: str, *, delimiter: str | None = None) -> np.ndarray:
    """The numbers of a text table under one header line, shape `(rows, columns)`."""
    try:
        return np.loadtxt(
            io.StringIO(data.decode("utf-8", errors="strict")),
            skiprows=1,
            ndmin=2,
            delimiter=delimiter,
        )
    except ValueError as error:
        raise ValueError(f"{origin}: not a table of numbers ({error})") from None


def download(url: str, name: str, sha256: str, page: str) -> Path:
    """The file at `url` from the user's cache, fetched once and checked by its SHA-256.

    The cache is pooch's for `dynnets`. Raises `ImportError` without pooch, `ConnectionError`
    with the `page` to fetch the file from by hand if it cannot be had, and `ValueError` if
    what came back is another file.
    """
    try:
        import pooch
    except ImportError:
        raise ImportError(
            f"fetching {name} needs pooch (pip install pooch), or pass path= to a copy from {page}"
        ) from None
    advice = f"get it by hand from {page} and pass path="
    try:
        fetched = pooch.retrieve(
            url, known_hash=f"sha256:{sha256}", fname=name, path=pooch.os_cache("dynnets")
        )
    except ValueError as error:
        raise ValueError(f"{name}: {url} served a file of another checksum; {advice}") from error
    except Exception as error:  # requests raises its own family, which we do not depend on
        raise ConnectionError(f"{name} could not be fetched from {url}; {advice}") from error
    return Path(fetched)
