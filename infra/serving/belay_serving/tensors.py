"""A payload as the arrays that a tensor signature asks for, or a model without a signature."""

from __future__ import annotations

from typing import Any

import numpy

from .payload import Payload
from .refusal import bad_input
from .signature import Tensor
from .values import SHOWN

#: By kind of the wanted type: in words, and the kinds of what JSON gives that may become it.
TAKES = {
    "f": ("numbers", "iuf"),
    "i": ("whole numbers", "iu"),
    "u": ("whole numbers", "iu"),
    "b": ("true and false", "b"),
    "U": ("text", "U"),
    "S": ("text", "U"),
    "O": ("anything", "iufbUO"),
}


def to_arrays(payload: Payload, tensors: list[Tensor]) -> Any:
    """One array, or one by name. Raises Refusal."""
    if payload.format not in ("inputs", "instances"):
        raise bad_input("This model takes arrays: inputs or instances, not a dataframe.", payload.format)
    first = tensors[0]
    if first.name is None:
        return _to_array(payload.format, payload.data, first)
    given = _by_name(payload)
    if given is None:
        if len(tensors) > 1:
            raise bad_input(f"{payload.format} must have the model's arrays by name.", payload.format)
        return {first.name: _to_array(first.name, payload.data, first)}
    missing = next((one.name for one in tensors if one.required and one.name not in given), None)
    if missing is not None:
        raise bad_input(f'Array "{missing}" is missing.', missing)
    return {one.name: _to_array(str(one.name), given[one.name], one) for one in tensors if one.name in given}


def to_plain_arrays(payload: Payload) -> Any:
    """For a model without a signature: numpy finds the types."""
    given = _by_name(payload)
    if given is None:
        return _even(payload.format, payload.data)
    return {name: _even(name[:SHOWN], values) for name, values in given.items()}


def _by_name(payload: Payload) -> dict[str, Any] | None:
    """None where the data is one nameless array."""
    data = payload.data
    if isinstance(data, dict):
        return data
    if not isinstance(data, list) or not data or not isinstance(data[0], dict):
        return None
    for at, row in enumerate(data):
        if not isinstance(row, dict) or row.keys() != data[0].keys():
            raise bad_input(
                f"{payload.format}[{at}] must be an object with the same names as the first.", payload.format
            )
    return {name: [row[name] for row in data] for name in data[0]}


def _to_array(name: str, values: Any, tensor: Tensor) -> numpy.ndarray:
    wanted = numpy.dtype(tensor.dtype)
    words, kinds = TAKES.get(wanted.kind, ("of a type that JSON does not have", ""))
    array = _even(name, values)
    if wanted.kind == "f" and array.dtype.kind == "O":
        array = _with_nulls(name, array)
    if array.dtype.kind not in kinds:
        raise bad_input(f'Array "{name}" must be {words}.', name)
    if not _fits(array.shape, tensor.shape):
        shape = ", ".join("any" if length == -1 else str(length) for length in tensor.shape)
        raise bad_input(f'Array "{name}" must have the shape ({shape}), and has {array.shape}.', name)
    return _cast(name, array, wanted)


def _even(name: str, values: Any) -> numpy.ndarray:
    try:
        return numpy.array(values)
    except ValueError:
        raise bad_input(f'Array "{name}" is not even: its lists differ in length.', name) from None


def _with_nulls(name: str, array: numpy.ndarray) -> numpy.ndarray:
    if any(type(value) not in (int, float, type(None)) for value in array.flat):
        raise bad_input(f'Array "{name}" must be numbers.', name)
    return array.astype("float64")


def _cast(name: str, array: numpy.ndarray, wanted: numpy.dtype) -> numpy.ndarray:
    cast = array.astype(wanted)
    # A whole number that does not fit would come out as another one.
    if wanted.kind in "iu" and not numpy.array_equal(cast, array):
        raise bad_input(f'Array "{name}" holds a number that is not one of {wanted}.', name)
    return cast


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return len(shape) == len(wanted) and all(want in (-1, have) for have, want in zip(shape, wanted))
