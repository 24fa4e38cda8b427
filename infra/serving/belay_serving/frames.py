"""A payload as columns, and as the DataFrame that a column signature asks for."""

from __future__ import annotations

from typing import Any

import pandas

from .payload import Payload
from .refusal import bad_input
from .signature import Column
from .values import SHOWN, to_series

Columns = dict[Any, list[Any]]


def to_frame(payload: Payload, columns: list[Column]) -> pandas.DataFrame:
    """The columns of the signature, in its order and of its types; others are left out. Raises Refusal."""
    given = _to_columns(payload, columns)
    rows = len(next(iter(given.values()), []))
    if rows == 0:
        raise bad_input("There is no row to predict.", payload.format)
    series = {}
    for position, column in enumerate(columns):
        key = position if column.name is None else column.name
        if key in given:
            series[key] = to_series(str(key), given[key], column.spec, column.required)
        elif column.required:
            raise bad_input(f'Column "{key}" is missing.', str(key))
    return pandas.DataFrame(series, index=range(rows))


def to_plain_frame(payload: Payload) -> pandas.DataFrame:
    """For a model without a column signature: pandas finds the types."""
    return pandas.DataFrame(_to_columns(payload, []))


def _to_columns(payload: Payload, columns: list[Column]) -> Columns:
    names = [at if column.name is None else column.name for at, column in enumerate(columns)]
    required = [column.name for column in columns if column.required and column.name is not None]
    data, where = payload.data, payload.format
    if where == "dataframe_split":
        return _from_split(data, names)
    if where == "dataframe_records" or (isinstance(data, list) and data and isinstance(data[0], dict)):
        return _from_records(data, where, required)
    if isinstance(data, dict):
        # As MLflow reads it: with columns that are lists themselves, an object is one row.
        nested = any(column.spec["type"] in ("array", "object") for column in columns)
        return {name: [value] for name, value in data.items()} if nested else _from_lists(data, where)
    return _from_rows(data, names, where)


def _from_split(data: Any, names: list[Any]) -> Columns:
    if not isinstance(data, dict) or "data" not in data:
        raise bad_input("dataframe_split must be an object with columns and data.", "dataframe_split")
    unknown = next((key for key in data if key not in ("columns", "data", "index")), None)
    if unknown is not None:
        raise bad_input("dataframe_split has columns, data and index, and nothing else.", unknown[:SHOWN])
    columns = data.get("columns", names)
    if not isinstance(columns, list) or any(not isinstance(name, (str, int)) for name in columns):
        raise bad_input("dataframe_split.columns must be a list of names.", "dataframe_split.columns")
    if len(set(columns)) != len(columns):
        raise bad_input("dataframe_split.columns names a column twice.", "dataframe_split.columns")
    return _from_rows(data["data"], columns, "dataframe_split.data")


def _from_rows(rows: Any, names: list[Any], where: str) -> Columns:
    if not isinstance(rows, list):
        raise bad_input(f"{where} must be a list of rows.", where)
    if len(names) <= 1 and not any(isinstance(row, (list, dict)) for row in rows):
        rows = [[value] for value in rows]
    if not names and rows and isinstance(rows[0], list):
        names = list(range(len(rows[0])))
    for at, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            raise bad_input(f"{where}[{at}] must be a list of {len(names)} values.", f"{where}[{at}]")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _from_records(records: Any, where: str, required: list[str]) -> Columns:
    if not isinstance(records, list):
        raise bad_input(f"{where} must be a list of objects.", where)
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise bad_input(f"{where}[{at}] must be an object.", f"{where}[{at}]")
    for name in required:
        lacking = next((at for at, record in enumerate(records) if name not in record), None)
        if lacking is not None:
            raise bad_input(f'Column "{name}" is missing in {where}[{lacking}].', name)
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _from_lists(lists: dict[str, Any], where: str) -> Columns:
    if not any(isinstance(values, list) for values in lists.values()):
        return {name: [value] for name, value in lists.items()}
    length: int | None = None
    for name, values in lists.items():
        if not isinstance(values, list):
            raise bad_input(f"{where}.{name[:SHOWN]} must be a list, as the others are.", name[:SHOWN])
        if length not in (None, len(values)):
            raise bad_input(f"{where}.{name[:SHOWN]} has {len(values)} values, others have {length}.", name[:SHOWN])
        length = len(values)
    return lists
