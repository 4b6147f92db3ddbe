"""The observed share of a 90/10 split, and p50 and p95 of a known service time, over at least 5,000 requests.

Run: `python -m benchmarks.accuracy`
"""

import asyncio
import math
from pathlib import Path

from benchmarks.report import Figure, show
from benchmarks.traffic import Traffic
from marskit.domain.metrics import merge
from marskit.mesh.envoy import demo_services
from marskit.mesh.envoy.adapter import EnvoyMesh
from marskit.mesh.manifests.load import load_mesh
from marskit.timing.clock import LoopClock

MANIFESTS = Path(__file__).parent / "manifests"
MEAN_MS = 100.0
REQUESTS = 16_000
"""So many that the standard error of the median is 1.2 % of it."""
AT_ONCE = 40


async def measure() -> int:
    mesh = EnvoyMesh(load_mesh([MANIFESTS]), clock=LoopClock(), seed=1)
    try:
        url = await mesh.start(lambda event: None)
        async with Traffic(url, at_once=AT_ONCE, request={"method": "GET", "path": "/"}) as traffic:
            await traffic.reach(REQUESTS)
        await asyncio.sleep(0.5)  # Envoy moves its histograms four times a second.
        sample = await mesh.sample()
    finally:
        await mesh.stop()
    edges = {edge.edge.workload: edge for edge in sample.edges}
    share = 100 * edges["canary"].requests / traffic.sent
    latencies = merge(edge.successes_ms for edge in sample.edges)
    figures = [
        Figure(
            f"share of the 10 % subset (n {traffic.sent})",
            f"{share:.2f} %",
            "within 1.5 points",
            abs(share - 10) <= 1.5,
        ),
        Figure("requests lost", str(traffic.failed), "", None),
    ]
    for q in (0.5, 0.95):
        # Quantile of the exponential distribution: -mean ln(1 - q).
        theory = -MEAN_MS * math.log(1 - q)
        measured = latencies.quantile_ms(q) or math.nan
        error = 100 * (measured / theory - 1)
        figures.append(
            Figure(
                f"p{100 * q:.0f} of an exponential {MEAN_MS:.0f} ms (n {latencies.n})",
                f"{measured:.1f} ms, theory {theory:.1f} ms: {error:+.1f} %",
                "within 5 %",
                abs(error) <= 5,
            )
        )
    return show("Accuracy of what is observed", figures)


if __name__ == "__main__":
    demo_services.install_dependencies()
    raise SystemExit(asyncio.run(measure()))
