"""The folder that marskit is imported from, for child processes that must run the same code."""

import os
from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[2]
"""The folder that holds the package."""


def python_path() -> str:
    """The `PYTHONPATH` with which a child process runs the same code from any folder."""
    return os.pathsep.join(filter(None, (str(IMPORT_ROOT), os.environ.get("PYTHONPATH"))))
