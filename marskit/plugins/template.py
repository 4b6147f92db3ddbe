"""Writes a working planner as a starting point for one's own."""

import re
from keyword import iskeyword
from pathlib import Path

from marskit.errors import UserError

TEXT = '''"""A planner of my own; run it with: marskit --planner {file}:{cls}"""

import marskit


class {cls}(marskit.Planner):
    """Gives the bottleneck one more replica, and removes one from a workload that stays idle."""

    def __init__(self):
        self.calm = 0  # attributes keep their values between calls

    def plan(self, diagnosis, view):
        """Return None, an action, a list of actions or a whole marskit.Plan."""
        name = diagnosis.bottleneck  # the workload that causes the SLO violation, or None
        if name is not None:
            self.calm = 0
            self.explain(f"{{name}} is the bottleneck: {{diagnosis.sentence}}")
            return marskit.Scale(name, view.configuration.replicas_of(name) + 1)
        self.calm += 1
        for workload in view.observation.workloads:
            utilisation = workload.utilisation  # from 0 to 1, or None if unknown
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
    """Write a working planner to a new file.

    Args:
        name: The planner's name, such as `MyPlanner` or `my-planner`.
        path: The file; None for one in the current folder that is named after the planner.

    Returns:
        The name that `--planner` takes: `FILE.py:CLASS`.

    Raises:
        TemplateError: The name cannot be a class's name, or the file exists or cannot be written.
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
            f"{file} already exists; choose another name, or another file with --out"
        ) from None
    except OSError as error:
        raise TemplateError(f"{file} cannot be written: {error.strerror}") from error
    return f"{file}:{cls}"
