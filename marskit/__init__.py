"""marskit: step through a self-adaptive service mesh.

What people use in notebooks and scripts is exported here, and only imported when it is used: the lab, and
what a planner of one's own needs.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marskit.course.checking import check as check
    from marskit.domain.actions import Action as Action
    from marskit.domain.actions import Scale as Scale
    from marskit.domain.actions import SetOutlierDetection as SetOutlierDetection
    from marskit.domain.actions import SetRetries as SetRetries
    from marskit.domain.actions import SetTimeout as SetTimeout
    from marskit.domain.actions import ShiftTraffic as ShiftTraffic
    from marskit.domain.config import OutlierDetection as OutlierDetection
    from marskit.domain.config import Retries as Retries
    from marskit.domain.diagnosis import Diagnosis as Diagnosis
    from marskit.domain.plan import Candidate as Candidate
    from marskit.domain.plan import Plan as Plan
    from marskit.grading.grade import grade as grade
    from marskit.lab.comparing import compare as compare
    from marskit.lab.lab import Lab as Lab
    from marskit.lab.replaying import replay as replay
    from marskit.lab.training import train as train
    from marskit.planning import PlanningView as PlanningView
    from marskit.plugins.base import Planner as Planner

__version__ = "0.1.0"

_FROM = {
    "Lab": "marskit.lab.lab",
    "compare": "marskit.lab.comparing",
    "grade": "marskit.grading.grade",
    "replay": "marskit.lab.replaying",
    "train": "marskit.lab.training",
    "check": "marskit.course.checking",
    "Planner": "marskit.plugins.base",
    "PlanningView": "marskit.planning",
    "Diagnosis": "marskit.domain.diagnosis",
    "Plan": "marskit.domain.plan",
    "Candidate": "marskit.domain.plan",
    "Action": "marskit.domain.actions",
    "Scale": "marskit.domain.actions",
    "ShiftTraffic": "marskit.domain.actions",
    "SetTimeout": "marskit.domain.actions",
    "SetRetries": "marskit.domain.actions",
    "SetOutlierDetection": "marskit.domain.actions",
    "Retries": "marskit.domain.config",
    "OutlierDetection": "marskit.domain.config",
}


class _Package(ModuleType):
    """The package, whose functions `compare` and `replay` have the names of rooms.

    An import of a room sets an attribute of the package, which must not hide the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _FROM and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[object, ...]:
        """A planner's class that travels by value takes the package's name with it."""
        return importlib.import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_FROM[name]), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_FROM))
