"""Writes what is installed: the model's own requirements, with mlflow-skinny for mlflow, and the server's.

    python merge_requirements.py requirements.txt model/requirements.txt > merged.txt

Runs while the image is built, with nothing but Python. Ends with 1 and a sentence where a line cannot be taken.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Without its server, its stores and its plots MLflow loads a model all the same; pandas and numpy it takes for granted.
SKINNY_TAKES_FOR_GRANTED = ("pandas", "numpy")
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
PLAIN_MLFLOW = re.compile(r"^mlflow\s*(?=$|[=<>!~;])", re.IGNORECASE)
CONSTRAINTS = re.compile(r"^(?:-c|--constraint)[\s=]*(\S+)$")
OF_THE_MODEL = re.compile(r"^(?:-r|--requirement|-e|--editable)\b|^\.{0,2}/|^[\w.-]+/\S*\.(?:whl|tar\.gz|zip)$|^file:")


class Unusable(Exception):
    """A line that this image cannot be built with; its text is for the one who logged the model."""


def read_lines(file: Path) -> list[str]:
    """The lines of a requirements file, continued ones joined, without comments and empty ones."""
    text = re.sub(r"\\\r?\n", " ", file.read_text(encoding="utf-8"))
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def name_of(line: str) -> str | None:
    """The normalised name of a package; None for an option of pip or an address."""
    found = NAME.match(line)
    return None if found is None else re.sub(r"[-_.]+", "-", found.group(1)).lower()


def read_model_lines(file: Path) -> list[str]:
    """The model's lines, its constraints file referred to where it lies."""
    lines = []
    for line in read_lines(file):
        constraints = CONSTRAINTS.match(line)
        if constraints is not None:
            lines.append(f"-c {file.parent / constraints.group(1)}")
        elif OF_THE_MODEL.match(line):
            raise Unusable(
                f'The model\'s requirements.txt says "{line}": a file of the model, but requirements are installed '
                "before the model is copied. Log the model with packages of an index, or use a template of your own."
            )
        else:
            lines.append(line)
    return lines


def merge(server: list[str], model: list[str]) -> list[str]:
    """The model's requirements first; of the server's own, those the model does not name."""
    merged = [PLAIN_MLFLOW.sub("mlflow-skinny", line) for line in model]
    named = {name_of(line) for line in merged}
    if "mlflow" not in named and "mlflow-skinny" not in named:
        raise Unusable("The model's requirements.txt does not name mlflow, which loads the model.")
    added = [*server, *(() if "mlflow" in named else SKINNY_TAKES_FOR_GRANTED)]
    return merged + [line for line in added if name_of(line) not in named]


def main(server: str, model: str) -> int:
    try:
        print("\n".join(merge(read_lines(Path(server)), read_model_lines(Path(model)))))
    except (Unusable, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
