"""Started by the tests: runs three sleepers, one with a child of its own, says so and waits to be killed."""

import asyncio
import os
import sys
from pathlib import Path

from marskit.system.processes import Children

SLEEP = "import time; time.sleep(120)"
NEST = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "{SLEEP}"])
print("nested", flush=True)
{SLEEP}
"""


async def main(scratch: Path) -> None:
    children = Children(scratch=scratch)
    for name, code in (("a", SLEEP), ("b", SLEEP), ("nest", NEST)):
        log = scratch / f"{name}.log"
        await children.spawn(name, [sys.executable, "-c", code], env=os.environ, cwd=scratch, log=log)
    async with asyncio.timeout(10):
        while "nested" not in log.read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    print("running", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
