"""Who asks, as a guard knows it after it accepted a token."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from flask_signet.tokens.claims import Policy
from flask_signet.tokens.verifier import Verified
from flask_signet.web.principal import Principal, of_token


def principal(**claims: Any) -> Principal:
    return of_token(Verified({"alg": "HS256"}, {"sub": "5", **claims}, Policy()), fresh=False)


def test_a_token_says_who_asks_by_which_session() -> None:
    asked = principal(sid="s1", plan={"name": "small"})

    assert ("jwt", "5", "s1", False) == (asked.kind, asked.user_id, asked.session_id, asked.fresh)
    assert {"name": "small"} == asked.claims["plan"]
    assert (frozenset(), frozenset()) == (asked.scopes, asked.roles)


@pytest.mark.parametrize("sid", [None, 7, ["s1"]])
def test_a_session_id_that_is_no_string_is_no_session(sid: Any) -> None:
    assert principal(sid=sid).session_id is None


def test_a_principal_cannot_be_changed_and_its_repr_hides_the_claims() -> None:
    asked = principal(csrf="secret-csrf-value")
    with pytest.raises(FrozenInstanceError):
        asked.user_id = "6"  # type: ignore[misc]

    assert "secret-csrf-value" not in repr(asked)
