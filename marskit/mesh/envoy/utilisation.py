"""The utilisation of each replica: from its own metrics if it has them, else from its processor time."""

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import psutil

from marskit.mesh.envoy.replica import Replica
from marskit.mesh.envoy.replicas import ReplicaSet
from marskit.mesh.manifests.workloads import Deployment
from marskit.system.free_ports import LOOPBACK
from marskit.system.local_http import HttpClient, HttpError

SCRAPE_TIMEOUT_S = 0.5
LONGEST_WAIT_S = 0.1
"""Time for which a reading of the mesh waits for the replicas' own metrics."""
MUTE_S, LONGEST_MUTE_S = 4.0, 60.0
"""Shortest and longest time for which a replica that did not answer is not asked again."""
FRESH_S = 0.9
"""Age up to which a reading is reused: utilisation over less than a second means little."""
_SAMPLE = re.compile(
    rb"^(service_(?:busy_seconds_total|workers|queue_length))(?:\{[^}]*\})? (\S+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class ReplicaReading:
    """One reading of a replica."""

    pid: int
    at_s: float
    busy_s: float
    """Worker-seconds, or processor-seconds, used since the process began."""
    capacity: float
    """Workers, or cores requested."""
    queued: float | None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The utilisation of a Deployment's replicas between two readings."""

    utilisation: float | None = None
    queued: float | None = None


class Sessions:
    """Processor time of replicas including their children: a shell around the server, worker processes."""

    @cached_property
    def _members(self) -> dict[int, list[int]]:
        """Processes by session. Every replica leads one; sessions are far cheaper to follow than parents."""
        members: dict[int, list[int]] = {}
        for pid in psutil.pids():
            with contextlib.suppress(OSError):
                members.setdefault(os.getsid(pid), []).append(pid)
        return members

    def processor_s(self, leader: int) -> float:
        """Seconds used by the leader and the other processes of its session; raises psutil.Error."""
        times = psutil.Process(leader).cpu_times()
        total = times.user + times.system
        for pid in self._members.get(leader, ()):
            if pid != leader:
                with contextlib.suppress(psutil.Error):
                    times = psutil.Process(pid).cpu_times()
                    total += times.user + times.system
        return total


class OccupancyMeter:
    """Keeps the last reading of every replica, because utilisation is a difference."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._last: dict[str, ReplicaReading] = {}
        self._occupancies: dict[str, Occupancy] = {}
        self._reading: asyncio.Task[dict[str, Occupancy]] | None = None
        self._read_at_s = float("-inf")
        self._mute: dict[int, tuple[float, float]] = {}
        """Processes that did not answer: until when they are not asked again, and for how long after that."""

    async def read(self, sets: Sequence[ReplicaSet]) -> tuple[Occupancy, ...]:
        """The utilisation of each set since the last reading, in order; silent replicas are skipped.

        It does not wait for a replica that hangs: the result is that of the last complete reading then.
        """
        now_s = asyncio.get_running_loop().time()
        if self._reading is None and now_s - self._read_at_s >= FRESH_S:
            self._read_at_s = now_s
            self._reading = asyncio.create_task(self._measure(tuple(sets)))
        if self._reading is not None:
            done, _ = await asyncio.wait({self._reading}, timeout=LONGEST_WAIT_S)
            if done:
                reading, self._reading = self._reading, None
                self._occupancies = reading.result()
        return tuple(self._occupancies.get(each.deployment.name, Occupancy()) for each in sets)

    async def close(self) -> None:
        """End a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _measure(self, sets: Sequence[ReplicaSet]) -> dict[str, Occupancy]:
        replicas = [
            (replica_set.deployment, replica) for replica_set in sets for replica in replica_set.serving
        ]
        sessions = Sessions()
        readings = await asyncio.gather(
            *(self._look(deployment, replica, sessions) for deployment, replica in replicas)
        )
        found = {
            replica.name: reading for (_, replica), reading in zip(replicas, readings, strict=True) if reading
        }
        occupancies = {
            replica_set.deployment.name: self._occupancy(
                [found[replica.name] for replica in replica_set.serving if replica.name in found]
            )
            for replica_set in sets
        }
        self._last = found
        return occupancies

    def _occupancy(self, readings: Sequence[ReplicaReading]) -> Occupancy:
        by_pid = {reading.pid: reading for reading in self._last.values()}
        shares = [
            min(
                1.0,
                max(0.0, (reading.busy_s - last.busy_s) / ((reading.at_s - last.at_s) * reading.capacity)),
            )
            for reading in readings
            if (last := by_pid.get(reading.pid)) and reading.at_s > last.at_s
        ]
        queues = [reading.queued for reading in readings if reading.queued is not None]
        return Occupancy(sum(shares) / len(shares) if shares else None, sum(queues) if queues else None)

    async def _look(
        self, deployment: Deployment, replica: Replica, sessions: Sessions
    ) -> ReplicaReading | None:
        if replica.child is None:
            return None
        pid = replica.child.pid
        try:
            if deployment.metrics_path and (
                reading := await self._scrape(deployment.metrics_path, replica, pid)
            ):
                return reading
            busy_s = sessions.processor_s(pid)
        except (HttpError, psutil.Error):
            return None
        cores = (deployment.cpu_request_millis or 1000) / 1000
        return ReplicaReading(pid, asyncio.get_running_loop().time(), busy_s, cores, None)

    async def _scrape(self, path: str, replica: Replica, pid: int) -> ReplicaReading | None:
        clock = asyncio.get_running_loop().time
        until_s, pause_s = self._mute.get(pid, (0.0, MUTE_S))
        if clock() < until_s:
            raise HttpError(f"{replica.name} has not answered lately")
        try:
            answer = await self._http.get(
                f"http://{LOOPBACK}:{replica.port}{path}", timeout_s=SCRAPE_TIMEOUT_S
            )
        except HttpError:
            # A replica that hangs would delay every reading of the mesh.
            self._mute[pid] = clock() + pause_s, min(2 * pause_s, LONGEST_MUTE_S)
            raise
        self._mute.pop(pid, None)
        at_s = clock()
        totals: dict[bytes, float] = {}
        for name, value in _SAMPLE.findall(answer.body):
            totals[name] = totals.get(name, 0.0) + float(value)
        workers = totals.get(b"service_workers", 0.0)
        if workers <= 0 or b"service_busy_seconds_total" not in totals:
            return None
        return ReplicaReading(
            pid, at_s, totals[b"service_busy_seconds_total"], workers, totals.get(b"service_queue_length")
        )
