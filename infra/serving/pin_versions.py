"""Writes pip's constraints: the versions that the model's own requirements resolve to, mlflow's included.

    pip install --dry-run --report resolved.json -r model/requirements.txt
    python pin_versions.py requirements.txt resolved.json > pinned.txt

What MLflow says of numpy and pandas, mlflow-skinny does not: without these, another numpy than the model's would come.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from merge_requirements import name_of, read_lines


def pin(server: list[str], installed: list[dict[str, Any]]) -> list[str]:
    """One line a package; the server's own have their versions, and what is given by address has its address."""
    own = {name_of(line) for line in server}
    named = [(one["metadata"]["name"], one["metadata"]["version"]) for one in installed if not one["is_direct"]]
    return [f"{name}=={version}" for name, version in named if name_of(name) not in own]


if __name__ == "__main__":
    report = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print("\n".join(pin(read_lines(Path(sys.argv[1])), report["install"])))
