"""The model: loaded by MLflow's pyfunc loader, asked with checked input."""

from __future__ import annotations

from typing import Any

from pandas import DataFrame

from .frames import to_frame, to_plain_frame
from .params import check_params
from .payload import Payload, parse_payload
from .predictions import to_json
from .refusal import Refusal, bad_input
from .signature import Signature, read_signature
from .tensors import to_arrays, to_plain_arrays

#: Characters of MLflow's reasons that are passed on.
SHOWN = 300


class Model:
    """Answers bodies with bodies."""

    def __init__(self, loaded: Any, signature: Signature) -> None:
        self._loaded = loaded
        self._signature = signature

    def answer(self, body: bytes) -> bytes:
        """Raises Refusal for what the client can mend; anything else is the model's fault."""
        payload = parse_payload(body)
        params = check_params(payload.params, self._signature.params)
        data = self._to_input(payload)
        try:
            predictions = self._predict(data, params)
        except ValueError as error:
            lacking = _column_with_null(data)
            if lacking is None:
                raise
            # A signature cannot say that a number must be there; many models cannot do without.
            raise bad_input(f'Column "{lacking}" holds null, and the model cannot predict with it.', lacking) from error
        return to_json(predictions)

    def _to_input(self, payload: Payload) -> Any:
        signature = self._signature
        if signature.from_type_hint:
            if payload.format != "inputs":
                raise bad_input("This model takes inputs, as its type hints say.", payload.format)
            return payload.data
        if signature.columns is not None:
            return to_frame(payload, signature.columns)
        if signature.tensors is not None:
            return to_arrays(payload, signature.tensors)
        if payload.format.startswith("dataframe_"):
            return to_plain_frame(payload)
        return to_plain_arrays(payload)

    def _predict(self, data: Any, params: dict[str, Any]) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            # Models of an MLflow before params do not know the argument.
            return self._loaded.predict(data, params=params) if params else self._loaded.predict(data)
        except MlflowException as error:
            refusal = _refusal_of(error.message)
            if refusal is None:
                raise
            raise refusal from None


def _column_with_null(data: Any) -> str | None:
    if not isinstance(data, DataFrame):
        return None
    return next((str(name) for name in data if data[name].isna().any()), None)


def _refusal_of(message: str) -> Refusal | None:
    """MLflow's own check, where it asks for more than ours: its reason only, for it repeats all of the data before."""
    if message.startswith("Failed to validate data against type hint"):
        return bad_input(f"The input does not fit the model's type hints: {message[:SHOWN]}")
    if message.startswith("Failed to enforce"):
        return bad_input(f"The input does not fit the model's signature: {message.rpartition('Error: ')[2][:SHOWN]}")
    return None


def load_model(path: str) -> Model:
    """Raises whatever the model's own code raises."""
    from mlflow import pyfunc

    # The image was made from the model's own requirements: a warning about them would only confuse.
    return Model(pyfunc.load_model(path, suppress_warnings=True), read_signature(path))
