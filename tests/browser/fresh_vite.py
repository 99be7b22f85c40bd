"""A fresh Vite app with the files that a page of the documentation shows, and our package as npm would install it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

from tests.conftest import StartServer, missing
from tests.docs.markdown import DOCS, ROOT, Block, blocks
from tests.support.processes import Server, wait_until

PACKAGES = ROOT / "node_modules"

# What the pages let npm fetch from a registry comes from this workspace instead; Vite's template from the very
# program that `npm create -y vite@latest` runs.
FROM_HERE = ("react", "react-dom", "vite", "@vitejs/plugin-react")
[SHELL] = blocks(DOCS / "react-in-five-minutes.md", "sh")


def named_blocks(page: Path, *, unnamed: int = 0) -> dict[str, str]:
    """Return the files that *page* shows: path → text, by the comment in the first line.

    :param unnamed: how many blocks are no file but lines to write in one.
    """
    files: dict[str, str] = {}
    without: list[Block] = []
    for block in [*blocks(page, "js"), *blocks(page, "jsx")]:
        first, _, rest = block.text.partition("\n")
        match = re.fullmatch(r"// (\S+\.jsx?)", first)
        if match:
            files[match[1]] = rest
        else:
            without.append(block)
    assert len(without) == unnamed, f"{[str(block) for block in without]} do not say which file they are"
    return files


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def create_app(folder: Path, files: dict[str, str]) -> Path:
    """Create an app by the commands of "React in five minutes", put *files* into it, and return its folder."""
    npm = shutil.which("npm")
    if npm is None or not (PACKAGES / "create-vite").exists() or not (ROOT / "js" / "dist" / "index.js").exists():
        missing("no npm, no node_modules or no js/dist: make setup js/dist/.ready")
        raise AssertionError
    # Without its scripts: the package is built already, and others may be reading it.
    run([npm, "pack", "--ignore-scripts", "--pack-destination", str(folder)], ROOT / "js")
    [archive] = folder.glob("flask-signet-*.tgz")

    create, enter, *installs = SHELL.text.splitlines()
    made = re.fullmatch(r"npm create -y vite@latest (\S+) -- (.+)", create)
    assert made, create
    assert [f"cd {made[1]}", "npm install", "npm install flask-signet"] == [enter, *installs]
    run([str(PACKAGES / ".bin" / "create-vite"), made[1], *made[2].split()], folder)
    app = folder / made[1]
    template = json.loads((app / "package.json").read_text("utf-8"))
    wanted = {**template["dependencies"], **template["devDependencies"]}
    assert set(FROM_HERE) <= set(wanted)

    # Ours has no dependency, so nothing is asked of any registry.
    (app / "package.json").write_text(json.dumps({**template, "dependencies": {}, "devDependencies": {}}), "utf-8")
    run([npm, "install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps", str(archive)], app)
    assert not (app / "node_modules" / "flask-signet").is_symlink()
    (app / "node_modules" / "@vitejs").mkdir()
    for name in FROM_HERE:
        (app / "node_modules" / name).symlink_to(PACKAGES / name)
    for name, text in files.items():
        # A page replaces these and adds one.
        assert (app / name).exists() == (name != "src/auth.js"), name
        (app / name).write_text(text, "utf-8")
    return app


def start_vite(start_server: StartServer, app: Path, config: str, port: int) -> Server:
    """Start the development server with *config*, the content of ``vite.config.js``; Flask listens on *port*."""
    assert ":5000" in config
    (app / "vite.config.js").write_text(config.replace(":5000", f":{port}"), "utf-8")
    vite = start_server(
        [str(PACKAGES / ".bin" / "vite"), "--host", "127.0.0.1", "--port", "{port}", "--strictPort"],
        cwd=app,
        timeout=60,
    )
    # Vite opens its port once to test it and closes it again, so an open port does not show that it serves.
    wait_until(lambda: "ready in" in vite.output(), timeout=60, what="Vite")
    return vite
