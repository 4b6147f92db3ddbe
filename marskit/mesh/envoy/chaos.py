"""Injects faults: through the replicas' own endpoint if they have one, else in the proxy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from marskit.domain.faults import (
    ClearFaults,
    Delay,
    Fault,
    HangReplica,
    InjectErrors,
    KillReplica,
    SlowDown,
    why_unfit,
)
from marskit.mesh.envoy.launch import CHAOS_TOKEN
from marskit.mesh.envoy.replica import Replica
from marskit.mesh.envoy.replicas import ReplicaSet
from marskit.mesh.envoy.resources.model import WorkloadFault
from marskit.mesh.port import ActionError
from marskit.system.free_ports import LOOPBACK
from marskit.system.local_http import HttpClient, HttpError

PROXY_DELAY_MS = 100
"""Delay that represents a slow-down by 2 in the proxy, which does not know the service's own time."""


Check = Callable[[tuple[WorkloadFault, ...]], None]
"""Raises `ActionError` if the proxy cannot do what it would have to."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The active faults of one workload."""

    slowdown: float = 1.0
    error_percent: float = 0.0
    delay_ms: int = 0
    """Always done by the proxy, because it must not occupy the replica's workers."""


class Chaos:
    """Remembers the active faults, so that later replicas get them too."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._troubles: dict[str, Trouble] = {}
        self._examined: set[str] = set()

    def proxy_faults(self, sets: dict[str, ReplicaSet]) -> tuple[WorkloadFault, ...]:
        """The proxy's part for workloads that cannot inject faults themselves."""
        return _proxy_faults(self._troubles, sets)

    async def inject(self, fault: Fault, sets: dict[str, ReplicaSet], check: Check) -> None:
        """Inject the fault, or clear all; raises `ActionError` for a fault that does not fit."""
        if (problem := why_unfit(fault, sets)) is not None:
            raise ActionError(problem)
        if isinstance(fault, ClearFaults):
            broken = list(self._troubles)
            self._troubles.clear()
            for replica_set in sets.values():
                replica_set.resume()
            for workload in broken:
                await self._tell_all(sets[workload])
            return
        if isinstance(fault, KillReplica):
            if sets[fault.workload].kill_one() is None:
                raise ActionError(f"{fault.workload} has no ready replica to kill")
            return
        if isinstance(fault, HangReplica):
            if sets[fault.workload].hang_one() is None:
                raise ActionError(f"{fault.workload} has no ready replica left to hang")
            return
        trouble = self._troubles.get(fault.workload, Trouble())
        match fault:
            case SlowDown(_, factor):
                trouble = replace(trouble, slowdown=factor)
            case InjectErrors(_, percent):
                trouble = replace(trouble, error_percent=percent)
            case Delay(_, delay_ms):
                trouble = replace(trouble, delay_ms=delay_ms)
        check(_proxy_faults({**self._troubles, fault.workload: trouble}, sets))
        before = self._troubles.get(fault.workload, Trouble())
        self._troubles[fault.workload] = trouble
        try:
            await self._tell_all(sets[fault.workload])
        except ActionError:
            # Otherwise every later replica would get the fault, and reject it.
            self._troubles[fault.workload] = before
            raise

    async def prepare(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Inject the workload's active faults into a replica that has just started.

        Raises:
            ActionError: It refuses the fault, or it takes faults from everybody.
        """
        name = replica_set.deployment.name
        if (trouble := self._troubles.get(name)) is not None:
            await self._tell(replica_set, replica, trouble)
        elif name not in self._examined:
            self._examined.add(name)
            if await self._is_open(replica_set, replica):
                raise ActionError(
                    f"{name} takes faults from every user of this machine: let {_chaos_path(replica_set)}"
                    f" refuse requests without `Authorization: Bearer` and the value of {CHAOS_TOKEN}"
                )

    async def _is_open(self, replica_set: ReplicaSet, replica: Replica) -> bool:
        """Whether the replica takes a fault, which changes nothing, without the token."""
        if not (path := _chaos_path(replica_set)):
            return False
        try:
            answer = await self._http.put_json(f"http://{LOOPBACK}:{replica.port}{path}", _body(Trouble()))
        except HttpError:
            return False
        return answer.is_success

    async def _tell_all(self, replica_set: ReplicaSet) -> None:
        trouble = self._troubles.get(replica_set.deployment.name, Trouble())
        # Including replicas that are not ready: one that only hangs returns as it was.
        for replica in tuple(replica_set.replicas):
            # A stopped one would read this only when it continues, by when it may be wrong.
            if not replica.hung:
                await self._tell(replica_set, replica, trouble)

    async def _tell(self, replica_set: ReplicaSet, replica: Replica, trouble: Trouble) -> None:
        path = _chaos_path(replica_set)
        if not path:
            return
        headers = {"authorization": f"Bearer {replica.chaos_token}"}
        try:
            answer = await self._http.put_json(
                f"http://{LOOPBACK}:{replica.port}{path}", _body(trouble), headers=headers
            )
        except HttpError:
            # It is ending or starting: its successor gets the fault before it becomes ready.
            return
        if not answer.is_success:
            reply = answer.body.decode(errors="replace").strip()
            raise ActionError(f"{replica.name} rejected the fault: {answer.status} {reply}")


def _body(trouble: Trouble) -> dict[str, float]:
    return {"slowdown": trouble.slowdown, "error_percent": trouble.error_percent}


def _proxy_faults(
    troubles: Mapping[str, Trouble], sets: Mapping[str, ReplicaSet]
) -> tuple[WorkloadFault, ...]:
    faults = [_proxy_fault(workload, trouble, sets[workload]) for workload, trouble in troubles.items()]
    return tuple(
        sorted(
            (fault for fault in faults if fault.delay_ms is not None or fault.abort_percent is not None),
            key=lambda fault: fault.workload,
        )
    )


def _proxy_fault(workload: str, trouble: Trouble, replica_set: ReplicaSet) -> WorkloadFault:
    if _chaos_path(replica_set):
        return WorkloadFault(workload, delay_ms=trouble.delay_ms or None)
    slowed_ms = round((trouble.slowdown - 1) * PROXY_DELAY_MS)
    return WorkloadFault(
        workload,
        delay_ms=slowed_ms + trouble.delay_ms or None,
        abort_percent=trouble.error_percent or None,
    )


def _chaos_path(replica_set: ReplicaSet) -> str | None:
    local = replica_set.deployment.local
    return local.chaos_path if local else None
