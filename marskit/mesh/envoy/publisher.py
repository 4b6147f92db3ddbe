"""Publishes configuration to Envoy and tracks its progress: accepted, pushed, effective."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marskit.domain.metrics import ConfigGeneration
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.port import Applied, Rejected, Unknown, WriteOutcome
from marskit.system.local_http import HttpClient, HttpError

TIMEOUT_S = 5.0
PAUSES_S = (0.0, 0.001, 0.002, 0.005)
"""Pauses between checks of Envoy's progress, in seconds; the last one repeats."""

GENERATION_HEADER = "x-marskit-generation"
"""Response header of the proxy that names the configuration behind the response."""

Resources = Mapping[str, Sequence[Mapping[str, Any]]]
"""File names with their resources."""


class Publisher:
    """Writes generations of xDS files; a file's version is the generation that last changed it.

    Not for concurrent use: the caller holds a lock around `publish`, because a rejection restores the files.
    """

    def __init__(
        self,
        folder: Path,
        proxy: Proxy,
        http: HttpClient,
        *,
        probes: Mapping[str, str],
        probe_headers: Mapping[str, str],
    ) -> None:
        """`probes`: for each routes file, the URL that reports the generation that serves."""
        self.generation = ConfigGeneration()
        self._folder = folder
        self._proxy = proxy
        self._http = http
        self._probes = probes
        self._probe_headers = probe_headers
        self._files: dict[str, tuple[int, Sequence[Mapping[str, Any]]]] = {}

    def write(self, resources: Resources) -> tuple[str, ...]:
        """Accept a configuration: write the changed files, in Envoy's order, and return their names."""
        changed = tuple(
            file
            for file in sorted(resources, key=_order)
            if file not in self._files or self._files[file][1] != resources[file]
        )
        if changed:
            now = self.generation
            accepted = now.accepted + 1
            self.generation = ConfigGeneration(accepted, now.pushed, now.effective)
            for file in changed:
                self._put(file, accepted, resources[file])
        return changed

    async def publish(self, resources: Resources) -> WriteOutcome:
        """Write a configuration and wait until requests are served by it.

        Earlier changes that were not observed to serve, because Envoy was away or the wait was cancelled, are
        awaited as well. A rejected configuration is rolled back: Envoy keeps the former one, and the files
        are restored.
        """
        clock = asyncio.get_running_loop()
        former = dict(self._files)
        refusals = await self._refusals()
        start_s = clock.time()
        changed = self.write(resources)
        generation = self.generation.accepted
        # Envoy no longer reads files that are not in `resources`.
        waiting = {
            file: version
            for file in resources
            if (version := self._files[file][0]) > (self.generation.effective or 0)
        }
        if not waiting:
            return Applied(generation, 0.0, 0.0)
        acknowledged = await self._acknowledged(waiting, refusals, start_s + TIMEOUT_S)
        if acknowledged is None:
            return Unknown(f"Envoy did not confirm generation {generation} within {TIMEOUT_S:g} s")
        if not acknowledged:
            return self._take_back(former, changed)
        pushed_s = clock.time()
        self.generation = ConfigGeneration(generation, generation, self.generation.effective)
        pushed_after_ms = (pushed_s - start_s) * 1000
        if not await self._effective(waiting, start_s + TIMEOUT_S):
            return Applied(generation, pushed_after_ms, None)
        self.generation = ConfigGeneration(generation, generation, generation)
        return Applied(generation, pushed_after_ms, (clock.time() - start_s) * 1000)

    def _put(self, file: str, version: int, resources: Sequence[Mapping[str, Any]]) -> None:
        self._files[file] = (version, resources)
        if file.startswith("rds-"):
            resources = [{**resource, **_stamp(version)} for resource in resources]
        # Envoy sees only a rename into place, never half a file.
        temporary = self._folder / f".{file}"
        temporary.write_text(json.dumps({"version_info": str(version), "resources": list(resources)}))
        temporary.replace(self._folder / file)

    def _take_back(
        self, former: Mapping[str, tuple[int, Sequence[Mapping[str, Any]]]], changed: Sequence[str]
    ) -> Rejected:
        for file in changed:
            if file in former:
                self._put(file, *former[file])
        reason = self._proxy.complaint() or "Envoy rejected the configuration without a reason"
        now = self.generation
        self.generation = ConfigGeneration(now.accepted, now.pushed, now.effective, reason)
        return Rejected(reason)

    async def _acknowledged(
        self, waiting: Mapping[str, int], refusals: Mapping[str, int], deadline_s: float
    ) -> bool | None:
        """True once Envoy has taken all files, False if it rejected one, None if it did not react in time."""
        for pause_s in _pauses(deadline_s):
            await asyncio.sleep(pause_s)
            state = await self._subscriptions()
            if all(
                state.get(f"{_subscription(file)}.version_text") == str(version)
                for file, version in waiting.items()
            ):
                return True
            now = {name: value for name, value in state.items() if isinstance(value, int)}
            if any(value > refusals.get(name, 0) for name, value in now.items()):
                return False
        return None

    async def _effective(self, waiting: Mapping[str, int], deadline_s: float) -> bool:
        """Whether a response showed the version: of each listener with changed routes, or of any other.

        If no route changed, any response will do: Envoy's worker applies its updates in order, and
        acknowledged ones reach it before the probe.
        """
        routes = {file: version for file, version in waiting.items() if file in self._probes}
        wanted = routes or dict.fromkeys(list(self._probes)[:1], 0)
        for pause_s in _pauses(deadline_s):
            await asyncio.sleep(pause_s)
            if all([await self._serving(file) >= version for file, version in wanted.items()]):
                return True
        return False

    async def _serving(self, file: str) -> int:
        try:
            answer = await self._http.get(self._probes[file], headers=self._probe_headers)
            return int(answer.headers[GENERATION_HEADER])
        except (HttpError, KeyError, ValueError):
            return -1

    async def _subscriptions(self) -> dict[str, str | int]:
        try:
            stats = await self._proxy.stats(r"\.(version_text|update_rejected|update_failure)$")
        except HttpError:
            return {}
        return {stat["name"]: stat["value"] for stat in stats if "name" in stat}

    async def _refusals(self) -> dict[str, int]:
        return {
            name: value for name, value in (await self._subscriptions()).items() if isinstance(value, int)
        }


def _stamp(generation: int) -> dict[str, Any]:
    header = {"key": GENERATION_HEADER, "value": str(generation)}
    return {"response_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


def _order(file: str) -> tuple[int, str]:
    # Referring resources come after those they name: endpoints, clusters, listeners, routes.
    return ("eds-", "cds.", "lds.", "rds-").index(file[:4]), file


def _subscription(file: str) -> str:
    """The prefix of Envoy's statistics about the subscription that reads a file."""
    if file == "cds.json":
        return "cluster_manager.cds"
    if file == "lds.json":
        return "listener_manager.lds"
    name = file[4:].removesuffix(".json").replace("~", "|")
    return f"cluster.{name}" if file.startswith("eds-") else f"http.{name}.rds.{name}"


def _pauses(deadline_s: float) -> Iterator[float]:
    """The pauses between checks until the deadline on the event loop's clock."""
    clock = asyncio.get_running_loop()
    attempt = 0
    while clock.time() < deadline_s:
        yield PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
        attempt += 1
