"""What a model returned, as JSON of the scoring protocol: in MLflow's form, but strict."""

from __future__ import annotations

import base64
import json
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy
import pandas


def to_json(predictions: Any) -> bytes:
    """`{"predictions": …}`; numbers that are not finite are null. Raises TypeError for what JSON cannot hold."""
    answer = {"predictions": _to_lists(predictions)}
    try:
        return _dump(answer, allow_nan=False)
    except ValueError:
        finite = json.loads(_dump(answer, allow_nan=True), parse_constant=lambda _: None)
        return _dump(finite, allow_nan=False)


def _dump(answer: Any, *, allow_nan: bool) -> bytes:
    text = json.dumps(answer, default=_to_plain, allow_nan=allow_nan, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _to_lists(predictions: Any) -> Any:
    if isinstance(predictions, pandas.Series):
        predictions = predictions.to_frame()
    if isinstance(predictions, pandas.DataFrame):
        return predictions.to_dict(orient="records")
    return predictions


def _to_plain(value: Any) -> Any:
    """For what json does not know itself: containers first, then single values."""
    if isinstance(value, numpy.ndarray):
        return numpy.datetime_as_string(value).tolist() if value.dtype.kind == "M" else value.tolist()
    if isinstance(value, (pandas.Series, pandas.DataFrame)):
        return _to_lists(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if hasattr(value, "toarray"):
        return value.toarray()
    return _to_scalar(value)


def _to_scalar(value: Any) -> Any:
    if value is pandas.NaT or value is pandas.NA:
        return None
    if isinstance(value, numpy.datetime64):
        return str(value)
    if isinstance(value, numpy.generic):
        return value.item()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"The model returned a {type(value).__name__}, which JSON cannot hold.")
