"""Serve an ASGI application from a thread.

Every stand-in runs inside the process that wants it, so its server must not own the main thread, must tell
the port it got, and must be gone when its owner is.
"""

import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from sandbox.running import Running

LOOPBACK = "127.0.0.1"
_START_SECONDS = 10.0


class LoopbackServer(Running):
    """One application on 127.0.0.1, accepting connections between `start` and `stop`.

    Port 0 takes a free one. The port is bound on construction, so `url` is known before anything is served.
    """

    def __init__(self, app: ASGIApp, *, port: int = 0) -> None:
        self._socket = listening(port)
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", access_log=False, ws="none", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name=f"serve {self.url}", daemon=True
        )

    def start(self) -> None:
        """Return once connections are answered; raise `RuntimeError` when that takes over ten seconds."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self._server.should_exit = True
                raise RuntimeError(f"the server for {self.url} did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """Close the port and end the thread; open requests get one second."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()


def listening(port: int) -> socket.socket:
    """Listen at once, so that clients may connect before the server's loop runs.

    asyncio turns Nagle's algorithm off only on sockets that name their protocol; left on, it costs a
    kept-alive connection 40 ms a call.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen()
    return listener
