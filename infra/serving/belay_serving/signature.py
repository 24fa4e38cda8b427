"""The signature of a model as its MLmodel file states it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Column:
    """A column; `spec` is its entry in MLmodel, with `type` and what belongs to it."""

    name: str | None
    required: bool
    spec: dict[str, Any]


@dataclass(frozen=True)
class Tensor:
    """A tensor; -1 in `shape` is any length."""

    name: str | None
    required: bool
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Param:
    """`shape` None: one value; otherwise a list."""

    name: str
    shape: Any
    spec: dict[str, Any]


@dataclass(frozen=True)
class Signature:
    """None for inputs: the model was logged without, and anything is tried."""

    columns: list[Column] | None = None
    tensors: list[Tensor] | None = None
    params: list[Param] = field(default_factory=list)
    #: Made from Python's type hints: the model itself checks `inputs`.
    from_type_hint: bool = False


def read_signature(model_path: str) -> Signature:
    """Raises what a file that is not an MLmodel raises."""
    import yaml

    stated = yaml.safe_load((Path(model_path) / "MLmodel").read_text(encoding="utf-8"))
    signature = stated.get("signature") or {}
    inputs = json.loads(signature.get("inputs") or "null")
    return Signature(
        **_inputs_of(inputs or None),
        params=[_to_param(entry) for entry in json.loads(signature.get("params") or "null") or []],
        from_type_hint=stated.get("is_signature_from_type_hint") is True,
    )


def _inputs_of(inputs: list[dict[str, Any]] | None) -> dict[str, Any]:
    if inputs is None:
        return {}
    if all(entry["type"] == "tensor" for entry in inputs):
        return {"tensors": [_to_tensor(entry) for entry in inputs]}
    return {"columns": [Column(entry.get("name"), _is_required(entry), entry) for entry in inputs]}


def _to_tensor(entry: dict[str, Any]) -> Tensor:
    spec = entry["tensor-spec"]
    return Tensor(entry.get("name"), _is_required(entry), spec["dtype"], tuple(spec["shape"]))


def _to_param(entry: dict[str, Any]) -> Param:
    # MLflow 2 wrote dtype, MLflow 3 writes type.
    return Param(entry["name"], entry.get("shape"), {**entry, "type": entry.get("type") or entry.get("dtype")})


def _is_required(entry: dict[str, Any]) -> bool:
    # MLflow before 2.8 wrote `optional: true`.
    return entry.get("required", not entry.get("optional", False))
