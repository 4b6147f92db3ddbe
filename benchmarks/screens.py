"""Pictures of the screen on real runs in the twin: `python -m benchmarks.screens FOLDER [WORDS ...]`.

Four meshes (the demo, the canary example, 30 and 200 generated workloads) in four sizes of window, each live,
paused after a missed objective (the demo on a real mesh, where the verdict grows old), and with a plan that
waits for approval. SVG files, and PNG files where Chromium is installed. Words choose pictures by their
names: `30 80x24 waiting`.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from math import ceil
from pathlib import Path

from benchmarks.paths import ROOT
from marskit.assembly.bootstrap import build
from marskit.assembly.settings import Settings
from marskit.controller.runtime import Runtime
from marskit.domain import commands
from marskit.domain.records import Mode
from marskit.domain.state import State
from marskit.tui.app import MarskitApp
from tests.tui.meshes import topology

SIZES = ((80, 24), (120, 40), (160, 50), (200, 60))
SCENES = ("live", "paused", "waiting")
PATIENCE_S = 120.0
_BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
SERVICE = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  annotations: {{marskit.dev/min-replicas: "1", marskit.dev/max-replicas: "6"}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata:
      labels: {{app: {name}}}
      annotations: {{marskit.dev/command: '["node", "server.js"]', marskit.dev/port-env: PORT}}
    spec:
      containers:
        - name: {name}
          image: shop/{name}:1
          ports: [{{containerPort: 8080}}]
          env:
            - {{name: SERVICE_TIME_MS, value: "{service_ms}"}}
{calls}---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  annotations: {{marskit.dev/slo-latency-p95-ms: "250", marskit.dev/slo-availability-percent: "99"}}
spec:
  selector: {{app: {name}}}
  ports: [{{port: 8080, targetPort: 8080, name: http}}]
---
"""
CALL = """            - {{name: {variable}_URL, value: "http://{name}:8080"}}
"""
ENTRANCE = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: entrance}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ["*"]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: shop}}
spec:
  hosts: ["*"]
  gateways: [entrance]
  http:
    - route: [{{destination: {{host: {first}, port: {{number: 8080}}}}}}]
"""


def write_manifests(folder: Path, count: int) -> Path:
    """The manifests of a mesh of that many workloads, of which a few are too small for the demo's load."""
    mesh = topology(count)
    first = mesh.workloads[0].name
    text = ""
    for number, workload in enumerate(mesh.workloads):
        called = [edge.workload for edge in mesh.edges if edge.source == workload.name]
        if workload.name == first:
            # One entrance: it calls the others that the outside would.
            called += [e.workload for e in mesh.edges if e.source == "ingress" and e.workload != first]
        text += SERVICE.format(
            name=workload.name,
            replicas=1 if number % 13 == 5 else 2,
            service_ms=70 if number % 13 == 5 else 4,
            calls="".join(CALL.format(variable=n.upper().replace("-", "_"), name=n) for n in called),
        )
    file = folder / f"mesh-{count}.yaml"
    file.write_text(text + ENTRANCE.format(first=first), encoding="utf-8")
    return file


def settings_of(mesh: str, folder: Path, mode: Mode, *, is_real: bool) -> Settings:
    """The run of one mesh in the twin; the demo may be real."""
    runs = folder / "runs"
    if mesh == "demo" and is_real:
        return Settings(scenario="rush-hours", planner="static", mode=mode, runs=runs)
    if mesh == "demo":
        return Settings(mesh="twin", scenario="rush-hours", mode=mode, runs=runs, pace=10.0)
    if mesh == "canary":
        rollout = (ROOT / "k8s" / "base", ROOT / "examples" / "canary")
        scenario = str(ROOT / "examples" / "canary" / "rollout.toml")
        return Settings(
            mesh="twin", manifests=rollout, scenario=scenario, mode=mode, runs=runs, pace=10.0, period_s=2.0
        )
    manifests = (write_manifests(folder, int(mesh)),)
    return Settings(mesh="twin", manifests=manifests, scenario="rush-hours", mode=mode, runs=runs, pace=3.0)


async def until(runtime: Runtime, holds: Callable[[State], bool]) -> bool:
    """Wait until the state is so; False if it does not become so."""
    for _ in range(round(PATIENCE_S / 0.1)):
        state = runtime.state
        if state.ended is not None:
            raise SystemExit(f"the run ended: {state.ended.reason}")
        if holds(state):
            return True
        await asyncio.sleep(0.1)
    return False


async def picture(mesh: str, scene: str, size: tuple[int, int]) -> str:
    """One run, one window, one scene, as SVG."""
    with tempfile.TemporaryDirectory() as home:
        mode = Mode.APPROVE if scene == "waiting" else Mode.AUTO
        runtime = Runtime()
        # The twin's time is held while the loop is paused: only on a real mesh does a verdict age.
        chosen = settings_of(mesh, Path(home), mode, is_real=scene == "paused")
        begin = partial(runtime.start, partial(build, chosen), loop_factory=chosen.loop_factory())
        app = MarskitApp(runtime, (), begin)
        try:
            async with app.run_test(size=size, notifications=True):
                await until(runtime, lambda state: state.observation is not None)
                await reach(runtime, scene)
                await asyncio.sleep(1.0)
                return app.export_screenshot(title=f"{mesh} {scene}")
        finally:
            runtime.stop()


def keep(svg: str, file: Path) -> None:
    """Write the picture, and as PNG beside it if that can be done."""
    file.write_text(svg, encoding="utf-8")
    if (chromium := shutil.which("chromium")) is not None:
        width, height = (float(number) for number in _BOX.findall(svg)[0])
        picture = f"--screenshot={file.with_suffix('.png')}"
        window = f"--window-size={ceil(width)},{ceil(height)}"
        look = (chromium, "--headless", "--no-sandbox", "--hide-scrollbars", picture, window)
        subprocess.run((*look, file.resolve().as_uri()), check=True, capture_output=True)
    print(file, flush=True)


async def reach(runtime: Runtime, scene: str) -> None:
    """Bring the run to what the picture shows."""
    runtime.submit(commands.Run())
    if scene == "paused":
        if not await until(runtime, lambda s: bool(s.cycles) and s.cycles[-1].diagnosis.slo_met is False):
            print("no objective was missed", file=sys.stderr)
        runtime.submit(commands.Pause())
        await asyncio.sleep(12.0)
        return
    if scene == "live":
        await until(runtime, lambda state: state.cycles_done >= 12)
    else:
        awaits = await until(runtime, lambda state: state.cycle is not None and state.cycle.awaiting_approval)
        if not awaits:
            print("no plan came to wait for approval", file=sys.stderr)
        await asyncio.sleep(4.0)


def main() -> None:
    """Make the pictures that the words choose."""
    folder, *words = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    for mesh in ("demo", "canary", "30", "200"):
        for scene in SCENES:
            for size in SIZES:
                name = (mesh, scene, f"{size[0]}x{size[1]}")
                if all(word in name for word in words):
                    keep(asyncio.run(picture(mesh, scene, size)), Path(folder) / f"{'-'.join(name)}.svg")


if __name__ == "__main__":
    main()
