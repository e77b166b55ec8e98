"""Reading text tables and NPZ files into named columns, with errors that say where."""

import csv
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ._files import existing_file


class Columns:
    """Named columns of one file, converted to numbers only where they are asked for."""

    def __init__(self, path: Path, columns: Mapping[str, Any], lines: Sequence[int] | None):
        self.path, self._columns, self._lines = path, columns, lines

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the file."""
        return tuple(self._columns)

    def where(self, index: int) -> str:
        """In words, where entry `index` of a column stands in the file."""
        line = "" if self._lines is None else f" (line {self._lines[index]})"
        return f"row {index + 1}{line}"

    def labels(self, name: str) -> list[str]:
        """A column as text, for trial labels."""
        return [str(value).strip() for value in self._columns[name]]

    def numbers(self, name: str) -> np.ndarray:
        """A column as finite numbers. Raises `ValueError` naming file, column and row."""
        column = self._columns[name]
        if np.iscomplexobj(column):
            raise ValueError(f"{self.path}: column {name!r} holds complex numbers")
        try:
            values = np.array(column, dtype=float)
        except (ValueError, TypeError):
            values = np.array([self._number(name, i, text) for i, text in enumerate(column)])
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            index = int(bad[0])
            raise ValueError(
                f"{self.path}: column {name!r}, {self.where(index)}: "
                f"{column[index]!r} is not a finite number"
            )
        return values

    def _number(self, name: str, index: int, text) -> float:
        try:
            return float(text)
        except (ValueError, TypeError):
            hint = "; write decimals with a point" if "," in str(text) else ""
            raise ValueError(
                f"{self.path}: column {name!r}, {self.where(index)}: {text!r} is not a number{hint}"
            ) from None


def read_columns(path: str | os.PathLike) -> Columns:
    """The columns of a CSV or NPZ file, told apart by their content.

    Raises `ValueError` naming the file for one that is missing, a directory, empty, without data
    or of another kind.
    """
    path = existing_file(path)
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head.strip():
        raise ValueError(f"{path}: the file is empty")
    if head.startswith(b"PK"):
        return _read_npz(path)
    if head.startswith(b"\x93NUMPY"):
        raise ValueError(f"{path}: an NPY file has no column names; save named columns as NPZ")
    if path.suffix.lower() == ".npz" or b"\0" in head:
        raise ValueError(f"{path}: neither a text table nor an NPZ file")
    return _read_text(path)


def _read_npz(path: Path) -> Columns:
    columns: dict[str, np.ndarray] = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            for name in arrays.files:
                _add_array(columns, name, _plain_array(path, arrays, name))
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise ValueError(f"{path}: not a readable NPZ file ({error})") from None
    if not columns:
        raise ValueError(f"{path}: holds no one- or two-dimensional array to read columns from")
    return Columns(path, columns, None)


def _plain_array(path: Path, arrays: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise ValueError(
                f"{path}: array {name!r} holds Python objects, which are not loaded for safety"
            ) from None
        raise ValueError(f"{path}: not a readable NPZ file, array {name!r} ({error})") from None


def _add_array(columns: dict, name: str, array: np.ndarray) -> None:
    """Add a 1-D array as a column, a 2-D array `(rows, k)` as `name0 .. name{k-1}`."""
    if array.ndim == 1:
        columns[name] = array
    elif array.ndim == 2:
        for i, column in enumerate(array.T):
            columns[name if array.shape[1] == 1 else f"{name}{i}"] = column


def _read_text(path: Path) -> Columns:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error})") from None
    numbered = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    header_line, header = numbered[0]
    header = header.strip().lstrip("#%").strip()
    delimiter = _delimiter(header)
    names = _split(header, delimiter)
    if names and not names[-1]:
        names.pop()
    _check_names(path, header_line, names)
    body = [(i, line) for i, line in numbered[1:] if line.lstrip()[0] not in "#%"]
    if not body:
        raise ValueError(f"{path}: a header ({', '.join(names)}) but no data below it")
    rows = [_row(path, i, line, delimiter, len(names)) for i, line in body]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return Columns(path, columns, [i for i, _ in body])


def _delimiter(header: str) -> str | None:
    """The first usual separator in the header; `None` for white space."""
    for delimiter in ",;\t":
        if delimiter in header:
            return delimiter
    return None


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]


def _row(path: Path, line_number: int, line: str, delimiter: str | None, width: int) -> list[str]:
    cells = _split(line, delimiter)
    if len(cells) == width + 1 and not cells[-1]:
        cells.pop()
    if len(cells) != width:
        raise ValueError(
            f"{path}: line {line_number} has {len(cells)} entries, the header names {width}"
        )
    return cells


def _check_names(path: Path, line_number: int, names: list[str]) -> None:
    if not names or not all(names):
        raise ValueError(f"{path}: line {line_number} leaves a column without a name: {names}")
    if all(_is_number(name) for name in names):
        raise ValueError(
            f"{path}: line {line_number} must name the columns, got numbers: {', '.join(names)}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: line {line_number} names a column twice: {', '.join(twice)}")


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False
