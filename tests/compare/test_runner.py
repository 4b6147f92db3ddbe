import subprocess
import sys
from pathlib import Path

import psutil

from tests.paths import ROOT


def test_the_processes_of_a_comparison_end_with_it_even_when_it_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "main.py", "compare", "--planners", "static,hpa", "--scenarios", "rush-hours"]
    argv += ["--seeds", "0,1,2,3", "--out", str(tmp_path)]
    popen = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        parent = psutil.Process(popen.pid)
        workers: list[psutil.Process] = []
        while len(workers) < 2:
            assert popen.poll() is None, "it ended before it began"
            workers = [p for p in parent.children() if "spawn_main" in " ".join(p.cmdline())]
    finally:
        popen.kill()
        popen.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    for each in alive:
        each.kill()
    assert not alive
