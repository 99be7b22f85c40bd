"""All of them under one server, each below its name; `python serve.py PORT` starts the development server."""

import importlib
import sys
from pathlib import Path

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple

sys.path.insert(0, str(Path(__file__).parent))
NAMES = ("clinic", "gym", "kitchen", "pets", "shop", "travels")

application = DispatcherMiddleware(Flask("root"), {f"/{name}": importlib.import_module(name).app for name in NAMES})

if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
