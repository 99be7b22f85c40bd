"""The cost of a new token beside the size of the ring: 1 key to 50."""

from __future__ import annotations

from benchmarks import measure
from benchmarks.guard import caller, environs, guarded_app
from flask_signet.clock import SYSTEM
from flask_signet.tokens import keys

ROUNDS = 41
CALLS = 60
SIZES = (1, 2, 10, 50)


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

    apps = {size: guarded_app(flask_signet, _settings(size)) for size in SIZES}
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

    taken = measure.interleaved({"prepare": prepare, **{str(size): requests(size) for size in SIZES}}, ROUNDS)
    rows = [[size, measure.median(taken[str(size)]) * 1e6, measure.ratio(taken, str(size), "1")] for size in SIZES]
    note = f"Guarded requests with new HS256 tokens, medians of {ROUNDS} interleaved rounds of {CALLS}. Goal: flat."
    measure.publish("ring", measure.table("Size of the ring", ["keys", "µs", "against one key"], rows, note))


if __name__ == "__main__":
    main()
