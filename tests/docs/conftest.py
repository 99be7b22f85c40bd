"""What the tests of the documentation share."""

from __future__ import annotations

import shutil

import pytest

from tests.conftest import missing
from tests.docs.markdown import ROOT


@pytest.fixture(scope="session")
def node() -> str:
    """The program ``node``; the npm package is built."""
    found = shutil.which("node")
    if found is None or not (ROOT / "js" / "dist" / "index.js").exists():
        missing("no node, or js/dist is not built: make setup js/dist/.ready")
    assert found is not None
    return found
