"""Bodies over ASGI, within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Callable

from .refusal import Refusal

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
JSON = "application/json"


class ClientLeft(Exception):
    """The connection ended before the body did."""


def header_of(scope: dict[str, Any], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def check_json(scope: dict[str, Any]) -> None:
    """Raises Refusal unless the body is said to be JSON in UTF-8."""
    kind, *parameters = (header_of(scope, b"content-type") or "").lower().split(";")
    charset = next(
        (part.split("=", 1)[1].strip(' "') for part in parameters if part.strip().startswith("charset=")), ""
    )
    if kind.strip() != JSON or charset not in ("", "utf-8"):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "The Content-Type must be application/json, in UTF-8.")


async def read_body(scope: dict[str, Any], receive: Receive, limit: int, seconds: int) -> bytes:
    """Raises Refusal (408, 413), ClientLeft."""
    declared = header_of(scope, b"content-length") or ""
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        return await asyncio.wait_for(_read(receive, limit), seconds)
    except asyncio.TimeoutError:
        raise Refusal(408, "REQUEST_TIMEOUT", f"The body did not arrive within {seconds} s.") from None


async def _read(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "REQUEST_ENTITY_TOO_LARGE", f"The body may have {limit} bytes at most.")


def to_bytes(body: dict[str, str]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


async def send_answer(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    named = {"content-type": JSON, "content-length": str(len(body)), **headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
