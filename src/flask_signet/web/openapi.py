"""Generate the OpenAPI document of the routes that an application serves, from their rows.

Source: OpenAPI 3.1.0, JSON Schema 2020-12.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, get_args, get_origin, is_typeddict

from flask_signet.exceptions import MethodNotAllowed, SignetError
from flask_signet.web.answers import ErrorAnswer
from flask_signet.web.fields import Field, alternatives, fields_of
from flask_signet.web.routes import Route, Served

Json = dict[str, Any]

_PLAIN: Final[Mapping[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean"}
_VARIABLE: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_HEADERS: Final[Mapping[int, tuple[str, str, Json]]] = {
    401: ("WWW-Authenticate", "The expected credentials (RFC 6750 section 3).", {"type": "string"}),
    429: ("Retry-After", "Seconds to wait.", {"type": "integer", "minimum": 1}),
    503: ("Retry-After", "Seconds to wait.", {"type": "integer", "minimum": 1}),
}


def document(
    served: Iterable[Served],
    *,
    title: str,
    version: str,
    guards: Mapping[str, Json],
    credentials: Mapping[str, Json],
) -> Json:
    """Return the OpenAPI document.

    :param version: the version of the API.
    :param guards: name → security scheme of each place where guards look for an access token.
    :param credentials: name → security scheme of the credentials that rows name themselves.
    """
    rows = list(served)
    schemas: Json = {}
    errors = {MethodNotAllowed.code, *(kind.code for each in rows for kind in each.route.all_errors())}
    paths: dict[str, Json] = {}
    for each in rows:
        path = _VARIABLE.sub(r"{\1}", each.prefix + each.route.path)
        paths.setdefault(path, {})[each.route.method.lower()] = _operation(each, [*guards], schemas)
    if rows:
        _reference(ErrorAnswer, schemas)
        schemas[ErrorAnswer.__name__]["properties"]["error"]["enum"] = sorted(errors)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in rows)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {**guards, **credentials} if rows else {},
        },
    }


def _operation(served: Served, guards: list[str], schemas: Json) -> Json:
    row = served.route
    summary, _, description = (inspect.getdoc(row.view) or "").partition("\n")
    found: Json = {"operationId": row.name, "tags": [served.tag], "summary": summary.rstrip(".")}
    if description.strip():
        found["description"] = description.strip()
    if row.guard is not None:
        found["security"] = [{name: []} for name in guards]
    elif row.credentials:
        # The empty requirement: the token may also be in the body.
        found["security"] = [*({name: []} for name in row.credentials), {}]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(row.path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in (row.query or {}).items()
    ]
    if parameters:
        found["parameters"] = parameters
    if row.body is not None:
        schema = {"schema": _body(row, schemas)}
        kinds = ("application/json", *(_FORMS if row.body.form else ()))
        found["requestBody"] = {"required": not row.body.optional, "content": dict.fromkeys(kinds, schema)}
    found["responses"] = {**_answers(row, schemas), **_errors(row)}
    return found


def _body(row: Route[Any, Any], schemas: Json) -> Json:
    assert row.body is not None
    reference = _reference(row.body.type, schemas)
    if row.body.unknown is not None:
        schemas[row.body.type.__name__]["additionalProperties"] = False
    return reference


def _answers(row: Route[Any, Any], schemas: Json) -> Json:
    found: Json = {}
    for status, kind in row.answers.items():
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            found[str(status)]["content"] = {row.content_type: {"schema": _schema(kind, schemas)}}
    return found


def _errors(row: Route[Any, Any]) -> Json:
    by_status: dict[int, list[type[SignetError]]] = {}
    for kind in row.all_errors():
        by_status.setdefault(kind.status, []).append(kind)
    found: Json = {}
    for status, kinds in sorted(by_status.items()):
        codes = sorted({kind.code for kind in kinds})
        found[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}}},
        }
        if status in _HEADERS:
            name, meaning, schema = _HEADERS[status]
            header = {"description": meaning, "required": True, "schema": schema}
            found[str(status)]["headers"] = {name: header}
    return found


def _reference(kind: Any, schemas: Json) -> Json:
    """Return a reference to the schema of a dataclass or ``TypedDict``, and add it to *schemas* if it is new."""
    name = kind.__name__
    if name not in schemas:
        fields = fields_of(kind)
        schemas[name] = {
            "type": "object",
            "description": inspect.cleandoc(kind.__doc__ or ""),
            "properties": {field.name: _property(field, schemas, dataclasses.is_dataclass(kind)) for field in fields},
            "required": [field.name for field in fields if field.required],
        }
    return {"$ref": f"#/components/schemas/{name}"}


def _property(field: Field, schemas: Json, in_body: bool) -> Json:
    found = _any_of(field.types, field.nullable, schemas)
    note = field.note
    if note.about:
        found["description"] = note.about
    if note.format is not None:
        found["format"] = note.format
    if note.example is not None:
        found["examples"] = [note.example]
    if in_body and field.types == (str,):
        found["maxLength"] = note.max_length
        if field.required:
            found["minLength"] = 1
    if in_body and not field.required and field.default is not None:
        found["default"] = field.default
    return found


def _schema(hint: Any, schemas: Json) -> Json:
    return _any_of(*alternatives(hint), schemas)


def _any_of(types: tuple[Any, ...], nullable: bool, schemas: Json) -> Json:
    plain = [_PLAIN[kind] for kind in types if kind in _PLAIN]
    if len(plain) == len(types):
        names = [*plain, "null"] if nullable else plain
        return {"type": names[0] if len(names) == 1 else names}
    parts = [_one(kind, schemas) for kind in types] + ([{"type": "null"}] if nullable else [])
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _one(kind: Any, schemas: Json) -> Json:
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if is_typeddict(kind):
        return _reference(kind, schemas)
    made_of = get_origin(kind)
    if made_of is list:
        return {"type": "array", "items": _schema(get_args(kind)[0], schemas)}
    if made_of is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(kind)[1], schemas)}
    values = list(get_args(kind))  # a Literal
    return {"type": "string", "enum": values}
