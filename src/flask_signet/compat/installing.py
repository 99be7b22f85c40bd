"""Make ``import flask_jwt_extended`` import Flask-Signet, in this process or in a command."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from flask_signet.web.stand_in import FOLDER, stands_in

NAME = "flask_jwt_extended"


def install() -> None:
    """Make ``import flask_jwt_extended`` import Flask-Signet in this process, for code that cannot be edited.

    Call it before the first import of ``flask_jwt_extended``, at the top of the module that creates the application.
    Afterwards ``JWT_COMPAT`` is ``True`` in every application that does not set it. A second call does nothing.

    Child processes do not inherit this. Use ``python -m flask_signet.compat COMMAND…`` for them.

    :raises RuntimeError: Flask-JWT-Extended is already imported.
    """
    imported = sys.modules.get(NAME) or next(
        (module for name, module in sys.modules.items() if name.startswith(f"{NAME}.")), None
    )
    if imported is not None and not _is_ours(imported):
        raise RuntimeError(
            f"{NAME} is already imported, from {getattr(imported, '__file__', None)}: call "
            "flask_signet.compat.install() before the first import of it, or start the process with "
            "`python -m flask_signet.compat COMMAND`"
        )
    if not stands_in():
        sys.path.insert(0, FOLDER)
    importlib.invalidate_caches()
    if not _is_ours(importlib.import_module(NAME)):
        raise RuntimeError(
            f"{NAME} was not imported from Flask-Signet: an import hook in this process found another package first"
        )


def _is_ours(module: object) -> bool:
    return str(getattr(module, "__file__", None)).startswith(FOLDER + os.sep)


def command(arguments: list[str]) -> list[str]:
    """Return the command line for *arguments*: a program, the path of a Python file, or ``-m`` and a module.

    :raises FileNotFoundError: the program was not found.
    """
    first, *rest = arguments
    if first == "-m" or first == "-c" or first.endswith(".py"):
        return [sys.executable, *arguments]
    beside = shutil.which(first, path=str(Path(sys.executable).parent))
    program = beside or shutil.which(first)
    if program is None:
        raise FileNotFoundError(first)
    return [program, *rest]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of *environ* in which ``PYTHONPATH`` begins with the folder of the replacement package."""
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != FOLDER]
    return {**environ, "PYTHONPATH": os.pathsep.join([FOLDER, *paths])}
