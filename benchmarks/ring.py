"""Cost of verifying a new token by the number of keys: 1 to 50."""

from __future__ import annotations

from benchmarks import measure
from benchmarks.guard import caller, environs, guarded_app
from flask_signet.clock import SYSTEM
from flask_signet.tokens import keys

ROUNDS = 41
CALLS = 60
SIZES = (1, 2, 10, 50)
AGAIN = 0  # stands for the second application with one key


def _settings(size: int) -> dict[str, object]:
    ring: list[dict[str, object]] = []
    for number in range(size):
        key = keys.generate("HS256", SYSTEM.token_bytes)
        assert key.private_jwk is not None
        ring.append({**key.private_jwk(), "status": "retired" if number else "current"})
    return {"JWT_KEYS": {"keys": ring}}


def main() -> None:
    """Print the table."""
    import flask_signet

    apps = {size: guarded_app(flask_signet, _settings(max(size, 1))) for size in (AGAIN, *SIZES)}
    waiting: dict[int, list[dict[str, object]]] = {}

    def prepare() -> int:
        for size, app in apps.items():
            with app.app_context():
                waiting[size] = [environs(flask_signet.create_access_token("5"), 1)[0] for _ in range(CALLS)]
        return 1

    def requests(size: int) -> measure.Work:
        call = caller(apps[size])

        def work() -> int:
            for environ in waiting[size]:
                call(environ)
            return CALLS

        return work

    work = {str(size): requests(size) for size in SIZES}
    taken = measure.interleaved({"prepare": prepare, **work, "1 again": requests(AGAIN)}, ROUNDS)
    rows = [[name, measure.median(taken[name]) * 1e6, measure.ratio(taken, name, "1")] for name in ("1 again", *work)]
    note = (
        f"Guarded requests with new HS256 tokens, medians of {ROUNDS} interleaved rounds of {CALLS}. Goal: flat. "
        '"1 again" is a second key set with one key: the noise of this run.'
    )
    measure.publish("ring", measure.table("Number of keys", ["keys", "µs", "against one key"], rows, note))


if __name__ == "__main__":
    main()
