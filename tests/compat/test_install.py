"""``flask_signet.compat.install()``: code that imports ``flask_jwt_extended`` by its name gets Flask-Signet.

Each test is a process of its own, for an import is for the life of a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flask_signet.web.stand_in import FOLDER
from tests.compat.application import SECRET

SUBMODULES = (
    "config", "default_callbacks", "exceptions", "internal_utils", "jwt_manager", "tokens", "typing", "utils",
    "view_decorators",
)  # fmt: skip
INSTALL = "import flask_signet.compat; flask_signet.compat.install()"


def run(*command: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=cwd, env={**environ, **env}, check=False
    )


def python(code: str, *, install: bool = True) -> str:
    """Run *code* after ``install()`` and return what it printed."""
    done = run("-c", (INSTALL + "\n" if install else "") + textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# What each form of import must have given: the stand-in's own object.
FORMS = {
    "import a": "import flask_jwt_extended as m; ok = m.jwt_required is signet.jwt_required",
    "import a.b": "import flask_jwt_extended.utils; ok = flask_jwt_extended.utils.get_jwt is signet.get_jwt",
    "import a.b as c": "import flask_jwt_extended.view_decorators as c; ok = c.jwt_required is signet.jwt_required",
    "from a import name": "from flask_jwt_extended import JWTManager; ok = JWTManager is signet.JWTManager",
    "from a import b": "from flask_jwt_extended import utils; ok = utils.get_jwt is signet.get_jwt",
    "from a.b import name": "from flask_jwt_extended.exceptions import CSRFError as E; ok = E is errors.CSRFError",
    "from a.b import _name": "from flask_jwt_extended.tokens import _decode_jwt as f; ok = f is tokens._decode_jwt",
    "from a import *": "from flask_jwt_extended import *; ok = jwt_required is signet.jwt_required",
    "__import__": "ok = __import__('flask_jwt_extended').JWTManager is signet.JWTManager",
    "__import__ with names": (
        "m = __import__('flask_jwt_extended.utils', fromlist=['get_jwt']); ok = m.get_jwt is signet.get_jwt"
    ),
    "importlib.import_module": (
        "ok = importlib.import_module('flask_jwt_extended.exceptions').CSRFError is errors.CSRFError"
    ),
    "relative import_module": (
        "ok = importlib.import_module('.utils', 'flask_jwt_extended').get_jwt is signet.get_jwt"
    ),
    "importlib.util.find_spec": (
        "s = importlib.util.find_spec('flask_jwt_extended'); t = importlib.util.find_spec('flask_jwt_extended.utils')\n"
        "ok = s.origin.startswith(FOLDER) and t.parent == 'flask_jwt_extended' and t.origin.startswith(FOLDER)"
    ),
    "a spec made into a module": (
        "s = importlib.util.find_spec('flask_jwt_extended.utils'); m = importlib.util.module_from_spec(s)\n"
        "s.loader.exec_module(m); ok = m.get_jwt is signet.get_jwt"
    ),
    "importlib.reload": (
        "import flask_jwt_extended as m, flask_jwt_extended.utils as u\n"
        "ok = importlib.reload(m) is m and importlib.reload(u) is u and m.get_jwt is u.get_jwt is signet.get_jwt"
    ),
    "pkgutil": (
        "import pkgutil, flask_jwt_extended as m\n"
        "ok = sorted(i.name for i in pkgutil.iter_modules(m.__path__)) == sorted(SUBMODULES) \\\n"
        "    and pkgutil.resolve_name('flask_jwt_extended.utils:get_jwt') is signet.get_jwt"
    ),
    "inspect": (
        "import inspect, flask_jwt_extended.utils as u\n"
        "ok = inspect.getmodule(u) is u and 'get_jwt' in inspect.getsource(u) and inspect.ismodule(u)"
    ),
    "importlib.resources": (
        "import importlib.resources as r; ok = r.files('flask_jwt_extended').joinpath('utils.py').is_file()"
    ),
    "runpy": "import runpy; ok = runpy.run_module('flask_jwt_extended.utils')['get_jwt'] is signet.get_jwt",
    "mock.patch by name": (
        "from unittest import mock; import flask_jwt_extended as m\n"
        "with mock.patch('flask_jwt_extended.view_decorators.verify_jwt_in_request') as patched:\n"
        "    ok = m.view_decorators.verify_jwt_in_request is patched"
    ),
    "a pickle by name": (
        "import pickle; e = pickle.loads(b'cflask_jwt_extended.exceptions\\nNoAuthorizationError\\n(Vgone\\ntR.')\n"
        "ok = type(e) is errors.NoAuthorizationError and str(pickle.loads(pickle.dumps(e))) == 'gone'"
    ),
}


@pytest.fixture(scope="module")
def forms() -> dict[str, str]:
    """What each form gave, in one process: ``install()`` has imported the package before the first of them."""
    code = f"""
import importlib, importlib.util, json, traceback
import flask_signet as signet
from flask_signet import exceptions as errors
from flask_signet.compat import tokens
FOLDER, SUBMODULES = {FOLDER!r}, {SUBMODULES!r}
results = {{}}
for form, code in {FORMS!r}.items():
    names = dict(globals())
    try:
        exec(code, names)
        results[form] = str(names["ok"])
    except Exception:
        results[form] = traceback.format_exc()
print(json.dumps(results))"""
    return json.loads(python(code))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_import_gives_flask_signet(form: str, forms: dict[str, str]) -> None:
    assert forms[form] == "True"


def test_the_package_looks_like_the_one_that_it_stands_in_for() -> None:
    code = f"""
        import sys, importlib.metadata, flask_jwt_extended as m
        assert type(m) is type(sys) and m.__name__ == m.__spec__.name == m.__package__ == "flask_jwt_extended"
        assert isinstance(m.__path__, list) and m.__spec__.submodule_search_locations == m.__path__
        assert m.__version__ == importlib.metadata.version("flask-jwt-extended")
        for name in {SUBMODULES!r}:
            assert getattr(m, name) is sys.modules["flask_jwt_extended." + name]
        assert issubclass(m.exceptions.CSRFError, m.exceptions.JWTExtendedException)
        try:
            import flask_jwt_extended.nothing
        except ModuleNotFoundError as error:
            print(error.name)
    """
    assert python(code) == "flask_jwt_extended.nothing"


def test_its_version_and_names_are_those_of_the_release_that_the_tests_compare_with() -> None:
    """Compared in two processes: here the other package is the one that is imported."""
    code = """
        import importlib, inspect, flask_jwt_extended as m
        print(m.__version__, sorted(n for n in vars(m) if not n.startswith("__")))
    """
    assert python(code, install=False) == python(code)


def test_a_second_call_changes_nothing() -> None:
    code = f"""
        import sys, flask_jwt_extended as first
        {INSTALL}
        import flask_jwt_extended as second
        print(first is second, sys.path.count({FOLDER!r}))
    """
    assert python(code) == "True 1"


@pytest.mark.parametrize("imported", ["flask_jwt_extended", "flask_jwt_extended.exceptions"])
def test_the_other_package_is_not_replaced_once_it_is_imported(imported: str) -> None:
    done = run("-c", f"import {imported}, flask_signet.compat\nflask_signet.compat.install()")

    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("RuntimeError: flask_jwt_extended is already imported, from ")
    assert "call flask_signet.compat.install() before the first import" in last


def test_nothing_stands_in_unless_it_is_asked_for() -> None:
    assert FOLDER not in python("import flask_signet.compat, flask_jwt_extended as m; print(m.__file__)", install=False)


ANSWER = f"""
import flask
{{}}
app = flask.Flask("app")
app.config["JWT_SECRET_KEY"] = {SECRET!r}
app.config.update({{}})
JWTManager(app)
app.add_url_rule("/", view_func=jwt_required()(lambda: ""))
reply = app.test_client().get("/", headers={{{{"Authorization": "Bearer x"}}}})
print(reply.status_code, sorted(reply.json))
"""


@pytest.mark.parametrize("package", ["flask_jwt_extended", "flask_signet"])
@pytest.mark.parametrize(
    ("config", "printed"),
    [
        ("{}", "422 ['msg']"),
        ("{'JWT_COMPAT': False}", "401 ['error', 'msg']"),
        ("{'JWT_ERROR_STATUS': 'rfc'}", "401 ['error', 'msg']"),
    ],
)
def test_the_old_answers_are_the_default_then_and_a_setting_goes_before(
    package: str, config: str, printed: str
) -> None:
    assert python(ANSWER.format(f"from {package} import JWTManager, jwt_required", config)) == printed


# --- python -m flask_signet.compat COMMAND… --------------------------------------------------------------

WHERE = "import sys, flask_jwt_extended as m; print(m.__file__, sys.argv[1:])"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("")
    (tmp_path / "where.py").write_text(f"import neighbour\n{WHERE}\n")
    (tmp_path / "test_where.py").write_text(f"def test_where():\n    {WHERE}\n")
    (tmp_path / "app.py").write_text(
        f"import click, flask\n{WHERE}\napp = flask.Flask('app')\n"
        "@app.cli.command('say')\n@click.argument('word')\ndef say(word):\n    print(word)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (["where.py", "-x", "1"], "['-x', '1']"),
        (["-m", "where", "-x", "1"], "['-x', '1']"),
        (["-c", WHERE, "-x"], "['-x']"),
        (["flask", "say", "word"], "word"),
        (["pytest", "-q", "-s", "-p", "no:cacheprovider", "test_where.py"], "1 passed"),
        (["gunicorn", "--check-config", "app:app"], ""),
        (["sh", "-c", '"$0" where.py 1', sys.executable], "['1']"),  # a child of a child
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_and_its_children_import_flask_signet(script: Path, command: list[str], printed: str) -> None:
    done = run("-m", "flask_signet.compat", *command, cwd=script)

    assert done.returncode == 0, done.stderr
    assert FOLDER in done.stdout
    assert printed in done.stdout


def test_the_status_and_the_paths_of_a_command_are_its_own(script: Path) -> None:
    code = f"import os, sys; print(os.environ['PYTHONPATH'].split(os.pathsep) == [{FOLDER!r}, 'a', 'b']); sys.exit(7)"
    done = run("-m", "flask_signet.compat", "-c", code, cwd=script, PYTHONPATH=os.pathsep.join([FOLDER, "a", "b"]))

    assert (done.returncode, done.stdout.strip()) == (7, "True")


@pytest.mark.parametrize(
    ("command", "status", "said"), [([], 2, "usage: "), (["--help"], 0, "usage: "), (["nosuch"], 127, "'nosuch'")]
)
def test_a_command_that_cannot_run_is_told(command: list[str], status: int, said: str) -> None:
    done = run("-m", "flask_signet.compat", *command)

    assert done.returncode == status
    assert said in done.stdout + done.stderr
