"""Say in one line what is missing on this machine, before anything is fetched.

Runs under whatever Python is there, so its syntax is old on purpose.
"""

import shutil
import subprocess
import sys

NODE = (20, 19)


def main():
    """Return the exit status: 0, or 1 with the reason on standard error."""
    problems = []
    if sys.version_info < (3, 11):
        problems.append(
            "Python 3.11 or newer is needed, this is {}.{}: make PYTHON=/path/to/python3.12".format(*sys.version_info[:2])
        )
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        problems.append("Node.js {}.{} or newer with npm is needed: https://nodejs.org".format(*NODE))
    else:
        text = subprocess.run([node, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().strip()
        if tuple(int(part) for part in text.lstrip("v").split(".")[:2]) < NODE:
            problems.append("Node.js {}.{} or newer is needed, this is {}".format(NODE[0], NODE[1], text))
    for problem in problems:
        sys.stderr.write(problem + "\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
