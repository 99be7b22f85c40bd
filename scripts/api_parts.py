"""The parts of ``docs/api.md``: each yields Markdown for names that it looks up in the installed package.

Signatures are put together from strings that are the same on every Python: annotations as the source has them, defaults
only where they are plain values.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The heading of a group, and a sentence or two below it."""

    title: str
    words: str = ""

    def lines(self) -> Iterator[str]:
        """Yield the heading and the words, wrapped."""
        yield f"## {self.title}\n"
        yield textwrap.fill(self.words, 120, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callables:
    """Functions and methods, each with its signature and its arguments."""

    module: str
    names: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the Markdown of each; ``Signet.login`` is a method, ``Signet`` the class with its constructor."""
        for name in self.names:
            found = _static(self.module, name)
            if isinstance(found, property):
                shown = f"{name} -> {_written(found.fget.__annotations__['return'])}"
            else:
                shown = signature(name, found)
            yield from _entry(name, shown, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """A dataclass that the package makes and the application reads.

    :param names: the attributes to show; all if empty.
    """

    module: str
    name: str
    names: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the Markdown: a class with the types of its attributes."""
        found = _static(self.module, self.name)
        fields = [field for field in dataclasses.fields(found) if not self.names or field.name in self.names]
        shown = "\n".join([f"class {self.name}:", *(f"    {field.name}: {_written(field.type)}" for field in fields)])
        yield from _entry(self.name, shown, found, known={field.name for field in fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decorators:
    """Methods of one class that register a callback, as a table."""

    module: str
    owner: str
    ending: str

    def lines(self) -> Iterator[str]:
        """Yield a row for each method whose name has the ending."""
        owner: type = _static(self.module, self.owner)
        rows = [(f"`{name}`", first_line(found)) for name, found in vars(owner).items() if name.endswith(self.ending)]
        yield from _table(("decorator", "what the callback does"), rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """Every public exception of a module, as a table."""

    module: str

    def lines(self) -> Iterator[str]:
        """Yield a row for each class, in the order of the source."""
        module = importlib.import_module(self.module)
        rows: list[tuple[str, ...]] = []
        for name, found in vars(module).items():
            if not isinstance(found, type) or not issubclass(found, Exception) or name.startswith("_"):
                continue
            if name == found.__name__:
                fields = [f"`{field}`: {words}" for kind, field, words in docstring_fields(found) if kind == "param"]
                meaning = " ".join([first_line(found), *(f"Field {words}" for words in fields)])
                rows.append((f"`{name}`", ", ".join(f"`{base}`" for base in _public_bases(found)), meaning))
            else:
                rows.append((f"`{name}`", "", f"Another name of `{found.__name__}`."))
        yield from _table(("exception", "subclass of", "when"), rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """Modules of a package, as a table."""

    package: str
    names: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield a row for each module with the first line of its docstring."""
        rows = [(f"{self.package}.{name}", importlib.import_module(f"{self.package}.{name}")) for name in self.names]
        yield from _table(("module", "what it has"), [(f"`{name}`", first_line(found)) for name, found in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Names that are neither a class nor a function: what they are is said here, and their being there is checked."""

    module: str
    meanings: tuple[tuple[str, str], ...]

    def lines(self) -> Iterator[str]:
        """Yield the Markdown of each."""
        for name, meaning in self.meanings:
            _static(self.module, name)
            yield f"### `{name}`\n\n{meaning}\n"


Part = str | Heading | Callables | Attributes | Decorators | Exceptions | Modules | Values


class _Plain:
    """Stands in a signature for an annotation or a default, and is shown as the words that it holds."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __repr__(self) -> str:
        return self._words


def signature(name: str, found: Callable[..., Any]) -> str:
    """Return how *found* is called: on one line, or with one parameter a line if that is too long.

    :raises TypeError: an annotation is no string, so that how it is shown would depend on the version of Python.
    """
    called = inspect.signature(found)
    parameters = [each for each in called.parameters.values() if not ("." in name and each.name == "self")]
    shown = list(_parameters([_plain(each) for each in parameters]))
    result = "" if isinstance(found, type) else f" -> {_written(called.return_annotation)}"
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in shown) + f"){result}"


def _parameters(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Yield the parameters and the marks between their kinds, ``/`` and ``*``."""
    kinds = [None, *(each.kind for each in parameters)]
    for each, before in zip(parameters, kinds, strict=False):
        if before is each.POSITIONAL_ONLY and each.kind is not before:
            yield "/"
        if each.kind is each.KEYWORD_ONLY and before not in (each.KEYWORD_ONLY, each.VAR_POSITIONAL):
            yield "*"
        yield str(each)
    if kinds[-1] is inspect.Parameter.POSITIONAL_ONLY:
        yield "/"


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    if parameter.annotation is not parameter.empty:
        parameter = parameter.replace(annotation=_Plain(_written(parameter.annotation)))
    value = parameter.default
    if value is parameter.empty or value is None or value == () or isinstance(value, (bool, int, float)):
        return parameter
    if isinstance(value, str):
        return parameter.replace(default=_Plain(json.dumps(value)))
    # Any other repr may hold an address or a path, or differ from one Python to the next.
    return parameter.replace(default=_Plain("..."))


def _written(annotation: Any) -> str:
    if not isinstance(annotation, str):
        raise TypeError(f"{annotation!r} is no string: write `from __future__ import annotations` in its module")
    return annotation.replace("'", '"')  # as the house writes strings; the source's own quotes are lost by now


def first_line(found: Any) -> str:
    """Return the first line of a docstring as Markdown.

    :raises ValueError: there is no docstring of its own.
    """
    words = found.__doc__
    if not words:
        raise ValueError(f"{found!r} has no docstring: write one line that says what it is for")
    return markdown(inspect.cleandoc(words).partition("\n")[0])


def docstring_fields(found: Any) -> list[tuple[str, str, str]]:
    """Return the fields of a docstring: kind (``param``, ``raises``, ``returns``), name, words as Markdown."""
    fields: list[tuple[str, str, str]] = []
    going_on = False
    for line in inspect.cleandoc(found.__doc__ or "").splitlines():
        match = re.fullmatch(r":(param|raises|returns)(?: (\w+))?: (.*)", line)
        if match is not None:
            fields.append((match[1], match[2] or "", markdown(match[3])))
        elif going_on and line.startswith("    "):
            kind, name, words = fields[-1]
            fields[-1] = (kind, name, f"{words} {markdown(line.strip())}")
        going_on = match is not None or (going_on and line.startswith("    "))
    return fields


def markdown(words: str) -> str:
    """Return the inline markup of a docstring as Markdown; a reference becomes code, as Sphinx would show it."""
    words = re.sub(r":\w+:`~([^`]*\.)?([^`.]+)`", r"`\2`", words)
    words = re.sub(r":\w+:`([^`]+)`", r"`\1`", words)
    return re.sub(r"``([^`]+)``", r"`\1`", words)


def _entry(name: str, shown: str, found: Any, known: set[str] | None = None) -> Iterator[str]:
    """Yield a heading, the signature, the first line and the fields; *known* leaves out fields of other names."""
    yield f"### `{name}`\n\n```py\n{shown}\n```\n\n{first_line(found)}\n"
    rows: list[str] = []
    for kind, field, words in docstring_fields(found):
        if kind == "param" and (known is None or field in known):
            rows.append(f"- `{field}`: {words}")
        elif kind == "raises":
            rows.append(f"- raises `{field}`: {words}")
        elif kind == "returns":
            rows.append(f"- returns {words}")
    if rows:
        yield "\n".join(rows) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _static(module: str, path: str) -> Any:
    """Return what a dotted path names, a property as itself."""
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        # A module may make a name when it is asked for it.
        found = getattr(found, name) if isinstance(found, ModuleType) else inspect.getattr_static(found, name)
    return found


def _public_bases(found: type) -> list[str]:
    bases: list[str] = []
    for base in found.__bases__:
        bases += _public_bases(base) if base.__name__.startswith("_") else [base.__name__]
    return bases
