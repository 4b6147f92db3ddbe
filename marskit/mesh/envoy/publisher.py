"""Publishes configuration to Envoy and tracks its progress: accepted, pushed, effective."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from marskit.domain.metrics import ConfigGeneration
from marskit.mesh.envoy.acknowledgement import STATISTICS, Answer, State, Written, answer_of
from marskit.mesh.envoy.proxy import Proxy
from marskit.mesh.port import Applied, MeshError, Rejected, Unknown, WriteOutcome
from marskit.system.local_http import HttpClient, HttpError
from marskit.system.private_files import replace_private_text

TIMEOUT_S = 5.0
START_TIMEOUT_S = 15.0
"""Longest wait for the first configuration: on a busy machine everything starts at once."""
PAUSES_S = (0.0, 0.001, 0.002, 0.005)
"""Pauses between checks of Envoy's progress, in seconds; the last one repeats."""

GENERATION_HEADER = "x-marskit-generation"
"""Response header of the proxy that names the configuration behind the response."""

Resources = Mapping[str, Sequence[Mapping[str, Any]]]
"""File names with their resources."""
_Stamp = tuple[int, int, int]
_Files = dict[str, tuple[int, Sequence[Mapping[str, Any]]]]


class Publisher:
    """Writes generations of xDS files; a file's version is the generation that last changed it.

    Envoy does not say which file it refuses, and in how many words: its own counters and the versions that it
    runs are compared with what was written, and its log is only read for the reason.

    Not for concurrent use: the caller holds a lock around `start` and `publish`, because a rejection restores
    the files.
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
        self._files: _Files = {}
        self._stamps: dict[str, _Stamp] = {}
        """What tells a file that was written here from one that somebody else wrote."""
        self._taken: _Files = {}
        """What Envoy acknowledged last, as a whole."""
        self._taken_by = 0
        """Which start of Envoy acknowledged it."""
        self._refusals: Mapping[str, int] = {}
        """That Envoy's counters of refusals by then."""
        self._log_bytes = 0
        """The length of its log by then: what stands before is about something else."""

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

    async def start(self, resources: Resources) -> None:
        """Start Envoy with a configuration; return once requests are served by all of it.

        Raises:
            MeshError: Envoy does not start, or does not take everything, so that requests would go nowhere.
        """
        self.write(resources)
        await self._proxy.start()
        outcome = await self.publish(resources, timeout_s=START_TIMEOUT_S)
        match outcome:
            case Rejected(reason):
                raise MeshError(f"Envoy refused the configuration: {reason}")
            case Unknown(reason):
                raise MeshError(f"Envoy does not come up: {reason}")
            case Applied(effective_after_ms=None):
                raise MeshError(f"Envoy does not come up: {self.unserved}")

    async def publish(self, resources: Resources, *, timeout_s: float = TIMEOUT_S) -> WriteOutcome:
        """Write a configuration and wait until requests are served by it.

        Earlier changes that were not observed to serve, because Envoy was away or the wait was cancelled, are
        awaited as well, and all files after a restart of Envoy. A rejected configuration is rolled back: even
        if Envoy took a part of it, it has what it had before, and the files are restored.
        """
        clock = asyncio.get_running_loop()
        start_s = clock.time()
        self.write(resources)
        generation = self.generation.accepted
        waiting = self._waiting(resources)
        if not waiting:
            return Applied(generation, 0.0, 0.0)
        answer = await self._answer(waiting, start_s + timeout_s)
        if answer.refused:
            return await self._take_back(resources, answer.refused)
        if answer.missing:
            return Unknown(
                f"Envoy did not confirm generation {generation} within {timeout_s:g} s: {answer.missing}"
            )
        self._settle(answer)
        pushed_s = clock.time()
        self.generation = ConfigGeneration(generation, generation, self.generation.effective)
        pushed_after_ms = (pushed_s - start_s) * 1000
        if not await self._effective(waiting, start_s + timeout_s):
            return Applied(generation, pushed_after_ms, None)
        self.generation = ConfigGeneration(generation, generation, generation)
        return Applied(generation, pushed_after_ms, (clock.time() - start_s) * 1000)

    def restore(self) -> tuple[str, ...]:
        """Write the files again that others have changed or removed since they were written; their names."""
        changed = tuple(
            file for file, stamp in sorted(self._stamps.items()) if _found(self._folder / file) != stamp
        )
        for file in changed:
            self._put(file, *self._files[file])
        return changed

    @property
    def unserved(self) -> str:
        """What to say of a configuration that Envoy took, but that no answer has shown."""
        ports = ", ".join(sorted(url.partition("//")[2].partition("/")[0] for url in self._probes.values()))
        return f"it took the configuration, but does not answer at {ports}"

    def _waiting(self, resources: Resources) -> dict[str, int]:
        """The files that must be acknowledged, with their versions; Envoy no longer reads any others."""
        anew = self._proxy.starts != self._taken_by
        return {
            file: self._files[file][0]
            for file in resources
            if anew or self._files[file][0] > (self.generation.effective or 0)
        }

    def _put(self, file: str, version: int, resources: Sequence[Mapping[str, Any]]) -> None:
        self._files[file] = (version, resources)
        self._stamps.pop(file, None)
        if file.startswith("rds-"):
            resources = [{**resource, **_stamp(version)} for resource in resources]
        content = {"version_info": str(version), "resources": list(resources)}
        # Envoy reads a file when it is renamed into place.
        self._stamps[file] = _stamp_of(replace_private_text(self._folder / file, json.dumps(content)))

    async def _take_back(self, resources: Resources, refused: str) -> WriteOutcome:
        """Restore what Envoy acknowledged last, wait until it has that, and give its reason."""
        reason = await self._reason(refused)
        version = self.generation.accepted + 1
        restored = {
            file: version
            for file in sorted(resources, key=_order)
            if file in self._taken and self._files[file][1] != self._taken[file][1]
        }
        for file in restored:
            self._put(file, version, self._taken[file][1])
        # Of those that are new, the former configuration knows nothing: they are written again when needed.
        self._files = {file: held for file, held in self._files.items() if file in self._taken}
        self._stamps = {file: stamp for file, stamp in self._stamps.items() if file in self._files}
        now = self.generation
        if not restored:
            self.generation = ConfigGeneration(now.accepted, now.pushed, now.effective, reason)
            self._log_bytes = self._proxy.log_bytes
            return Rejected(reason)
        self.generation = ConfigGeneration(version, now.pushed, now.effective, reason)
        deadline_s = asyncio.get_running_loop().time() + TIMEOUT_S
        # Its counters still rise for what was written before.
        answer = await self._answer(restored, deadline_s, only_versions=True)
        if answer.missing or not await self._effective(restored, deadline_s):
            return Unknown(f"{reason}; and Envoy did not confirm that it is back at what it had before")
        self._settle(answer)
        self.generation = ConfigGeneration(version, version, version, reason)
        return Rejected(reason)

    async def _reason(self, refused: str) -> str:
        """Envoy's reason for this refusal, and for no earlier one."""
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            if reason := self._proxy.complaint(self._log_bytes):
                return reason
        return "; ".join(await self._proxy.config_errors()) or f"{refused} rose, and its log gives no reason"

    def _settle(self, answer: Answer) -> None:
        self._taken, self._taken_by = dict(self._files), answer.starts
        self._refusals = answer.refusals
        self._log_bytes = self._proxy.log_bytes

    async def _answer(
        self, waiting: Mapping[str, int], deadline_s: float, *, only_versions: bool = False
    ) -> Answer:
        """What Envoy makes of the files by the deadline; `only_versions` waits even if it refused some."""
        answer = Answer(0, {}, missing="its statistics cannot be read")
        for pause_s in _pauses(deadline_s):
            await asyncio.sleep(pause_s)
            # The number of starts before the request: another Envoy may have taken over by the response.
            starts = self._proxy.starts
            if (state := await self._state()) is not None:
                # A restarted Envoy counts from 0 again.
                former = self._refusals if starts == self._taken_by else {}
                answer = answer_of(state, [self._written(*each) for each in waiting.items()], former, starts)
                if not answer.missing or (answer.refused and not only_versions):
                    break
        return answer

    def _written(self, file: str, version: int) -> Written:
        (first, *_) = (*self._files[file][1], {})
        return Written(file, version, first.get("cluster_name") or first.get("name", ""))

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

    async def _state(self) -> State | None:
        """Versions, counters and gauges; None while Envoy is away."""
        try:
            stats = await self._proxy.stats(STATISTICS)
        except HttpError:
            return None
        return {stat["name"]: stat["value"] for stat in stats if "name" in stat}


def _stamp(generation: int) -> dict[str, Any]:
    header = {"key": GENERATION_HEADER, "value": str(generation)}
    return {"response_headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


def _found(path: Path) -> _Stamp | None:
    try:
        return _stamp_of(path.stat())
    except OSError:
        return None


def _stamp_of(found: os.stat_result) -> _Stamp:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _order(file: str) -> tuple[int, str]:
    # Referring resources come after those they name: endpoints, clusters, listeners, routes.
    return ("eds-", "cds.", "lds.", "rds-").index(file[:4]), file


def _pauses(deadline_s: float) -> Iterator[float]:
    """The pauses between checks until the deadline on the event loop's clock."""
    clock = asyncio.get_running_loop()
    attempt = 0
    while clock.time() < deadline_s:
        yield PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
        attempt += 1
