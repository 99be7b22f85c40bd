"""The removal drill passes for an ability that only its own line names, and fails where something else needs it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import removal_drill  # noqa: E402

GUESTBOOK = '''"""Greets visitors."""

from flask_signet.room import Room

GUESTBOOK = Room(
    name="guestbook",
    setting_keys=("SIGNET_GUESTBOOK",),
    read=lambda config: config.get("SIGNET_GUESTBOOK"),
    open=lambda core, settings: settings,
)
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the package with one ability more."""
    root = tmp_path / "with"
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    folder = root / removal_drill.FEATURES / "guestbook"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "__init__.py").write_text(GUESTBOOK)
    listed = (root / removal_drill.LIST).read_text()
    listed = listed.replace(
        "from flask_signet.room import AnyRoom\n",
        "from flask_signet.features.guestbook import GUESTBOOK\nfrom flask_signet.room import AnyRoom\n",
    ).replace("] = ()", "] = (\n    GUESTBOOK,\n)")
    assert listed.lower().count("guestbook") == 3
    (root / removal_drill.LIST).write_text(listed)
    return root


def test_an_ability_that_only_its_line_names_can_be_removed(project: Path, tmp_path: Path, processes: None) -> None:
    assert removal_drill.names(project) == ["guestbook"]
    assert removal_drill.works(project, [])

    copy = tmp_path / "without"
    removal_drill.without("guestbook", project, copy)

    assert removal_drill.works(copy, [])
    assert not (copy / removal_drill.FEATURES / "guestbook").exists()
    assert (copy / removal_drill.LIST).read_text() == (ROOT / removal_drill.LIST).read_text().replace(
        "] = ()", "] = (\n)"
    )


def test_an_ability_that_something_else_needs_is_found(
    project: Path, tmp_path: Path, processes: None, capfd: pytest.CaptureFixture[str]
) -> None:
    with (project / "src/flask_signet/signet.py").open("a") as file:
        file.write("\nfrom flask_signet.features.guestbook import GUESTBOOK as GUESTBOOK  # noqa: E402\n")
    copy = tmp_path / "without"
    removal_drill.without("guestbook", project, copy)

    assert not removal_drill.works(copy, [])
    assert "No module named 'flask_signet.features.guestbook'" in capfd.readouterr().err


def test_an_ability_without_a_line_is_an_error(project: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / removal_drill.LIST, project / removal_drill.LIST)

    with pytest.raises(ValueError, match="does not name 'guestbook'"):
        removal_drill.without("guestbook", project, tmp_path / "without")
