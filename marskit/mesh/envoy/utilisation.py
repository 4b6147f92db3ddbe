"""The utilisation of each replica: from its own metrics if it has them, else from its processor time."""

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import psutil

from marskit.mesh.envoy.replicas import Replica, ReplicaSet
from marskit.mesh.manifests.workloads import Deployment
from marskit.system.free_ports import LOOPBACK
from marskit.system.local_http import HttpClient, HttpError

SCRAPE_TIMEOUT_S = 0.5
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
        self._occupancies: tuple[Occupancy, ...] = ()
        self._read_at_s = float("-inf")

    async def read(self, sets: Sequence[ReplicaSet]) -> tuple[Occupancy, ...]:
        """The utilisation of each set since the last reading, in order; silent replicas are skipped."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._read_at_s >= FRESH_S:
            self._read_at_s = now_s
            self._occupancies = await self._measure(sets)
        return self._occupancies

    async def _measure(self, sets: Sequence[ReplicaSet]) -> tuple[Occupancy, ...]:
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
        occupancies = tuple(
            self._occupancy([found[replica.name] for replica in replica_set.serving if replica.name in found])
            for replica_set in sets
        )
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
        answer = await self._http.get(f"http://{LOOPBACK}:{replica.port}{path}", timeout_s=SCRAPE_TIMEOUT_S)
        at_s = asyncio.get_running_loop().time()
        totals: dict[bytes, float] = {}
        for name, value in _SAMPLE.findall(answer.body):
            totals[name] = totals.get(name, 0.0) + float(value)
        workers = totals.get(b"service_workers", 0.0)
        if workers <= 0 or b"service_busy_seconds_total" not in totals:
            return None
        return ReplicaReading(
            pid, at_s, totals[b"service_busy_seconds_total"], workers, totals.get(b"service_queue_length")
        )
