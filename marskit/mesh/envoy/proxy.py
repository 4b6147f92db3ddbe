"""The Envoy process: started, watched, read through its admin interface, and restarted when it dies."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from marskit.domain.diagnosis import Severity
from marskit.mesh.envoy.logs import last_line
from marskit.mesh.envoy.replicas import Report
from marskit.mesh.port import MeshError
from marskit.system.free_ports import LOOPBACK, PortPicker
from marskit.system.local_http import HttpClient, HttpError
from marskit.system.processes import Child, Children

READY_TIMEOUT_S = 10.0
READY_POLL_S = 0.01
RESTART_WAIT_S = 0.1
FLUSH_INTERVAL = "0.25s"
"""Interval at which histograms are updated; counters are updated at once."""
_REJECTED = "update rejected: "


class Proxy:
    """One Envoy that reads its configuration from a folder of xDS files."""

    def __init__(
        self,
        binary: Path,
        *,
        xds: Path,
        log: Path,
        children: Children,
        ports: PortPicker,
        http: HttpClient,
        report: Report,
    ) -> None:
        self._binary = binary
        self._xds = xds
        self._log = log
        self._children = children
        self._ports = ports
        self._http = http
        self._report = report
        self._admin = ""
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None
        self.starts = 0
        """Number of starts; its counters begin at 0 each time."""

    async def start(self) -> None:
        """Start Envoy and wait until it serves; the xDS files must exist.

        Raises:
            MeshError: It did not start or rejected the files; the message contains its own words.
        """
        child = await self._spawn()
        if not await self._ready(child):
            raise MeshError(f"Envoy did not start: {self.complaint() or last_line(self._log)}")
        # It serves without the rejected parts, so some requests would silently go nowhere.
        if reason := self.complaint():
            raise MeshError(f"Envoy refused the configuration: {reason}")
        self._watch = asyncio.create_task(self._keep_running(child), name="envoy")

    async def stop(self) -> None:
        """Stop watching; the owner of the children ends the process."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def stats(self, pattern: str) -> list[dict[str, Any]]:
        """The statistics whose names match; raises HttpError while Envoy is down."""
        query = urlencode({"format": "json", "filter": pattern, "histogram_buckets": "detailed"})
        answer = await self._http.get(f"{self._admin}/stats?{query}")
        found: list[dict[str, Any]] = answer.json()["stats"]
        return found

    def complaint(self) -> str:
        """Envoy's newest reason for rejecting a configuration, or an empty string."""
        try:
            log = self._log.read_text(errors="replace")
        except OSError:
            return ""
        _, found, after = log.rpartition(_REJECTED)
        lines = after.split("\n[", 1)[0].split("\n") if found else []
        return " ".join(line.strip() for line in lines if line.strip())

    @property
    def pid(self) -> int | None:
        """Its process id, or None before the start."""
        return self._child.pid if self._child else None

    async def _spawn(self) -> Child:
        port = self._ports.pick()
        self._admin = f"http://{LOOPBACK}:{port}"
        bootstrap = self._xds / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap(port)))
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

    def _bootstrap(self, admin_port: int) -> dict[str, Any]:
        def source(file: str) -> dict[str, Any]:
            path = {"path": str(self._xds / file)}
            return {"resource_api_version": "V3", "path_config_source": path}

        return {
            "admin": {"address": {"socket_address": {"address": LOOPBACK, "port_value": admin_port}}},
            "stats_flush_interval": FLUSH_INTERVAL,
            "dynamic_resources": {"cds_config": source("cds.json"), "lds_config": source("lds.json")},
        }

    async def _ready(self, child: Child) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while child.returncode is None and asyncio.get_running_loop().time() < deadline:
            try:
                if (await self._http.get(f"{self._admin}/ready")).is_success:
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
            try:
                child = await self._spawn()
                if await self._ready(child):
                    return child
                child.kill_group()
                await child.wait()
            except OSError as error:
                sentence = f"Envoy cannot be started ({error.strerror or error}); retrying"
                self._report(Severity.CRITICAL, "envoy", sentence)
            await asyncio.sleep(RESTART_WAIT_S)
