"""Define our routes as data: each :class:`Route` is served, guarded and documented from one row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar, cast

from flask import Flask, Response, request

from flask_signet.exceptions import (
    CSRFError,
    FreshTokenRequired,
    InvalidRequest,
    JWTExtendedException,
    NoAuthorizationError,
    RateLimited,
    RevokedTokenError,
    SignetError,
    TokenExpired,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from flask_signet.web.api import Api
from flask_signet.web.bodies import Body
from flask_signet.web.clashes import clashes_of
from flask_signet.web.guards import jwt_required
from flask_signet.web.other_methods import answer_other_methods

S = TypeVar("S")
B = TypeVar("B")
Credential = Literal["bearer", "cookie"]

_EXTENSION: Final = "signet-routes"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Guard:
    """The access token that a route requires.

    :param fresh: whether the user must have entered a password to get the token.
    """

    fresh: bool = False


TOKEN: Final = Guard()
FRESH_TOKEN: Final = Guard(fresh=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call(Generic[S, B]):
    """One request, as passed to a view.

    :param services: the services that were passed to :func:`serve`.
    :param path: the variables of the path.
    """

    services: S
    path: Mapping[str, str]
    _body: Body[B] | None

    def body(self, by_other_names: Callable[[], bool] | None = None) -> B:
        """Read and check the body. The view calls this, because it decides the order of its checks.

        :param by_other_names: see :meth:`Body.read`.
        :raises RequestError: the body is invalid.
        """
        assert self._body is not None, "the row of this view has no body"
        return self._body.read(request, by_other_names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Route(Generic[S, B]):
    """One route.

    :param path: in Flask's syntax, without the prefix.
    :param view: returns the response or raises one of *errors*. Its docstring is the summary and the description.
    :param guard: the token that a client must send before the view runs; ``None``: the route is public.
    :param body: how the body is read; ``None``: the route has no body.
    :param answers: status → type of the JSON object or list, or ``None`` for a response without a body.
    :param errors: the errors that the view raises. The errors of guard, body and action are added.
    :param action: the name of the throttled action that the view performs.
    :param credentials: the credentials that the view of a public route accepts; one of them is enough.
    :param query: name → meaning of each parameter of the query string.
    :param content_type: the media type of the responses.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    view: Callable[[Call[S, B]], Response]
    guard: Guard | None
    answers: Mapping[int, Any]
    body: Body[B] | None = None
    errors: tuple[type[SignetError], ...] = ()
    action: str | None = None
    credentials: tuple[Credential, ...] = ()
    query: Mapping[str, str] | None = None
    content_type: str = "application/json"

    @property
    def name(self) -> str:
        """The name of the view. The endpoint is the name of the blueprint and this name."""
        return self.view.__name__

    def all_errors(self) -> tuple[type[SignetError], ...]:
        """Return the errors that the route may answer with, each class once."""
        found: list[type[SignetError]] = []
        if self.guard is not None:
            found += [NoAuthorizationError, JWTExtendedException, TokenExpired, RevokedTokenError]
            if self.guard.fresh:
                found.append(FreshTokenRequired)
        if self.body is not None:
            found += [InvalidRequest, TooLarge, UnsupportedMediaType]
        if "cookie" in self.credentials:
            found.append(CSRFError)
        if self.action is not None:
            found.append(RateLimited)
        return tuple(dict.fromkeys((*found, *self.errors, Unavailable)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """A row, and the prefix and group under which an application serves it."""

    route: Route[Any, Any]
    prefix: str
    tag: str


def serve(
    app: Flask,
    name: str,
    groups: Mapping[str, Iterable[Route[S, Any]]],
    services: S,
    *,
    prefix: str | None = None,
) -> None:
    """Register rows with *app* as one blueprint.

    :param name: name of the blueprint; an endpoint is ``<name>.<view>``.
    :param groups: group → its rows.
    :param services: passed to the views.
    :param prefix: path before each row.
    :raises SettingsError: the application defines one of the routes itself.
    """
    api = Api(name, url_prefix=prefix)
    there = cast("list[Served]", app.extensions.setdefault(_EXTENSION, []))
    for group, rows in groups.items():
        for row in rows:
            api.add_url_rule(row.path, row.name, _view(row, services), methods=[row.method])
            there.append(Served(route=row, prefix=prefix or "", tag=group))
    app.register_blueprint(api)
    clashes_of(app).protect(name)
    answer_other_methods(app, name)


def served_by(app: Flask) -> Iterator[Served]:
    """Yield the rows that *app* serves."""
    yield from app.extensions.get(_EXTENSION, ())


def _view(row: Route[S, Any], services: S) -> Callable[..., Response]:
    view, body = row.view, row.body

    def called(**path: str) -> Response:
        return view(Call(services, path, body))

    called.__name__ = row.name
    called.__doc__ = view.__doc__
    return called if row.guard is None else jwt_required(fresh=row.guard.fresh)(called)
