"""What the environment says, read once; everything has a default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

LOG_LEVELS = ("debug", "info", "warning", "error")


class UnusableSettings(Exception):
    """Every setting that cannot be used, one sentence each."""


@dataclass(frozen=True)
class Settings:
    """How this container serves. Sizes in bytes, durations in seconds."""

    host: str
    port: int
    #: Processes, each with a model of its own.
    workers: int
    #: Predictions a process makes at once.
    threads: int
    #: Predictions that may wait for a thread of a process; beyond them the answer is 503.
    queue: int
    max_body_bytes: int
    #: How long a body may take to arrive.
    body_seconds: int
    #: How long requests are still taken after SIGTERM, at least.
    drain_seconds: int
    #: When the process is gone after SIGTERM, whatever happens.
    shutdown_seconds: int
    log_level: str
    model_path: str
    model_name: str
    model_version: str


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raises UnusableSettings with every problem at once. An empty value counts as absent."""
    problems: list[str] = []

    def whole(name: str, default: int, least: int, most: int) -> int:
        text = environment.get(name) or str(default)
        if text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= most:
            return int(text)
        problems.append(f"{name} is not a whole number from {least} to {most}.")
        return default

    level = (environment.get("LOG_LEVEL") or "info").lower()
    if level not in LOG_LEVELS:
        problems.append(f"LOG_LEVEL is not one of {', '.join(LOG_LEVELS)}.")
    settings = Settings(
        host=environment.get("HOST") or "0.0.0.0",
        port=whole("PORT", 8000, 1, 65_535),
        workers=whole("WORKERS", 1, 1, 64),
        threads=whole("THREADS", 4, 1, 256),
        queue=whole("QUEUE", 64, 0, 100_000),
        max_body_bytes=whole("MAX_BODY_BYTES", 10 * 1024 * 1024, 1, 2**30),
        body_seconds=whole("BODY_SECONDS", 30, 1, 3_600),
        drain_seconds=whole("DRAIN_SECONDS", 2, 0, 3_600),
        shutdown_seconds=whole("SHUTDOWN_SECONDS", 24, 1, 3_600),
        log_level=level,
        model_path=environment.get("MODEL_PATH") or "/opt/model",
        model_name=environment.get("MODEL_NAME") or "unknown",
        model_version=environment.get("MODEL_VERSION") or "unknown",
    )
    if settings.drain_seconds >= settings.shutdown_seconds:
        problems.append("DRAIN_SECONDS is not less than SHUTDOWN_SECONDS.")
    if problems:
        raise UnusableSettings(" ".join(problems))
    return settings
