"""Which processes of planners there are."""

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
