"""A Flask-AppBuilder application as its users write one; nothing here knows of Flask-Signet."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from flask_appbuilder import AppBuilder
from flask_appbuilder.api import BaseApi, expose, protect, safe
from flask_appbuilder.models.sqla.base import SQLA

app = Flask(__name__)
app.config.update(
    SECRET_KEY=os.environ["SECRET_KEY"],
    SQLALCHEMY_DATABASE_URI="sqlite:///" + os.path.join(os.environ["STAFF_FOLDER"], "staff.sqlite3"),
)
db = SQLA(app)
appbuilder = AppBuilder()


class GreetingApi(BaseApi):
    resource_name = "greeting"

    @expose("/")
    @protect()
    @safe
    def greet(self) -> Any:
        return self.response(200, message=f"Hello {appbuilder.sm.current_user.username}")


with app.app_context():
    appbuilder.init_app(app, db.session)
    appbuilder.add_api(GreetingApi)
    if appbuilder.sm.find_user("maria") is None:
        admin = appbuilder.sm.find_role("Admin")
        appbuilder.sm.add_user("maria", "Maria", "Curie", "maria@example.com", admin, os.environ["STAFF_PASSWORD"])


@app.get("/served-by")
def served_by() -> dict[str, str]:
    import flask_jwt_extended

    return {"package": str(flask_jwt_extended.__file__)}
