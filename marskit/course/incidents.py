"""The incidents that a class diagnoses, and those that only the checks know."""

from marskit.course.runs import Incident
from marskit.domain.faults import Delay, HangReplica, InjectErrors, SlowDown
from marskit.lab.inputs import LabError
from marskit.lab.lab import Lab

INCIDENTS = {
    "one": Incident(11, (SlowDown("payments", 3.0),)),
    "two": Incident(12, (SlowDown("payments", 3.0), InjectErrors("recommendations-music", 30.0))),
    "load": Incident(13, load=3.0),
}
"""Those that notebooks open by name."""

HIDDEN = {
    "with nothing wrong": Incident(21),
    "with three times the load": Incident(22, load=3.0),
    "with a workload that is slow": Incident(23, (SlowDown("payments", 3.0),)),
    "with a workload that fails": Incident(24, (InjectErrors("recommendations-music", 30.0),)),
    "with a workload that answers late": Incident(25, (Delay("recommendations-food", 150),)),
    "with another workload that fails": Incident(26, (InjectErrors("payments", 20.0),)),
    "with a replica that hangs": Incident(27, (HangReplica("payments"),)),
}
"""Those that judge a function; the keys say in a hint which of them it was."""


def incident(name: str) -> Lab:
    """A lab on the twin, paused after an incident whose cause is for you to find.

    >>> from marskit.course.incidents import incident
    >>> with incident("one") as lab:
    ...     before, after = lab.cycles[2], lab.cycles[5]
    >>> before.diagnosis.slo_met, after.diagnosis.slo_met
    (True, False)

    Args:
        name: `one`, `two` or `load`.

    Raises:
        LabError: There is no such incident.
    """
    if name not in INCIDENTS:
        raise LabError(f"There is no incident {name!r}; choose one of {', '.join(INCIDENTS)}.")
    found = INCIDENTS[name]
    lab = Lab("twin", scenario="steady", seed=found.seed, planner="static", name="incident")
    found.play(lab)
    return lab
