"""Replicas and Envoy killed with `kill -9` under load: requests lost, and time until whole again.

Run: `python -m benchmarks.crashes`
"""

import asyncio
import os
import signal
import time

import psutil

from benchmarks.report import Figure, show, spread
from benchmarks.traffic import Traffic
from marskit.demo import DEMO_MANIFESTS
from marskit.domain.faults import KillReplica
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.timing.clock import LoopClock

AT_ONCE = 6
KILLS = 8
AFTER_S = 2.0
"""How long traffic goes on after each kill: what is lost is held against what was sent meanwhile."""


async def measure() -> int:
    mesh = EnvoyMesh(load_mesh(DEMO_MANIFESTS), clock=LoopClock(), seed=1)
    figures = []
    try:
        url = await mesh.start(lambda event: None)
        await _whole(mesh)
        async with Traffic(url, at_once=AT_ONCE) as traffic:
            await traffic.reach(50)
            for workload in mesh.topology.workloads:
                lost, sent, whole_s = 0, 0, []
                for _ in range(KILLS // 2):
                    before, failed, start_s = traffic.sent, traffic.failed, time.monotonic()
                    await mesh.inject(KillReplica(workload.name))
                    await asyncio.sleep(0.05)
                    await _whole(mesh)
                    whole_s.append(time.monotonic() - start_s)
                    await asyncio.sleep(max(0.0, start_s + AFTER_S - time.monotonic()))
                    sent, lost = sent + traffic.sent - before, lost + traffic.failed - failed
                share = 100 * lost / sent
                figures += [
                    Figure(
                        f"{workload.name}: lost",
                        f"{lost} of {sent}: {share:.2f} %",
                        "at most 1 %",
                        share <= 1,
                    ),
                    Figure(f"{workload.name}: whole again", spread(whole_s, "s"), "3 s", max(whole_s) <= 3),
                ]
            outages_s = [await _envoy_outage_s(traffic) for _ in range(KILLS)]
        figures.append(Figure("Envoy: until it answers", spread(outages_s, "s"), "1 s", max(outages_s) <= 1))
    finally:
        await mesh.stop()
    return show("Crashes under load", figures)


async def _whole(mesh: EnvoyMesh) -> None:
    """Wait until every replica asked for is ready."""
    while True:
        workloads = (await mesh.sample()).workloads
        if all(workload.replicas_ready == workload.replicas_desired for workload in workloads):
            return
        await asyncio.sleep(0.02)


def _envoy_pid() -> int | None:
    children = psutil.Process().children(recursive=True)
    return next((child.pid for child in children if "envoy" in child.name()), None)


async def _envoy_outage_s(traffic: Traffic) -> float:
    """Kill Envoy and return how long it took until a request succeeded again."""
    pid = _envoy_pid()
    assert pid is not None
    start_s = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while _envoy_pid() == pid:  # noqa: ASYNC110 - another process can only be polled
        await asyncio.sleep(0.005)
    good = traffic.sent - traffic.failed
    while traffic.sent - traffic.failed == good:  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    outage_s = time.monotonic() - start_s
    await asyncio.sleep(1)
    return outage_s


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(asyncio.run(measure()))
