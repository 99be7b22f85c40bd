"""Where the tests' Chromium lies."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

#: Written by `make browser`.
NOTED = Path(sys.prefix) / ".browser"


def find_chromium() -> str | None:
    """Return the path of the browser that set-up found, else the system's, else None."""
    named = os.environ.get("SIGNET_CHROMIUM")
    if named:
        return named
    if NOTED.exists():
        path = NOTED.read_text().strip()
        if Path(path).exists():
            return path
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
