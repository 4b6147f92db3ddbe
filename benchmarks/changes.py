"""200 weight changes and 100 scale changes under load: requests lost, and how long until a change serves.

Run: `python -m benchmarks.changes`
"""

import asyncio
from random import Random

from benchmarks.report import Figure, show, spread
from benchmarks.traffic import Traffic
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.actions import Action, Scale, ShiftTraffic
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.port import Applied
from marskit.timing.clock import LoopClock

WEIGHT_CHANGES = 200
SCALE_CHANGES = 100
AT_ONCE = 6


async def measure() -> int:
    random = Random(1)
    mesh = EnvoyMesh(load_mesh(DEMO_MANIFESTS), clock=LoopClock(), seed=1)
    try:
        url = await mesh.start(lambda event: None)
        async with Traffic(url, at_once=AT_ONCE) as traffic:
            await traffic.reach(50)
            pushed, effective = [], []
            for number in range(WEIGHT_CHANGES):
                food = 2 * random.randrange(0, 50) + number % 2  # never twice the same
                shift = ShiftTraffic("recommendations", 2, (("food", food), ("music", 100 - food)))
                outcome = await _apply(mesh, shift)
                pushed.append(outcome.pushed_after_ms)
                effective.append(_effective_ms(outcome))
                await asyncio.sleep(0.02)
            during_weights, lost_by_weights = traffic.sent, traffic.failed
            scaled = []
            for number in range(SCALE_CHANGES):
                outcome = await _apply(mesh, Scale("payments", (3, 1, 2, 4)[number % 4]))
                scaled.append(_effective_ms(outcome))
            during_scaling = traffic.sent - during_weights
        lost_by_scaling = traffic.failed - lost_by_weights
    finally:
        await mesh.stop()
    half = sorted(effective)[len(effective) // 2]
    return show(
        "Configuration changes under load",
        [
            Figure("weight: write to pushed", spread(pushed, "ms"), "", None),
            Figure("weight: write to effective", spread(effective, "ms"), "p50 at most 25 ms", half <= 25),
            Figure("scale: write to effective", spread(scaled, "ms"), "", None),
            Figure(
                f"requests lost in {WEIGHT_CHANGES} weight changes",
                f"{lost_by_weights} of {during_weights}",
                "0",
                lost_by_weights == 0,
            ),
            Figure(
                f"requests lost in {SCALE_CHANGES} scale changes",
                f"{lost_by_scaling} of {during_scaling}",
                "0",
                lost_by_scaling == 0,
            ),
        ],
    )


def _effective_ms(outcome: Applied) -> float:
    return float("inf") if outcome.effective_after_ms is None else outcome.effective_after_ms


async def _apply(mesh: EnvoyMesh, action: Action) -> Applied:
    outcome = await mesh.execute(action)
    if not isinstance(outcome, Applied):
        raise SystemExit(f"{action} was not applied: {outcome.reason}")
    return outcome


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(asyncio.run(measure()))
