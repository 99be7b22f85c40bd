"""Find or install Chromium for the browser tests; write its path to the file named by the argument.

In this order: ``SIGNET_CHROMIUM``; an installed Chromium; ``apt-get install`` as root; the browser of the npm package
``@sparticuz/chromium``. Without a browser, the browser tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
HERE = Path(__file__).parent / "browser"


def on_system() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    named = os.environ.get("SIGNET_CHROMIUM")
    if named:
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(MAC) if MAC.exists() else None)


def by_apt() -> str | None:
    """Install the package of Debian or Ubuntu if the user is root."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "chromium"]):
        if subprocess.run([apt, *arguments], env=environment, stdout=subprocess.DEVNULL).returncode != 0:
            return None
    return on_system()


def by_npm() -> str | None:
    """Unpack the browser of ``@sparticuz/chromium`` (Linux only); its own start arguments are not used."""
    if sys.platform != "linux":
        return None
    if subprocess.run(["npm", "ci", "--no-fund", "--no-audit", "--loglevel=error"], cwd=HERE).returncode != 0:
        return None
    script = 'import c from "@sparticuz/chromium"; console.log(await c.executablePath());'
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=HERE, stdout=subprocess.PIPE, text=True, check=False
    )
    path = done.stdout.strip()
    return path if done.returncode == 0 and Path(path).exists() else None


def main(target: Path) -> None:
    """Write the path. Without a browser, write no file, so that a browser installed later is found."""
    path = on_system() or by_apt() or by_npm()
    if path is None:
        print("No Chromium found: the browser tests will be skipped. Install one or set SIGNET_CHROMIUM.")
        return
    target.write_text(path + "\n")
    print(f"Browser for the tests: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
