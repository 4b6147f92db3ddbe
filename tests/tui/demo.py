"""The screen on made-up data: `python -m tests.tui.demo [UPDATES_PER_S [SECONDS]]`. No mesh is started."""

import sys
import threading
import time
from concurrent.futures import Future

from marskit.domain import commands
from marskit.domain.actions import Scale
from marskit.domain.commands import Command, CommandError
from marskit.domain.events import Event, FaultInjected, Progressed, RunEnded
from marskit.domain.loop_events import ModeChanged, PlannerChanged, RunningChanged
from marskit.domain.records import Origin
from marskit.tui.run import run
from tests.tui.fake import FakeRuntime
from tests.tui.scripts import Story


class Demo(FakeRuntime):
    """Tells a made-up run at a steady pace, and follows the simplest commands."""

    def __init__(self, updates_per_s: float, seconds: float | None) -> None:
        super().__init__()
        self.story = Story()
        self.lock = threading.Lock()
        self.told = 0
        self.running = True
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.live, args=(updates_per_s, seconds), daemon=True)

    def live(self, updates_per_s: float, seconds: float | None) -> None:
        time.sleep(0.2)
        with self.lock:
            self.story.start()
            self.pass_on()
        for at_s, step, detail in (
            (0.1, "manifests", "3 services, 4 workloads"),
            (0.5, "envoy", "1.40"),
            (0.9, "replicas", "8 of 8"),
        ):
            time.sleep(0.4)
            with self.lock:
                self.story.tell(Progressed(at_s, step, detail))
                self.pass_on()
        with self.lock:
            self.story.come_up().tell(RunningChanged(1.0, running=True))
        began, count = time.monotonic(), 0
        while not self.over.wait(1 / updates_per_s):
            count += 1
            with self.lock:
                self.story.now_s += 1 / updates_per_s - 1
                self.story.observe()
                if self.running and count % round(4 * updates_per_s) == 0:
                    busy = {w.workload: w.utilisation or 0.0 for w in self.story.observation().workloads}
                    name, most = max(busy.items(), key=lambda item: item[1])
                    count_now = self.story.configuration.replicas_of(name)
                    self.story.turn(*([Scale(name, count_now + 1)] if most > 0.8 and count_now < 6 else []))
                self.pass_on()
            if seconds is not None and time.monotonic() - began > seconds:
                return

    def pass_on(self) -> None:
        events, self.told = self.story.events[self.told :], len(self.story.events)
        self.tell(*events)

    def submit(self, command: Command) -> Future[None]:
        result: Future[None] = Future()
        with self.lock:
            try:
                self.follow(command)
            except CommandError as error:
                result.set_exception(error)
            else:
                result.set_result(None)
            self.pass_on()
        return result

    def follow(self, command: Command) -> None:
        story = self.story
        event: Event | None = None
        match command:
            case commands.Run() | commands.Pause():
                self.running = isinstance(command, commands.Run)
                event = RunningChanged(story.now_s, self.running)
            case commands.SetMode(mode):
                event = ModeChanged(story.now_s, mode)
            case commands.SetPlanner(planner):
                event = PlannerChanged(story.now_s, planner)
            case commands.SetLoadFactor(factor):
                story.factor = factor
            case commands.Act(action):
                story.write(action, Origin.PERSON)
            case commands.Inject(fault):
                event = FaultInjected(story.now_s, fault)
                story.slowed = getattr(fault, "factor", 1.0)
            case commands.StepCycle():
                story.turn()
            case commands.StepPhase():
                self.step()
            case _:
                raise CommandError(f"The demo cannot do {type(command).__name__}.")
        if event is not None:
            story.tell(event)

    def step(self) -> None:
        story, cycle = self.story, self.state.cycle
        done = [cycle.observation, cycle.diagnosis, cycle.plan] if cycle else [None]
        if cycle is None or cycle.phase == "knowledge":
            story.monitor()
        elif None in done:
            (story.analyse, story.plan)[done.index(None) - 1]()
        else:
            story.finish()

    def stop(self, timeout_s: float) -> bool:
        self.over.set()
        self.tell(Progressed(self.state.now_s, "load", "stopped"))
        time.sleep(0.4)
        self.tell(RunEnded(self.state.now_s, None))
        return True


def main() -> int:
    updates_per_s = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else None
    demo = Demo(updates_per_s, seconds)
    demo.thread.start()
    return run(demo)


if __name__ == "__main__":
    sys.exit(main())
