"""The Envoy process: started, watched, read through its admin interface, and restarted when it dies.

The admin interface is a UNIX socket in a folder that only this user can enter: on a port of the loopback
interface, every user of the machine could stop Envoy or change its log levels.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.logs import last_line
from marskit.mesh.envoy.refusals import reason_in
from marskit.mesh.envoy.replicas import Report
from marskit.mesh.manifests.regex import LARGEST_PROGRAM
from marskit.mesh.port import MeshError
from marskit.system.local_http import HttpClient, HttpError
from marskit.system.private_files import replace_private_text
from marskit.system.processes import Child, Children

READY_TIMEOUT_S = 10.0
READY_POLL_S = 0.01
RESTART_WAIT_S = 0.1
REFUSED_WAIT_S = 1.0
"""Wait before another start after one that did not take the configuration, in seconds."""
FLUSH_INTERVAL = "0.25s"
"""Interval at which histograms are updated; counters are updated at once."""
RUNTIME = {"re2.max_program_size.error_level": LARGEST_PROGRAM}
"""Settings of the process that cannot change."""
ADMIN_SOCKET = "admin.sock"
_ADMIN = "http://envoy"


class Proxy:
    """One Envoy that reads its configuration from a folder of xDS files; the folder must be private."""

    def __init__(
        self,
        binary: Path,
        *,
        xds: Path,
        log: Path,
        children: Children,
        report: Report,
        restored: Callable[[], Awaitable[str]],
    ) -> None:
        """`restored` is awaited after a restart; it returns why not everything is served, or nothing."""
        self._binary = binary
        self._xds = xds
        self._log = log
        self._children = children
        self._report = report
        self._restored = restored
        self._socket = xds / ADMIN_SOCKET
        self._http = HttpClient(socket=self._socket)
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None
        self.starts = 0
        """Number of starts; its counters begin at 0 each time."""

    async def start(self) -> None:
        """Start Envoy and wait until it runs; it runs even without files that it refused, which must exist.

        Raises:
            MeshError: It did not start; the message contains its own words.
        """
        child = await self._spawn()
        if not await self._ready(child):
            raise MeshError(f"Envoy did not start: {self.complaint(0) or last_line(self._log)}")
        self._watch = asyncio.create_task(self._keep_running(child), name="envoy")

    async def stop(self) -> None:
        """Stop watching; the owner of the children ends the process."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._http.close()

    async def stats(self, pattern: str) -> list[dict[str, Any]]:
        """The statistics whose names match; raises HttpError while Envoy is down."""
        query = urlencode({"format": "json", "filter": pattern, "histogram_buckets": "detailed"})
        answer = await self._http.get(f"{_ADMIN}/stats?{query}")
        found: list[dict[str, Any]] = answer.json()["stats"]
        return found

    async def clusters(self) -> list[dict[str, Any]]:
        """Every cluster with its endpoints and their own statistics; raises HttpError while Envoy is down."""
        answer = await self._http.get(f"{_ADMIN}/clusters?format=json")
        found: list[dict[str, Any]] = answer.json().get("cluster_statuses", [])
        return found

    async def config_errors(self) -> list[str]:
        """Envoy's reasons for the resources that it does not have as written; empty while it is down."""
        try:
            dump = (await self._http.get(f"{_ADMIN}/config_dump")).json()
        except (HttpError, ValueError):
            return []
        return list(dict.fromkeys(_error_states(dump)))

    def complaint(self, since_bytes: int) -> str:
        """Envoy's newest complaint about its configuration since that offset of its log; empty if none."""
        return reason_in(self._log, since_bytes)

    @property
    def log_bytes(self) -> int:
        """The present length of its log."""
        return self._log.stat().st_size if self._log.exists() else 0

    @property
    def pid(self) -> int | None:
        """Its process id, or None before the start."""
        return self._child.pid if self._child else None

    async def _spawn(self) -> Child:
        bootstrap = self._xds / "bootstrap.json"
        replace_private_text(bootstrap, json.dumps(self._bootstrap()))
        self._child = await self._children.spawn(
            "envoy",
            (
                self._binary,
                *("-c", str(bootstrap)),
                "--disable-hot-restart",
                "--reject-unknown-dynamic-fields",
                # One worker thread: the services need the cores, and one probe's answer then holds for all.
                *("--concurrency", "1"),
                *("-l", "warning"),
                *("--service-cluster", "marskit"),
                *("--service-node", "marskit"),
            ),
            env={},
            cwd=self._xds,
            log=self._log,
        )
        self.starts += 1
        return self._child

    def _bootstrap(self) -> dict[str, Any]:
        def source(file: str) -> dict[str, Any]:
            path = {"path": str(self._xds / file)}
            return {"resource_api_version": "V3", "path_config_source": path}

        return {
            "admin": {"address": {"pipe": {"path": str(self._socket), "mode": 0o600}}},
            "stats_flush_interval": FLUSH_INTERVAL,
            "layered_runtime": {"layers": [{"name": "marskit", "static_layer": RUNTIME}]},
            "dynamic_resources": {"cds_config": source("cds.json"), "lds_config": source("lds.json")},
        }

    async def _ready(self, child: Child) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while child.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                if (await self._http.get(f"{_ADMIN}/ready")).is_success:
                    return True
            except HttpError:
                pass
            await asyncio.sleep(READY_POLL_S)
        return False

    async def _keep_running(self, child: Child) -> None:
        while True:
            code = await child.wait()
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            self._report(Severity.CRITICAL, "envoy", f"Envoy ended {how} and is restarting")
            child = await self._restarted()
            self._report(Severity.INFO, "envoy", "Envoy is running again")

    async def _restarted(self) -> Child:
        """A new Envoy that serves, after as many attempts as it takes."""
        while True:
            wait_s = RESTART_WAIT_S
            try:
                child = await self._spawn()
                if await self._ready(child):
                    if not (why := await self._restored()):
                        return child
                    # For one, another program has taken a port meanwhile.
                    self._report(Severity.CRITICAL, "envoy", f"Envoy is restarting again: {why}")
                    wait_s = REFUSED_WAIT_S
                child.kill_group()
                await child.wait()
            except OSError as error:
                sentence = f"Envoy cannot be started ({error.strerror or error}); retrying"
                self._report(Severity.CRITICAL, "envoy", sentence)
            await asyncio.sleep(wait_s)


def _error_states(dump: object) -> Iterator[str]:
    """The details of every `error_state` in a configuration dump."""
    if isinstance(dump, list):
        for item in dump:
            yield from _error_states(item)
    elif isinstance(dump, dict):
        state = dump.get("error_state")
        if isinstance(state, dict) and state.get("details"):
            yield str(state["details"])
        for item in dump.values():
            yield from _error_states(item)
