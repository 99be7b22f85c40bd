"""A protected request in process: bare route, Flask-JWT-Extended, Flask-Signet; with seen and new tokens.

One function creates both protected applications; only the imported library differs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import count
from types import ModuleType
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from benchmarks import measure
from flask_signet.clock import SYSTEM
from flask_signet.tokens import keys

ALGORITHMS = ("HS256", "EdDSA", "ES256", "RS256")
# Many short rounds, so that other load of the machine affects all alike.
ROUNDS = 100
CALLS = 60
GOALS = {"HS256": "≥ 6", "EdDSA": "≥ 2", "ES256": "≥ 2.6", "RS256": "–"}


def bare_app() -> Flask:
    """Return the application without any guard."""
    app = Flask("bare")

    @app.get("/protected")
    def protected() -> dict[str, str]:
        return {"user": "5"}

    return app


def guarded_app(library: ModuleType, config: dict[str, Any]) -> Flask:
    """Return the same application, guarded by *library*."""
    app = Flask(library.__name__)
    app.config.update(config)
    library.JWTManager(app)

    @app.get("/protected")
    @library.jwt_required()
    def protected() -> dict[str, str]:
        return {"user": library.get_jwt_identity()}

    return app


def key_settings(algorithm: str) -> dict[str, Any]:
    """Return the settings of a new key of *algorithm*, as both libraries read them."""
    if algorithm.startswith("HS"):
        return {"JWT_ALGORITHM": algorithm, "JWT_SECRET_KEY": SYSTEM.token_bytes(32).hex()}
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    jwk = keys.generate(algorithm, SYSTEM.token_bytes)
    assert jwk.private_jwk is not None
    private = _private_object(jwk.private_jwk())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"JWT_ALGORITHM": algorithm, "JWT_PRIVATE_KEY": pem, "JWT_PUBLIC_KEY": public}


def _private_object(jwk: dict[str, Any]) -> Any:
    from jwt import PyJWK

    return PyJWK(jwk).key


def caller(app: Flask) -> Callable[[dict[str, Any]], None]:
    """Return a function that runs one WSGI request and raises unless the status is 200."""

    def call(environ: dict[str, Any]) -> None:
        status: list[str] = []
        body = app.wsgi_app(environ, lambda line, headers, exc_info=None: status.append(line))  # type: ignore[arg-type,return-value]
        b"".join(body)
        if status != ["200 OK"]:
            raise RuntimeError(f"{app.name} answered {status}")

    return call


def environs(token: str | None, count: int) -> list[dict[str, Any]]:
    """Return *count* fresh environs of one GET."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    environ = EnvironBuilder("/protected", headers=headers).get_environ()
    return [dict(environ) for _ in range(count)]


def measured(algorithm: str) -> list[object]:
    """Return one row of the table."""
    theirs, ours = importlib.import_module("flask_jwt_extended"), importlib.import_module("flask_signet")
    settings = key_settings(algorithm)
    bare, peer, signet = bare_app(), guarded_app(theirs, settings), guarded_app(ours, settings)
    with signet.app_context():
        seen = ours.create_access_token("5")

    waiting: dict[str, list[dict[str, Any]]] = {}
    rounds = count(1_000)  # not the numbers that the order of the requests is drawn from

    def prepare() -> int:
        # Created before the round is timed, each time in another order: what is allocated first is about 3 % faster.
        # A new token is never used twice.
        for name in measure.shuffled(("bare", "bare again", "peer", "hot", "new"), next(rounds)):
            if name == "new":
                with signet.app_context():
                    waiting[name] = [environs(ours.create_access_token("5"), 1)[0] for _ in range(CALLS)]
            else:
                waiting[name] = environs(seen, CALLS)
        return 1

    def requests(name: str, call: Callable[[dict[str, Any]], None]) -> measure.Work:
        def work() -> int:
            for environ in waiting[name]:
                call(environ)
            return CALLS

        return work

    work = {"prepare": prepare}
    for name, app in (("bare", bare), ("bare again", bare), ("peer", peer), ("hot", signet), ("new", signet)):
        work[name] = requests(name, caller(app))
    taken = measure.interleaved(work, ROUNDS)
    extra = [
        (peer - bare) / (new - bare) for peer, new, bare in zip(taken["peer"], taken["new"], taken["bare"], strict=True)
    ]
    return [
        algorithm,
        measure.median(taken["bare"]) * 1e6,
        measure.ratio(taken, "bare again", "bare"),
        measure.ratio(taken, "peer", "bare"),
        measure.ratio(taken, "hot", "bare"),
        measure.ratio(taken, "new", "bare"),
        measure.median(extra),
        GOALS[algorithm],
    ]


def main() -> None:
    """Print the table."""
    head = ["algorithm", "bare µs", "bare / bare", "Flask-JWT-Extended / bare", "seen token / bare", "new token / bare"]
    head += ["extra time, theirs / ours (new token)", "goal"]
    rows = [measured(algorithm) for algorithm in ALGORITHMS]
    note = (
        f"Medians of {ROUNDS} interleaved rounds of {CALLS} requests, WSGI in one process. Goal, seen token: ≤ 1.10. "
        '"bare / bare" compares the same application with itself: the noise of this run.'
    )
    measure.publish("guard", measure.table("A guarded request", head, rows, note))


if __name__ == "__main__":
    main()
