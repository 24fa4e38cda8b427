"""uvicorn, with an end that loses no request."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from types import FrameType

import uvicorn

from .app import App
from .logs import log
from .service import Service

#: Without a prediction for so long, nobody sends any more.
QUIET_SECONDS = 1.0
TICK_SECONDS = 0.1


def exit_now(code: int) -> None:
    """Ends the process whatever its threads are doing."""
    logging.shutdown()
    os._exit(code)


class Server(uvicorn.Server):
    """On SIGTERM: not ready at once, requests are taken until nobody sends more, those in flight are finished."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                App(service),
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=settings.shutdown_seconds,
            )
        )
        self._service = service
        self._drain: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Runs between two bytecodes of the main thread, in which the loop runs."""
        service = self._service
        if service.model is None:
            log(logging.INFO, "stopped while loading")
            exit_now(0)
        if service.stopping:
            # Asked again, as by a second Ctrl+C.
            self.should_exit = True
            return
        service.stopping = True
        log(logging.INFO, "stopping", signal=sig)
        deadline = threading.Timer(service.settings.shutdown_seconds, self._give_up)
        deadline.daemon = True
        deadline.start()
        asyncio.get_event_loop().call_soon_threadsafe(self._start_drain)

    def _start_drain(self) -> None:
        self._drain = asyncio.ensure_future(self._drain_requests())

    async def _drain_requests(self) -> None:
        settings, started = self._service.settings, time.monotonic()
        earliest = started + settings.drain_seconds
        # What is in flight then has the other half.
        latest = max(earliest, started + settings.shutdown_seconds / 2)
        while not self.should_exit:
            now = time.monotonic()
            quiet = now - self._service.last_asked >= QUIET_SECONDS
            if now >= latest or (now >= earliest and quiet):
                self.should_exit = True
            await asyncio.sleep(TICK_SECONDS)

    @staticmethod
    def _give_up() -> None:
        log(logging.ERROR, "stopped with predictions unfinished")
        exit_now(1)
