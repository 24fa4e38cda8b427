"""Whether JSON values are of a type of MLflow's signatures, and the arrays they become."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Callable

import numpy
import pandas

from .refusal import Refusal, bad_input

FLOATS = {"float": "float32", "double": "float64"}
INTEGERS = {"integer": "int32", "long": "int64"}
PLAIN = {"boolean": bool, "string": str}
SHOWN = 60


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_whole(kind: str) -> Callable[[Any], bool]:
    limits = numpy.iinfo(INTEGERS[kind])

    def check(value: Any) -> bool:
        whole = type(value) is int or (type(value) is float and value.is_integer())
        return whole and int(limits.min) <= value <= int(limits.max)

    return check


def _is_binary(value: Any) -> bool:
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
    except binascii.Error:
        return False


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and pandas.Timestamp(value) is not None
    except ValueError:
        return False


#: By type: what is asked for, in words, and whether a value is that.
SCALARS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "boolean": ("true or false", lambda value: type(value) is bool),
    "integer": ("a whole number of 32 bits", _is_whole("integer")),
    "long": ("a whole number of 64 bits", _is_whole("long")),
    "float": ("a number", _is_number),
    "double": ("a number", _is_number),
    "string": ("text", lambda value: isinstance(value, str)),
    "binary": ("text in base64", _is_binary),
    "datetime": ("a time such as 2026-01-31T12:00:00", _is_time),
}


def refuse(where: str, wanted: str, value: Any, field: str) -> Refusal:
    """Says what was found only by its kind: values may be personal."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    found = "null" if value is None else kinds.get(type(value), "something else")
    return bad_input(f"{where} must be {wanted}, and is {found}.", field)


def check_value(value: Any, spec: dict[str, Any], where: str, field: str) -> None:
    """One value, with what lies in it. Raises Refusal."""
    kind = spec["type"]
    if kind in SCALARS:
        wanted, fits = SCALARS[kind]
        if not fits(value):
            raise refuse(where, wanted, value, field)
    elif kind == "array":
        if not isinstance(value, list):
            raise refuse(where, "a list", value, field)
        for index, item in enumerate(value):
            check_value(item, spec["items"], f"{where}[{index}]", field)
    elif kind == "map":
        if not isinstance(value, dict):
            raise refuse(where, "an object", value, field)
        for key, item in value.items():
            check_value(item, spec["values"], f"{where}.{key[:SHOWN]}", field)
    elif kind == "object":
        _check_object(value, spec["properties"], where, field)


def _check_object(value: Any, properties: dict[str, Any], where: str, field: str) -> None:
    if not isinstance(value, dict):
        raise refuse(where, "an object", value, field)
    for name, spec in properties.items():
        if value.get(name) is not None:
            check_value(value[name], spec, f"{where}.{name}", field)
        elif spec.get("required", True):
            raise bad_input(f"{where}.{name} is missing.", field)


def to_series(name: str, values: list[Any], spec: dict[str, Any], required: bool) -> pandas.Series:
    """A column of the type the signature says. A missing number of a float column is NaN. Raises Refusal."""
    kind = spec["type"]
    if kind in FLOATS:
        return _to_floats(name, values, FLOATS[kind])
    # pandas has no whole number that is missing.
    may_be_null = kind == "string" or (not required and kind not in INTEGERS)
    if not _are_plain(values, kind):
        for row, value in enumerate(values):
            if value is not None or not may_be_null:
                check_value(value, spec, f'Column "{name}", row {row},', name)
    if kind in INTEGERS:
        return pandas.Series([int(value) for value in values], dtype=INTEGERS[kind])
    if kind == "boolean" and None not in values:
        return pandas.Series(values, dtype="bool")
    if kind == "datetime":
        return pandas.Series([pandas.Timestamp(value) for value in values]).astype("datetime64[ns]")
    if kind == "binary":
        values = [None if value is None else base64.b64decode(value) for value in values]
    return pandas.Series(values, dtype="object")


def _are_plain(values: list[Any], kind: str) -> bool:
    """One look at the types of a whole column: a thousand rows must not cost a thousand calls."""
    types = set(map(type, values))
    if kind in INTEGERS:
        limits = numpy.iinfo(INTEGERS[kind])
        return types == {int} and limits.min <= min(values) and max(values) <= limits.max
    return types == {PLAIN.get(kind)}


def _to_floats(name: str, values: list[Any], dtype: str) -> pandas.Series:
    if not set(map(type, values)) <= {int, float, type(None)}:
        row, value = next((at, one) for at, one in enumerate(values) if one is not None and not _is_number(one))
        raise refuse(f'Column "{name}", row {row},', "a number", value, name)
    try:
        return pandas.Series(numpy.array(values, dtype))
    except OverflowError:
        raise bad_input(f'Column "{name}" holds a number too large for {dtype}.', name) from None
