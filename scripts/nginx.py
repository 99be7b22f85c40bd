"""Find or download nginx for the tests of the page "Deploy"; write its path to the file named by the argument.

In this order: ``SIGNET_NGINX``; an installed nginx; the package of Debian, unpacked into a folder beside that file. It
is not installed, so that no server starts. Without nginx, these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def on_system() -> str | None:
    """Return the path of an installed nginx, also from ``/usr/sbin``, which may not be in ``PATH``."""
    return os.environ.get("SIGNET_NGINX") or shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def unpacked(folder: Path) -> str | None:
    """Unpack the package of Debian, if apt is available."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
    if subprocess.run(["apt-get", "download", "nginx"], cwd=folder, **quiet).returncode != 0:
        # The lists of packages may be absent, as in an image.
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "download", "nginx"], cwd=folder, **quiet)
    package = next(folder.glob("nginx_*.deb"), None)
    program = folder / "usr" / "sbin" / "nginx"
    if package is None or subprocess.run(["dpkg", "-x", package, folder], **quiet).returncode != 0:
        return None
    works = program.exists() and subprocess.run([program, "-v"], **quiet).returncode == 0
    return str(program) if works else None


def main(target: Path) -> None:
    """Write the path. Without nginx, write no file, so that an nginx installed later is found."""
    path = on_system() or unpacked(target.with_name("nginx"))
    if path is None:
        print("No nginx found: its tests will be skipped. Install one or set SIGNET_NGINX.")
        return
    target.write_text(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
