"""`python -m belay_serving`: serves until SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import sys

from .logs import start_logs
from .settings import Settings, UnusableSettings, read_settings
from .workers import VARIABLE, Told, Workers


def listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048, dualstack_ipv6=both)
    # asyncio leaves it to us where the socket is not of its making; head and body of an answer are two writes.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def main() -> int:
    # The first process of a container ignores a signal it has no handler for.
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: os._exit(0))
    try:
        settings = read_settings()
        start_logs(settings.log_level)
        told = os.environ.get(VARIABLE)
        if told is None and settings.workers > 1:
            return Workers(settings, listen(settings)).run()
        return _serve(settings, told)
    except UnusableSettings as error:
        print(f"The environment cannot be used: {error}", file=sys.stderr)
    except OSError as error:
        print(f"The server cannot listen: {error}", file=sys.stderr)
    return 2


def _serve(settings: Settings, told: str | None) -> int:
    # Not before: it decides by the environment whose numbers it shows.
    from .worker import serve

    if told is None:
        serve(settings, listen(settings), [], None)
    else:
        worker = Told(told, settings.workers)
        serve(settings, worker.listener, worker.marks, worker.own)
    return 0


if __name__ == "__main__":
    sys.exit(main())
