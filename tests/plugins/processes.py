"""Which processes of planners there are."""

from pathlib import Path

import psutil

HOST = "marskit.plugins.host"


def left() -> list[psutil.Process]:
    """The processes that hold planners, and those that hostile ones leave behind."""
    found = []
    for each in psutil.Process().children(recursive=True):
        try:
            line = each.cmdline()
        except psutil.NoSuchProcess:
            continue
        # Multiprocessing keeps a process of its own.
        if HOST in line or line == ["sleep", "3600"]:
            found.append(each)
    return found


def escaped() -> list[psutil.Process]:
    """What hostile planners started and no host looks after; other tests may have planners at this moment."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        if each.info["cmdline"] != ["sleep", "3600"]:
            continue
        try:
            if each.cwd() == str(Path.cwd()) and not any(HOST in one.cmdline() for one in each.parents()):
                found.append(each)
        except psutil.NoSuchProcess:
            continue
    return found
