"""The worst token that somebody may send: what it costs beyond the signature check."""

from __future__ import annotations

from benchmarks import measure
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import SignetError
from flask_signet.tokens import base64url, keys
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.verifier import Verifier

ROUNDS = 15
CAP = 8_192


def _hostile(issuer: Issuer, header: bytes) -> dict[str, str]:
    def signed(payload: bytes) -> str:
        """Signed by us, so that the payload is reached: whoever can do this has a key, and still must not hang us."""
        message = header + b"." + base64url.encode(payload)
        assert issuer.key.sign is not None
        return (message + b"." + base64url.encode(issuer.key.sign(message))).decode()

    def forged(head: bytes) -> str:
        return (base64url.encode(head) + b".e30." + b"A" * 43).decode()

    room = (CAP - len(header) - 50) * 3 // 4
    brackets = room // 2 - 10
    return {
        "payload: nested brackets": signed(b"[" * brackets + b"]" * brackets),
        "payload: nested objects": signed(b'{"a":' * (room // 6) + b"1" + b"}" * (room // 6)),
        "payload: one name many times": signed(b"{" + b",".join([b'"a":1'] * (room // 6 - 2)) + b"}"),
        "payload: many names": signed(b"{" + b",".join(b'"%x":1' % n for n in range(room // 9)) + b"}"),
        "payload: long number": signed(b'{"exp":' + b"9" * (room - 12) + b"}"),
        "payload: long fraction": signed(b'{"exp":0.' + b"9" * (room - 16) + b"}"),
        "payload: many surrogates": signed(b'{"a":"' + b"\\ud83d\\ude00" * (room // 12 - 2) + b'"}'),
        "header: nested brackets": forged(b"[" * (room // 2)),
        "header: many names": forged(b"{" + b",".join(b'"%x":1' % n for n in range(room // 9)) + b"}"),
        "header: long kid": forged(b'{"alg":"HS256","kid":"' + b"k" * (room - 60) + b'"}'),
        "dots": "." * (CAP - 1),
        "one long segment": "A" * (CAP - 1),
        "64 KiB": "A" * 65_536 + ".e30.AAAA",
        "5 MB": "A" * 5_000_000 + ".e30.AAAA",
    }


def main() -> None:
    """Print the table."""
    key = keys.symmetric(SYSTEM.token_bytes(32), "HS256")
    issuer = Issuer(key)
    verifier = Verifier((key,), Policy(max_token_bytes=CAP))
    header = issuer.issue({}).encode().partition(b".")[0]
    tokens = _hostile(issuer, header)

    def judge(token: str) -> measure.Work:
        def work() -> int:
            try:
                verifier.verify(token, 0)
            except SignetError:
                pass
            return 1

        return work

    def primitive() -> int:
        key.verify(b"A" * CAP, b"A" * 32)
        return 1

    work = {name: judge(token) for name, token in tokens.items()}
    work |= {f"{name} again": judge(token) for name, token in tokens.items()} | {"primitive": primitive}
    taken = measure.interleaved(work, ROUNDS)
    primitive_ms = measure.median(taken["primitive"]) * 1e3
    rows: list[list[object]] = []
    for name, token in tokens.items():
        small = len(token) <= CAP
        cost = measure.median(taken[name]) * 1e3
        milliseconds = f"{cost - primitive_ms if small else cost:.3f}"
        noise = measure.ratio(taken, f"{name} again", name)
        rows.append([name, len(token), milliseconds, noise, "< 5" if small else "< 1"])
    note = (
        f"Medians of {ROUNDS} rounds; the signature check ({primitive_ms:.3f} ms for 8 KiB) is taken off up to 8 KiB. "
        '"again / once" is the same token measured twice: the noise of this run.'
    )
    measure.publish(
        "hostile", measure.table("Hostile tokens", ["token", "bytes", "ms", "again / once", "goal"], rows, note)
    )


if __name__ == "__main__":
    main()
