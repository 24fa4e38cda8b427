"""Logs the models of these tests with a real MLflow, and writes down what they predict themselves.

    python models.py <folder>
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.models import ModelSignature, infer_signature  # noqa: E402
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec  # noqa: E402
from mlflow.types.schema import Array, Object, Property  # noqa: E402
from sklearn.ensemble import RandomForestRegressor  # noqa: E402

OUT = Path(sys.argv[1])
ROWS = 1_000


def log_sklearn() -> list[str]:
    """A forest with its inferred signature and requirements; returns the requirements."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 12, ROWS),
            "visits": random.integers(0, 90, ROWS),
            "member": random.integers(0, 2, ROWS).astype(bool),
        }
    )
    target = frame.age * 0.3 + frame.visits**1.5 - frame.member * 7
    model = RandomForestRegressor(n_estimators=20, max_depth=6, random_state=1).fit(frame, target)
    signature = infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(
        model,
        OUT / "forest",
        signature=signature,
        input_example=frame.head(3),
        skops_trusted_types=["sklearn.tree._tree.Tree"],
    )
    rows = {"columns": list(frame), "data": [list(row) for row in frame.to_dict("split")["data"]]}
    known = {"dataframe_split": rows, "predictions": model.predict(frame).tolist()}
    (OUT / "forest.json").write_text(json.dumps(known))
    return (OUT / "forest" / "requirements.txt").read_text().split()


class Behaving(mlflow.pyfunc.PythonModel):
    """Does what its params say."""

    def load_context(self, context):
        time.sleep(float(os.environ.get("TEST_LOAD_SECONDS", "0")))
        if os.environ.get("TEST_FIRST_WAITS"):
            try:
                Path(os.environ["TEST_FIRST_WAITS"]).touch(exist_ok=False)
                time.sleep(3)
            except FileExistsError:
                pass
        if os.environ.get("TEST_LOAD_FAILS"):
            raise RuntimeError("the weights are for another architecture")

    def predict(self, context, model_input, params=None):
        time.sleep(params["seconds"])
        x = model_input["x"]
        answers = {
            "list": lambda: (x * params["scale"]).tolist(),
            "array": lambda: (x * params["scale"]).to_numpy(),
            "series": lambda: x.rename("y"),
            "frame": lambda: pd.DataFrame({"x": x, "at": pd.Timestamp("2026-01-31"), "text": "ö"}),
            "not-finite": lambda: np.array([np.nan, np.inf, 1.5]),
            "nested": lambda: [{"score": np.float32(0.5), "no": None, "nan": float("nan"), "raw": b"ab"}],
            "labels": lambda: np.array(["yes", "no"]),
            "raises": lambda: (_ for _ in ()).throw(KeyError("password=hunter2")),
            "object": lambda: object(),
        }
        return answers[params["kind"]]()


class Types(mlflow.pyfunc.PythonModel):
    """Answers which types it was given."""

    def predict(self, context, model_input, params=None):
        if isinstance(model_input, dict):
            return [f"{name} {array.dtype} {array.shape}" for name, array in model_input.items()]
        if isinstance(model_input, np.ndarray):
            return [f"{model_input.dtype} {model_input.shape}"]
        return [f"{name} {series.dtype} {type(series.iloc[0]).__name__}" for name, series in model_input.items()]


class Hinted(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[str]) -> list[int]:
        return [len(text) for text in model_input]


def main() -> None:
    requirements = log_sklearn()

    def log(name, model, signature):
        mlflow.pyfunc.save_model(OUT / name, python_model=model, signature=signature, pip_requirements=requirements)

    params = ParamSchema(
        [
            ParamSpec("seconds", DataType.double, 0.0),
            ParamSpec("scale", DataType.long, 2),
            ParamSpec("kind", DataType.string, "list"),
            ParamSpec("weights", DataType.double, [0.5], shape=(-1,)),
        ]
    )
    log("behaving", Behaving(), ModelSignature(inputs=Schema([ColSpec(DataType.double, "x")]), params=params))
    columns = [
        ColSpec(DataType.boolean, "boolean"),
        ColSpec(DataType.integer, "integer"),
        ColSpec(DataType.long, "long"),
        ColSpec(DataType.float, "float"),
        ColSpec(DataType.double, "double"),
        ColSpec(DataType.string, "string"),
        ColSpec(DataType.binary, "binary"),
        ColSpec(DataType.datetime, "datetime"),
        ColSpec(Array(DataType.long), "array"),
        ColSpec(Object([Property("a", DataType.string), Property("b", DataType.long, required=False)]), "object"),
        ColSpec(DataType.string, "optional", required=False),
    ]
    log("typed", Types(), ModelSignature(inputs=Schema(columns)))
    positional = Schema([ColSpec(DataType.double), ColSpec(DataType.long)])
    log("positional", Types(), ModelSignature(inputs=positional))
    tensor = TensorSpec(np.dtype("float32"), (-1, 2))
    log("tensor", Types(), ModelSignature(inputs=Schema([tensor])))
    named = [TensorSpec(np.dtype("float64"), (-1, 2), "a"), TensorSpec(np.dtype("int64"), (-1,), "b")]
    log("tensors", Types(), ModelSignature(inputs=Schema(named)))
    log("unsigned", Types(), None)
    log("hinted", Hinted(), None)


main()
