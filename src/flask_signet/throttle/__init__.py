"""Limit how often a client may try costly or revealing actions. Attempts are counted in memory or in SQL."""

from __future__ import annotations

from flask_signet.throttle.attempts import Attempt as Attempt
from flask_signet.throttle.attempts import Throttle as Throttle
from flask_signet.throttle.policies import POLICIES as POLICIES
from flask_signet.throttle.policies import Action as Action
from flask_signet.throttle.policies import Policy as Policy

__all__ = ["POLICIES", "Action", "Attempt", "Policy", "Throttle"]
