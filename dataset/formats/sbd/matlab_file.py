"""Numeric fields of a MATLAB struct, from a MAT file of level 5 (MATLAB's `-v6` and `-v7`).

SciPy's reader ends the process (segmentation fault) on some damaged files. This one takes only what
it is asked for, checks every length against what is there, and evaluates nothing. The format:
MathWorks, "MAT-File Format", chapter "Level 5".
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from lib.errors import InputError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STRUCT_CLASS = 2
_NUMERIC_CLASSES = range(6, 16)  # double, single, integers of 8 to 64 bits
# Types of stored numbers, which may be smaller than the class of the array.
_NUMBERS = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"
}  # fmt: skip
# More than any annotation of an image needs; a damaged or hostile file could ask for anything.
_MAX_BYTES = 1 << 28


def read_struct(path: str | Path, variable: str, fields: Collection[str]) -> dict[str, np.ndarray]:
    """Numeric fields of the 1 x 1 struct `variable` of a MAT file.

    Returns:
        By field name the array, of the type it is stored as and the shape it has in MATLAB.

    Raises:
        InputError: the file is missing, damaged or of another version, or lacks the variable or
            one of the fields.
    """
    try:
        data = memoryview(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    if bytes(data[:10]) == b"MATLAB 7.3" or bytes(data[512:516]) == b"\x89HDF":
        raise InputError(
            f"{path}: is a MATLAB file of version 7.3 (HDF5); "
            "use the released file, or save it in MATLAB with '-v7'"
        )
    try:
        return _struct_fields(data, variable, fields)
    except (ValueError, OverflowError, struct.error, zlib.error) as error:
        raise InputError(
            f"{path}: is no usable MATLAB file ({error}); replace it by a complete copy"
        ) from error


def _struct_fields(
    data: memoryview, variable: str, fields: Collection[str]
) -> dict[str, np.ndarray]:
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:_HEADER]))
    if order is None:
        raise ValueError("it has no header of MATLAB 5")
    for body in _matrices(data, order):
        kind, shape, name, offset = _describe(body, order)
        if name != variable:
            continue
        if kind != _STRUCT_CLASS or math.prod(shape) != 1:
            raise ValueError(f"{variable} is not a single struct")
        values = {}
        for field, matrix in _members(body, offset, order):
            if field in fields:
                values[field] = _numeric_array(matrix, field, order)
        missing = [field for field in fields if field not in values]
        if missing:
            raise ValueError(f"{variable} has no field {missing[0]}")
        return values
    raise ValueError(f"it has no variable {variable}")


def _matrices(data: memoryview, order: str) -> Iterator[memoryview]:
    """The contents of every variable."""
    offset = _HEADER
    while offset < len(data):
        kind, body, offset = _element(data, offset, order)
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(body, _MAX_BYTES)
            if not unpacker.eof:
                raise ValueError("it is cut short, or too large")
            kind, body, _ = _element(memoryview(unpacked), 0, order)
        if kind == _MATRIX:
            yield body


def _element(data: memoryview, offset: int, order: str) -> tuple[int, memoryview, int]:
    """Type and contents of the data element at an offset, and the offset behind it."""
    (kind,) = struct.unpack_from(order + "I", data, offset)
    if kind >> 16:  # a short element: type, length and up to four bytes in one
        kind, length, start = kind & 0xFFFF, kind >> 16, offset + 4
        behind = offset + 8
    else:
        (length,) = struct.unpack_from(order + "I", data, offset + 4)
        start = offset + 8
        behind = start + length + (0 if kind == _COMPRESSED else -length % 8)
    if start + length > min(len(data), behind):
        raise ValueError("it is cut short")
    return kind, data[start : start + length], behind


def _describe(body: memoryview, order: str) -> tuple[int, tuple[int, ...], str, int]:
    """Class, shape and name of a matrix, and the offset of what follows."""
    if not len(body):  # how MATLAB writes an empty array inside of a struct
        return _NUMERIC_CLASSES[0], (0, 0), "", 0
    _, flags, offset = _element(body, 0, order)
    (flag_word,) = struct.unpack_from(order + "I", flags)
    kind = flag_word & 0xFF
    _, sizes, offset = _element(body, offset, order)
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if not 2 <= len(shape) <= 32 or min(shape) < 0:
        raise ValueError("it holds an array of impossible size")
    _, name, offset = _element(body, offset, order)
    return kind, shape, bytes(name).decode("latin-1"), offset


def _members(body: memoryview, offset: int, order: str) -> Iterator[tuple[str, memoryview]]:
    """Name and contents of every field of a 1 x 1 struct."""
    _, length, offset = _element(body, offset, order)
    (name_length,) = struct.unpack(order + "i", length)
    _, names, offset = _element(body, offset, order)
    if name_length < 1 or len(names) % name_length:
        raise ValueError("it holds a struct with damaged field names")
    for start in range(0, len(names), name_length):
        name = bytes(names[start : start + name_length]).partition(b"\0")[0].decode("latin-1")
        kind, matrix, offset = _element(body, offset, order)
        if kind != _MATRIX:
            raise ValueError(f"field {name!r:.40} is no array")
        yield name, matrix


def _numeric_array(body: memoryview, name: str, order: str) -> np.ndarray:
    kind, shape, _, offset = _describe(body, order)
    if kind not in _NUMERIC_CLASSES:
        raise ValueError(f"{name} holds no numbers")
    if not math.prod(shape):
        return np.zeros(shape)
    stored, content, _ = _element(body, offset, order)
    if stored not in _NUMBERS:
        raise ValueError(f"{name} holds no numbers")
    values = np.frombuffer(content, f"{order}{_NUMBERS[stored]}")
    if len(values) != math.prod(shape):
        raise ValueError(f"{name} holds {len(values)} numbers, not {math.prod(shape)}")
    return values.reshape(shape, order="F")
