"""Several processes on one listening socket, and the parent that ends with them."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

from .logs import log
from .settings import Settings

#: What a worker is told: its index, the listening socket, a pipe that ends with the parent, the shared folder.
VARIABLE = "BELAY_WORKER"


class Workers:
    """One that dies takes the others with it: the container is started anew, whole."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._stopping = False
        self._processes: list[subprocess.Popen[bytes]] = []
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._stop)
        self._folder = tempfile.mkdtemp(prefix="belay-")
        alive, self._held = os.pipe()
        shared = (listener.fileno(), alive)
        for index in range(settings.workers):
            self._processes.append(self._start(index, shared))
        # The socket must close when the last worker closes it.
        listener.close()
        os.close(alive)

    def _start(self, index: int, shared: tuple[int, int]) -> subprocess.Popen[bytes]:
        told = ":".join(map(str, (index, *shared, self._folder)))
        environment = {**os.environ, VARIABLE: told, "PROMETHEUS_MULTIPROC_DIR": self._folder}
        return subprocess.Popen([sys.executable, "-m", __package__], env=environment, pass_fds=shared)

    def run(self) -> int:
        """The code the container ends with."""
        while all(process.poll() is None for process in self._processes):
            time.sleep(0.1)
        if not self._stopping:
            log(logging.ERROR, "a worker ended", codes=[process.poll() for process in self._processes])
            self._tell(signal.SIGTERM)
        codes = [process.wait() for process in self._processes]
        shutil.rmtree(self._folder, ignore_errors=True)
        # A worker that had not begun yet was ended by the signal itself.
        return 0 if self._stopping and {*codes} <= {0, -signal.SIGTERM, -signal.SIGINT} else 1

    def _stop(self, sig: int, frame: FrameType | None) -> None:
        self._stopping = True
        self._tell(sig)

    def _tell(self, sig: int) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(sig)


class Told:
    """What this process was told by its parent, when it is a worker."""

    def __init__(self, told: str, workers: int) -> None:
        index, listener, alive, folder = told.split(":", 3)
        self.listener = socket.socket(fileno=int(listener))
        self.marks = [Path(folder, f"loaded-{one}") for one in range(workers)]
        self.own = self.marks[int(index)]
        threading.Thread(target=_end_with_parent, args=(int(alive),), daemon=True).start()


def _end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os._exit(1)
