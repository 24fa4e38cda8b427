"""The ASGI application."""

from __future__ import annotations

import logging
import time
from typing import Any

from .exchange import ClientLeft, Receive, Send, check_json, read_body, send_answer, to_bytes
from .logs import log
from .metrics import CONTENT_TYPE, DURATION, ERRORS, IN_PROGRESS, REQUESTS, render_metrics
from .refusal import Refusal
from .service import Service

#: What may be asked, and how. The second of a pair is MLflow's name for it.
METHODS = {
    "/health": ("GET", "HEAD"),
    "/ready": ("GET", "HEAD"),
    "/ping": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/predict": ("POST",),
    "/invocations": ("POST",),
}
#: nginx's code for a client that left before it had an answer.
LEFT = 499
Answer = tuple[int, bytes, dict[str, str]]


class App:
    """Counts every request once, with the code it is answered with; LEFT where the client did not wait."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"There is nothing here for {scope['type']}.")
        started = time.perf_counter()
        with IN_PROGRESS.track_inprogress():
            answer = await self._exchange(scope, receive)
            # Before the client has it: what it asks next, of any worker, counts it.
            self._count(scope, answer[0], time.perf_counter() - started)
            if answer[0] != LEFT:
                await send_answer(send, *answer)

    async def _exchange(self, scope: dict[str, Any], receive: Receive) -> Answer:
        try:
            status, body, headers = await self._answer(scope, receive)
        except ClientLeft:
            return LEFT, b"", {}
        except Refusal as refusal:
            status, body, headers = self._refused(refusal)
        if self._service.stopping or status in (408, 413):
            # Its next request must find another pod; and what is left of a body is not read.
            headers = {**headers, "connection": "close"}
        return status, b"" if scope["method"] == "HEAD" else body, headers

    async def _answer(self, scope: dict[str, Any], receive: Receive) -> Answer:
        path = scope["path"]
        allowed = METHODS.get(path)
        if allowed is None:
            raise Refusal(404, "RESOURCE_DOES_NOT_EXIST", "There is /predict, /ready, /health and /metrics.")
        if scope["method"] not in allowed:
            raise Refusal(405, "METHOD_NOT_ALLOWED", f"{path} takes {' and '.join(allowed)}.")
        if path == "/health":
            return 200, b'{"status":"alive"}', {}
        if path == "/metrics":
            return 200, render_metrics(), {"content-type": CONTENT_TYPE}
        return self._readiness() if "GET" in allowed else await self._prediction(scope, receive)

    def _readiness(self) -> Answer:
        state, settings = self._service.state(), self._service.settings
        body = {"status": state, "model": settings.model_name, "version": settings.model_version}
        return (200 if state == "ready" else 503), to_bytes(body), {}

    async def _prediction(self, scope: dict[str, Any], receive: Receive) -> Answer:
        settings = self._service.settings
        check_json(scope)
        body = await read_body(scope, receive, settings.max_body_bytes, settings.body_seconds)
        try:
            return 200, await self._service.predict(body), {}
        except Refusal:
            raise
        except Exception as error:  # whatever a model's own code raises
            ERRORS.labels("model").inc()
            log(logging.ERROR, "prediction failed", error=error)
            raise Refusal(500, "INTERNAL_ERROR", "The model could not predict; its log says why.") from None

    @staticmethod
    def _refused(refusal: Refusal) -> Answer:
        if refusal.status == 400:
            ERRORS.labels("input").inc()
        return refusal.status, to_bytes(refusal.body()), {"retry-after": "1"} if refusal.status == 503 else {}

    @staticmethod
    def _count(scope: dict[str, Any], status: int, seconds: float) -> None:
        # Bounded: what a client makes up is not a label.
        path = scope["path"] if scope["path"] in METHODS else "other"
        method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "other"
        REQUESTS.labels(method, path, str(status)).inc()
        DURATION.labels(method, path).observe(seconds)
        log(logging.DEBUG, "request", method=method, path=path, status=status, seconds=round(seconds, 6))
