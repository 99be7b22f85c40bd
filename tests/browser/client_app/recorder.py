"""WSGI middleware that writes down every request, and on demand does what a bad network does."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: No trick lasts longer than this, so that a test which forgot one fails instead of hanging; seconds.
LONGEST = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trick:
    """What happens to the next request of a route.

    :ivar route: method and path, ``POST /token/refresh``.
    :ivar how: ``status``: answer this and do not ask the application; ``lose``: the application works, its answer is
        cut off; ``hold``: the answer waits for the test; ``gather``: the request waits until *number* of *until* came.
    """

    route: str
    how: str
    status: int = 0
    retry_after: str | None = None
    until: str = ""
    number: int = 0


class Recorder:
    """Stands before the application."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._tricks: list[Trick] = []
        self._changed = threading.Condition()
        self.release = threading.Event()
        self.seen: list[dict[str, Any]] = []

    def prepare(self, *, times: int = 1, **trick: Any) -> None:
        """Have the next *times* requests of a route meet a trick."""
        self.release.clear()
        with self._changed:
            self._tricks += [Trick(**trick)] * times

    def reset(self) -> None:
        """Release all waiting requests, and delete what was recorded."""
        self.release.set()
        with self._changed:
            self._tricks.clear()
            self.seen.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        if "/test/" in route:
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        entry: dict[str, Any] = {
            "route": route,
            "body": body.decode(),
            "token": environ.get("HTTP_AUTHORIZATION"),
            "status": None,
        }
        with self._changed:
            trick = next((one for one in self._tricks if one.route == route), None)
            if trick is not None:
                self._tricks.remove(trick)
            self.seen.append(entry)
            self._changed.notify_all()
        if trick is not None and trick.how == "gather":
            self._gather(trick)
        if trick is not None and trick.how == "status":
            return self._refuse(trick, entry, start_response)

        answered: list[Any] = []
        chunks = self._app(environ, lambda *given: answered.extend(given))
        try:
            whole = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        with self._changed:
            entry["status"] = int(answered[0].split()[0])
            self._changed.notify_all()
        if trick is not None and trick.how == "hold":
            self.release.wait(LONGEST)
        if trick is not None and trick.how == "lose":
            entry["status"] = None
            # The beginning of an answer does come: a browser sends again by itself what had no answer at all.
            environ["gunicorn.socket"].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{")
            environ["gunicorn.socket"].shutdown(2)
        start_response(*answered)
        return [whole]

    def _gather(self, trick: Trick) -> None:
        """Wait until *number* of *until* were answered (or came at all, if it is the route itself)."""

        def enough() -> bool:
            came = [one for one in self.seen if one["route"] == trick.until]
            return sum(one["status"] is not None or trick.until == trick.route for one in came) >= trick.number

        end = time.monotonic() + LONGEST
        with self._changed:
            while not enough() and time.monotonic() < end:
                self._changed.wait(0.1)

    def _refuse(self, trick: Trick, entry: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer as a proxy does before the application, with a page that is no JSON."""
        entry["status"] = trick.status
        headers = [("Content-Type", "text/html")]
        if trick.retry_after is not None:
            headers.append(("Retry-After", trick.retry_after))
        start_response(f"{trick.status} Refused", headers)
        return [b"<h1>Refused</h1>"]
