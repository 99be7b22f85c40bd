"""Accounts: find and change users, and verify their passwords."""

from __future__ import annotations

from flask_signet.accounts.app_accounts import AppAccounts as AppAccounts
from flask_signet.accounts.passwords import Passwords as Passwords
from flask_signet.accounts.service import Accounts as Accounts
from flask_signet.accounts.settings import AccountSettings as AccountSettings
from flask_signet.accounts.sqlalchemy_users import SQLAlchemyUsers as SQLAlchemyUsers
from flask_signet.accounts.tables import users_table as users_table
from flask_signet.accounts.user_ids import UserId as UserId
from flask_signet.accounts.users import Profile as Profile
from flask_signet.accounts.users import User as User
from flask_signet.accounts.users import Users as Users

__all__ = [
    "AccountSettings",
    "Accounts",
    "AppAccounts",
    "Passwords",
    "Profile",
    "SQLAlchemyUsers",
    "User",
    "UserId",
    "Users",
    "users_table",
]
