"""Check that Python, Node.js and npm are new enough, before anything is downloaded.

Runs on Python 3.9 and newer, so it uses no newer syntax.
"""

import shutil
import subprocess
import sys

NODE = (20, 19)


def main() -> int:
    """Return the exit status: 0, or 1 with the reason on standard error."""
    problems: list[str] = []
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the check itself
        problems.append(f"Python 3.11 or newer is required, found {sys.version.split()[0]}: make PYTHON=/path/to/it …")
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        problems.append(f"Node.js {NODE[0]}.{NODE[1]} or newer with npm is required: https://nodejs.org")
    else:
        text = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        if tuple(int(part) for part in text.lstrip("v").split(".")[:2]) < NODE:
            problems.append(f"Node.js {NODE[0]}.{NODE[1]} or newer is required, found {text}")
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
