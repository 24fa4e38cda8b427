"""The body of a prediction in MLflow's scoring protocol.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .refusal import bad_input

FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
WANTED = f"exactly one of {', '.join(FORMATS)}, and params where the model has some"


@dataclass(frozen=True)
class Payload:
    """One of the four forms, as JSON has it."""

    format: str
    data: Any
    params: dict[str, Any] | None


def parse_payload(body: bytes) -> Payload:
    """The words NaN, Infinity and -Infinity, which Python clients send, are read as numbers. Raises Refusal."""
    try:
        parsed = json.loads(body)
    except RecursionError:
        raise bad_input("The body is nested too deeply.") from None
    except UnicodeDecodeError:
        raise bad_input("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise bad_input(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError:
        raise bad_input("The body holds a number with too many digits.") from None
    if not isinstance(parsed, dict):
        raise bad_input(f"The body is not a JSON object with {WANTED}.")
    given = [name for name in FORMATS if name in parsed]
    if len(given) != 1:
        found = ", ".join(given) or "none of them"
        raise bad_input(f"The body must have {WANTED}; it has {found}.")
    unknown = next((name for name in parsed if name not in (*given, "params")), None)
    if unknown is not None:
        raise bad_input(f"The body must have {WANTED}; {json.dumps(unknown)[:100]} is something else.", unknown[:100])
    params = parsed.get("params")
    if params is not None and not isinstance(params, dict):
        raise bad_input("params must be an object.", "params")
    return Payload(given[0], parsed[given[0]], params)
