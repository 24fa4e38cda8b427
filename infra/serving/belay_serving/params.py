"""The params of a request against those of the signature."""

from __future__ import annotations

from typing import Any

from .refusal import bad_input
from .signature import Param
from .values import INTEGERS, SHOWN, check_value


def check_params(given: dict[str, Any] | None, known: list[Param]) -> dict[str, Any]:
    """Those that were given; the model fills in its defaults. Raises Refusal."""
    by_name = {param.name: param for param in known}
    checked = {}
    for name, value in (given or {}).items():
        param = by_name.get(name)
        if param is None:
            names = ", ".join(by_name) or "none"
            raise bad_input(f"params.{name[:SHOWN]} is not in the model's signature, which has {names}.", name[:SHOWN])
        checked[name] = _check_param(param, value)
    return checked


def _check_param(param: Param, value: Any) -> Any:
    where = f"params.{param.name}"
    if param.shape is None:
        check_value(value, param.spec, where, param.name)
        return _to_whole(value, param)
    if not isinstance(value, list):
        raise bad_input(f"{where} must be a list.", param.name)
    for at, item in enumerate(value):
        check_value(item, param.spec, f"{where}[{at}]", param.name)
    return [_to_whole(item, param) for item in value]


def _to_whole(value: Any, param: Param) -> Any:
    return int(value) if param.spec["type"] in INTEGERS else value
