"""One process that serves the model."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from pathlib import Path

from .logs import log
from .metrics import LOADED, MODEL
from .server import Server, exit_now
from .service import Service
from .settings import Settings


def serve(settings: Settings, listener: socket.socket, marks: list[Path], own: Path | None) -> None:
    """Does not return. `marks`: one file a worker, there when its model is loaded; `own` is this worker's."""
    service = Service(settings, [mark for mark in marks if mark != own])
    threading.Thread(target=_load, args=(service, own), name="load", daemon=True).start()
    Server(service).run(sockets=[listener])
    log(logging.INFO, "stopped")
    exit_now(0)


def _load(service: Service, own: Path | None) -> None:
    settings, started = service.settings, time.monotonic()
    try:
        from .model import load_model

        model = load_model(settings.model_path)
    except BaseException as error:  # a model's own code may raise anything, SystemExit too
        log(logging.ERROR, "model not loaded", error=error, reason=f"{type(error).__name__}: {error}")
        exit_now(1)
        return
    seconds = time.monotonic() - started
    LOADED.set(seconds)
    MODEL.labels(settings.model_name, settings.model_version).set(1)
    if own is not None:
        own.touch()
    service.model = model
    log(
        logging.INFO,
        "model loaded",
        model=settings.model_name,
        version=settings.model_version,
        seconds=round(seconds, 3),
        pid=os.getpid(),
    )
