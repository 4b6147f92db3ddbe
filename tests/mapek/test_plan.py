from marskit.domain.actions import Scale
from marskit.domain.diagnosis import Diagnosis
from marskit.domain.plan import Candidate, Plan
from marskit.mapek.analyse.analyse import analyse
from marskit.mapek.plan.plan import shielded
from marskit.mapek.plan.shield import Shield, ShieldLimits
from marskit.planning import PlanningView
from tests.mapek.mesh import GOALS, TOPOLOGY, World


class Greedy:
    name = "greedy"
    summary = "Always wants too much."

    def reset(self, seed: int) -> None:
        pass

    def plan(self, diagnosis: Diagnosis, view: PlanningView) -> Plan:
        wish = (Scale("payments", 99),)
        return Plan(self.name, (Candidate(wish, "more"),), wish, "more")


def test_the_plan_keeps_the_wish_beside_what_the_shield_left_of_it() -> None:
    world = World()
    diagnosis = analyse(
        world.observation(),
        topology=TOPOLOGY,
        goals=GOALS,
        configuration=world.configuration,
        actions=0,
        period_s=5,
    )
    plan = shielded(Greedy().plan(diagnosis, world.view()), Shield(ShieldLimits()), world.view(), ())
    assert plan.proposed == (Scale("payments", 99),)
    assert plan.actions == (Scale("payments", 5),)
    assert [change.rule for change in plan.shield] == ["bounds", "step"]
    assert plan.reason == "more"
