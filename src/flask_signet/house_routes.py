"""Register the routes that the settings turn on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Protocol, TypedDict

from flask import Flask, Response

from flask_signet.accounts import routes as account_routes
from flask_signet.exceptions import SettingsError
from flask_signet.room import AnyRoom, OnRoom
from flask_signet.sessions import account_routes as session_account_routes
from flask_signet.sessions import conflicts as session_conflicts
from flask_signet.sessions import mfa_route
from flask_signet.sessions import routes as token_routes
from flask_signet.sessions.conflicts import GROUPS
from flask_signet.sessions.service import Sessions
from flask_signet.settings import nearest, text
from flask_signet.web import jwks
from flask_signet.web.answers import json_answer
from flask_signet.web.fields import Note
from flask_signet.web.routes import Call, Route, serve


class Services(Protocol):
    """What the view of this module needs."""

    @property
    def sessions(self) -> Sessions:
        """The session service."""
        ...


class HealthAnswer(TypedDict):
    """The store answers."""

    status: Annotated[Literal["ok"], Note(example="ok")]


def health(call: Call[Services, None]) -> Response:
    """Say whether the store answers.

    It is asked at most once a second.
    """
    call.services.sessions.health.check()
    return json_answer({"status": "ok"})


HEALTH: Final[Route[Services, None]] = Route(
    method="GET", path="/health", view=health, guard=None, answers={200: HealthAnswer}
)

#: Group → its rows: all routes that there are, served or not.
ROUTES: Final[Mapping[str, tuple[Route[Any, Any], ...]]] = MappingProxyType(
    {
        "token": (*token_routes.ROUTES, mfa_route.ROUTE),
        "account": (*account_routes.ROUTES, *session_account_routes.ROUTES),
        "jwks": jwks.ROUTES,
        "health": (HEALTH,),
    }
)


#: The rows that are served only if a login may require a second factor.
OF_STEPS: Final[tuple[Route[Any, Any], ...]] = (mfa_route.ROUTE,)


def served_rows(*, has_steps: bool) -> dict[str, tuple[Route[Any, Any], ...]]:
    """Return the groups with the rows that an application can serve.

    :param has_steps: whether a login may require a second factor.
    """
    return {group: tuple(row for row in rows if has_steps or row not in OF_STEPS) for group, rows in ROUTES.items()}


class RoomServices(Services, Protocol):
    """What is asked of the house of an application here."""

    @property
    def on(self) -> tuple[OnRoom[Any, Any], ...]:
        """The rooms that are on."""
        ...

    @property
    def has_steps(self) -> bool:
        """Whether a login may be asked for more after its first proof."""
        ...

    def service_of(self, room: AnyRoom) -> Any:
        """Return the service of a room that is on."""
        ...


def _of_room(room: AnyRoom, row: Route[Any, Any]) -> Route[RoomServices, Any]:
    """Return a row of *room* whose view is handed the service of the room; it is opened by the first request."""

    @wraps(row.view)
    def view(call: Call[RoomServices, Any]) -> Response:
        return row.view(replace(call, services=call.services.service_of(room)))

    return replace(row, view=view)


def register_routes(app: Flask) -> None:
    """Serve the groups of routes that ``SIGNET_ROUTES`` names, below ``SIGNET_URL_PREFIX``.

    :raises SettingsError: one of the two settings is wrong.
    """
    prefix = text(app.config, "SIGNET_URL_PREFIX") or None
    if prefix is not None and not prefix.startswith("/"):
        raise SettingsError(f"SIGNET_URL_PREFIX must begin with a slash: {'/' + prefix!r}, not {prefix!r}")
    groups = session_conflicts.groups(app.config)
    for group in groups:
        if group not in GROUPS:
            known = ", ".join(map(repr, GROUPS))
            raise SettingsError(f"SIGNET_ROUTES can hold {known}, not {group!r}{nearest(group, GROUPS)}")
    house: RoomServices = app.extensions["signet"]
    rows = served_rows(has_steps=house.has_steps)
    chosen = {group: rows[group] for group in ROUTES if group in groups and group != "jwks"}
    for on in house.on:
        chosen[on.room.name] = tuple(_of_room(on.room, row) for row in on.room.routes)
    serve(app, "signet", chosen, house, prefix=prefix)
    app.extensions["signet-apis"] = ["signet"]
    if "jwks" in groups:
        # Where every client looks for it, whatever the prefix (RFC 8615).
        app.extensions["signet-apis"].append(jwks.add_jwks_route(app))
