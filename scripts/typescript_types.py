"""Write the types of the npm package that are the server's: ``js/src/codes.ts`` and ``js/src/bodies.ts``.

``typescript_types.py`` writes them; ``typescript_types.py --check`` exits with 1 if they are not what would be written.
They come from the classes of ``flask_signet.exceptions`` and from the rows of the routes.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, is_typeddict

from flask_signet.exceptions import SignetError
from flask_signet.house_routes import ROUTES
from flask_signet.web.answers import ErrorAnswer
from flask_signet.web.fields import Field, alternatives, fields_of

FOLDER = Path(__file__).parent.parent / "js" / "src"
WRITTEN = "// Written by scripts/typescript_types.py, which `make format` calls; `make lint` compares."
PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", Any: "unknown"}


def errors(kind: type[SignetError] = SignetError) -> Iterator[type[SignetError]]:
    """Yield the classes of the package."""
    if kind.__module__.startswith("flask_signet."):
        yield kind
    for child in kind.__subclasses__():
        yield from errors(child)


def codes() -> str:
    """Return the content of ``codes.ts``."""
    found = "\n".join(f"  | {json.dumps(code)}" for code in sorted({kind.code for kind in errors()}))
    return f"""{WRITTEN}

/** Every `error` that the server answers with; stable once released. */
export type ServerErrorCode =
{found};
"""


def named_types(hint: Any) -> Iterator[Any]:
    """Yield the ``TypedDict`` that *hint* is or holds."""
    if is_typeddict(hint):
        yield hint
    for part in get_args(hint):
        yield from named_types(part)


def bodies() -> str:
    """Return the content of ``bodies.ts``: the bodies of requests and answers."""
    rows = [row for rows in ROUTES.values() for row in rows]
    kinds: list[Any] = [row.body.type for row in rows if row.body is not None]
    kinds += [kind for row in rows for answer in row.answers.values() for kind in named_types(answer)]
    kinds.append(ErrorAnswer)
    there = sorted(set(kinds), key=lambda kind: kind.__name__)
    parts = [WRITTEN, 'import type { ServerErrorCode } from "./codes.js";', *map(interface, there)]
    return "\n\n".join([f"{parts[0]}\n{parts[1]}", *parts[2:]]) + "\n"


def interface(kind: Any) -> str:
    """Return the interface of one object."""
    members = "\n".join(member(kind, field) for field in fields_of(kind))
    return f"/** {one_line(inspect.getdoc(kind) or '')} */\nexport interface {kind.__name__} {{\n{members}\n}}"


def member(kind: Any, field: Field) -> str:
    """Return one line of an interface, and before it what is said of the field."""
    about = f"  /** {one_line(field.note.about)} */\n" if field.note.about else ""
    # A body leaves out what it does not send; it holds null only where that says something else.
    nullable = field.nullable and (is_typeddict(kind) or field.note.null is not None)
    found = "ServerErrorCode" if (kind, field.name) == (ErrorAnswer, "error") else union(field.types, nullable)
    return f"{about}  readonly {field.name}{'' if field.required else '?'}: {found};"


def union(types: tuple[Any, ...], nullable: bool) -> str:
    """Return the TypeScript type of a value."""
    return " | ".join([*map(one, types), *(["null"] if nullable else [])])


def one(kind: Any) -> str:
    """Return the TypeScript type of one alternative."""
    if kind in PLAIN:
        return PLAIN[kind]
    if is_typeddict(kind):
        return kind.__name__
    parts = get_args(kind)
    if get_origin(kind) is list:
        inner = union(*alternatives(parts[0]))
        return f"readonly {inner if ' | ' not in inner else f'({inner})'}[]"
    if get_origin(kind) is dict:
        return f"Readonly<Record<string, {union(*alternatives(parts[1]))}>>"
    return " | ".join(json.dumps(choice) for choice in parts)


def one_line(text: str) -> str:
    """Return *text* without line breaks."""
    return " ".join(text.split())


def main() -> int:
    """Write or compare the files."""
    written = {FOLDER / "codes.ts": codes(), FOLDER / "bodies.ts": bodies()}
    if "--check" not in sys.argv[1:]:
        for path, text in written.items():
            path.write_text(text, "utf-8")
        return 0
    stale = [path.name for path, text in written.items() if not path.exists() or path.read_text("utf-8") != text]
    if stale:
        print(f"js/src: {' and '.join(stale)} differ from the server. Run: make format", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
