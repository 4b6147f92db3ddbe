"""A planner to begin with: it works as it is."""

import re
from keyword import iskeyword
from pathlib import Path

from marskit.errors import UserError

TEXT = '''"""A planner of my own; run it with: marskit --planner {file}:{cls}"""

import marskit


class {cls}(marskit.Planner):
    """Gives the bottleneck one more replica, and takes one back where nothing is to do."""

    def __init__(self):
        self.calm = 0  # what is kept in attributes is there at the next call

    def plan(self, diagnosis, view):
        """Return None, an action, a list of actions or a whole marskit.Plan."""
        name = diagnosis.bottleneck  # the workload that a violated objective was traced to, or None
        if name is not None:
            self.calm = 0
            self.explain(f"{{name}} is the bottleneck: {{diagnosis.sentence}}")
            return marskit.Scale(name, view.configuration.replicas_of(name) + 1)
        self.calm += 1
        for workload in view.observation.workloads:
            utilisation = workload.utilisation  # a share of 1, or None where it is not known
            if self.calm >= 8 and utilisation is not None and utilisation < 0.3:
                self.calm = 0
                self.explain(f"{{workload.workload}} was {{utilisation:.0%}} utilised for 8 cycles")
                return marskit.Scale(workload.workload, max(1, workload.replicas_desired - 1))
        self.explain(f"Do nothing: {{diagnosis.sentence}}")
        return None
'''


class TemplateError(UserError):
    """A planner's file that cannot be written; one sentence says why."""


def write_template(name: str, path: Path | None = None) -> str:
    """Write a planner that works to a new file.

    Args:
        name: Of the planner, such as `MyPlanner` or `my-planner`.
        path: Where to; None is a file here that is named after it.

    Returns:
        What it is chosen by: `FILE.py:CLASS`.

    Raises:
        TemplateError: The name is none that a class can have, or there is such a file.
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    cls = "".join(word[:1].upper() + word[1:] for word in words)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) or not cls.isidentifier() or iskeyword(cls):
        raise TemplateError(f"A planner cannot be called {name!r}; letters, digits, - and _ are allowed")
    file = path or Path("_".join(word.lower() for word in words) + ".py")
    if file.suffix != ".py":
        raise TemplateError(f"--out is {file}; it must end in .py")
    try:
        with file.open("x", encoding="utf-8") as written:
            written.write(TEXT.format(file=file, cls=cls))
    except FileExistsError:
        raise TemplateError(
            f"{file} is there already; choose another name, or another file with --out"
        ) from None
    except OSError as error:
        raise TemplateError(f"{file} cannot be written: {error.strerror}") from error
    return f"{file}:{cls}"
