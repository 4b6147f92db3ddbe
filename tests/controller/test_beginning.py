"""What the loop makes of the first moments, in which there was no load or hardly any."""

import asyncio
from collections.abc import Callable

import pytest

from marskit.domain.actions import Scale
from marskit.domain.commands import Run
from marskit.domain.events import Observed
from marskit.domain.loop_events import Planned
from tests.controller.conftest import Rig
from tests.fakes import FakeLoad, FakePlanner

MakeRig = Callable[..., Rig]
pytestmark = pytest.mark.looptime


class SlowLoad(FakeLoad):
    """Takes two seconds to begin, and tells so half a second later."""

    async def start(self, gateway_url: str) -> None:
        await asyncio.sleep(2.0)
        await super().start(gateway_url)
        await asyncio.sleep(0.5)


async def test_a_rate_is_not_a_mean_over_the_time_before_there_was_a_load(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.load = rig.mesh.load = SlowLoad(rig.clock, calls=rig.calls)
    await rig.start()
    await asyncio.sleep(5.0)
    windows_s = [round(event.observation.window_s, 3) for event in rig.of(Observed)]
    assert windows_s[:4] == [0.5, 1.0, 1.5, 2.0]


async def test_a_planner_is_asked_once_enough_of_the_load_was_seen(make_rig: MakeRig) -> None:
    planner = FakePlanner(script=[(Scale("payments", 3),)])
    rig = make_rig(planner=planner, least_seen_s=1.5)
    await rig.start()
    await rig.do(Run())
    await asyncio.sleep(4.5)
    first, second, _ = (event.plan for event in rig.of(Planned))
    assert first.reason == "Only 0.0 s of load observed so far; planning starts at 1.5 s."
    assert (first.proposed, first.candidates, first.planner) == ((), (), planner.name)
    assert second.actions == (Scale("payments", 3),)


async def test_that_holds_for_the_first_reading_that_succeeds(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.load = rig.mesh.load = SlowLoad(rig.clock, calls=rig.calls)
    rig.mesh.fail_sample = OSError("connection refused")
    await rig.start()
    await asyncio.sleep(2.7)
    rig.mesh.fail_sample = None
    await asyncio.sleep(2.0)
    assert [round(event.observation.window_s, 3) for event in rig.of(Observed)][:3] == [1.0, 1.5, 2.0]
