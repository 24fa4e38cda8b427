"""One line of JSON for each thing that happened, on standard output."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

LOGGER = logging.getLogger("belay_serving")


class JsonFormatter(logging.Formatter):
    """time, level, event, then the fields that were given; a traceback where there is an exception."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage()}
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def start_logs(level: str) -> None:
    """Also what libraries log goes out as JSON; they only from warnings on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOGGER.setLevel(level.upper())


def log(level: int, event: str, *, error: BaseException | None = None, **fields: object) -> None:
    LOGGER.log(level, event, extra={"fields": fields}, exc_info=error)
