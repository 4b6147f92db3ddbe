"""The twin, fitted to runs on the real mesh, and its error on each run held out of the fit.

Run: `python -m benchmarks.calibration`
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.paths import ROOT
from benchmarks.report import Figure, show
from marskit.calibration.calibrate import calibrate
from marskit.demo import DEMO_MANIFESTS
from marskit.knowledge.read.runs import list_runs, load_run
from marskit.mesh.manifests.load import load_mesh
from marskit.mesh.simulator.compile import twin_model
from marskit.mesh.simulator.requests import RequestTwin

RUNS = (("diurnal", "threshold"), ("ramp", "hpa"), ("spike", "static"), ("flash-crowd", "threshold"))
CYCLES = 40
MOST_PERCENT = 20.0


def measure() -> int:
    model = twin_model(load_mesh(DEMO_MANIFESTS))
    with tempfile.TemporaryDirectory() as folder:
        for seed, (scenario, planner) in enumerate(RUNS):
            subprocess.run(
                [
                    *(sys.executable, "main.py", "--headless", "--cycles", str(CYCLES), "--seed", str(seed)),
                    *("--scenario", scenario, "--planner", planner, "--runs", folder),
                ],
                cwd=ROOT,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        runs = [load_run(Path(folder), summary.run) for summary in list_runs(Path(folder)).runs]
    found = calibrate(model, runs, lambda model, arrivals, seed: RequestTwin(model, arrivals, seed=seed))
    figures = [
        Figure(
            f"{error.service}: p95 of a held-out run, {error.n} windows",
            f"{error.p95_error_percent:.1f} % error (median)",
            f"{MOST_PERCENT:g} %",
            error.p95_error_percent <= MOST_PERCENT,
        )
        for error in found.card.held_out
    ]
    return show("The calibrated twin against the real mesh", figures)


if __name__ == "__main__":
    sys.exit(measure())
