"""What one process knows of itself: whether it serves, and how much it has to do."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .metrics import ERRORS
from .refusal import Refusal
from .settings import Settings

if TYPE_CHECKING:
    # Brings pandas, which takes its time: probes are answered before.
    from .model import Model


class Service:
    """Predictions run in threads, so that probes are answered beside them."""

    def __init__(self, settings: Settings, siblings: list[Path]) -> None:
        self.settings = settings
        self.model: Model | None = None
        self.stopping = False
        #: When the last prediction was asked for, by the monotonic clock.
        self.last_asked = 0.0
        self._siblings = siblings
        self._pending = 0
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="predict")

    def state(self) -> str:
        """`ready` only when every worker has its model: a request may come to any of them."""
        if self.stopping:
            return "stopping"
        if self.model is None:
            return "loading"
        self._siblings = [mark for mark in self._siblings if not mark.exists()]
        return "loading" if self._siblings else "ready"

    async def predict(self, body: bytes) -> bytes:
        """Raises Refusal, and what the model raises."""
        if self.model is None:
            raise self._unavailable("loading", "The model is being loaded.")
        if self._pending >= self.settings.threads + self.settings.queue:
            raise self._unavailable("busy", "Too many predictions are waiting.")
        self.last_asked = time.monotonic()
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self.model.answer, body)
        finally:
            self._pending -= 1

    def _unavailable(self, reason: str, message: str) -> Refusal:
        ERRORS.labels(reason).inc()
        return Refusal(503, "TEMPORARILY_UNAVAILABLE", message)
