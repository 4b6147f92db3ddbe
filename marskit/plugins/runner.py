"""The planner's own process: answers requests until the program is gone; every exception is an answer."""

import os
import random
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from marskit.agents.sources import Source
from marskit.domain.config import Configuration
from marskit.domain.goals import Goals
from marskit.domain.observation import Observation
from marskit.domain.records import Cycle
from marskit.domain.topology import Topology
from marskit.knowledge.format.codec import dumps, loads
from marskit.planning import PlanningView
from marskit.plugins.answer import WrongAnswer, diagnosis_of, plan_of
from marskit.plugins.base import Planner
from marskit.plugins.load import CannotLoad, defined, load_class, make, own_folder, raised
from marskit.plugins.wire import (
    MOST_BYTES,
    Ask,
    Diagnosed,
    Failed,
    Inbox,
    Load,
    Loaded,
    Planned,
    Reply,
    Request,
    Reset,
    Seen,
    send,
)

MOST_TEXT = 500
"""Longest sentence about a planner, in characters."""


class Windows:
    """The planner's copy of the view, updated with the differences that arrive."""

    topology: Topology
    configuration: Configuration
    goals: Goals
    observation: Observation

    def __init__(self) -> None:
        self._recent: tuple[Observation, ...] = ()
        self._cycles: tuple[Cycle, ...] = ()

    def view(self, seen: Seen) -> PlanningView:
        """Apply the differences and return the whole view."""
        self.topology = seen.topology or self.topology
        self.configuration = seen.configuration or self.configuration
        self.goals = seen.goals or self.goals
        self.observation = seen.observation or self.observation
        self._recent = _last((*self._recent, *seen.recent), seen.recent_n)
        self._cycles = _last((*self._cycles, *seen.cycles), seen.cycles_n)
        return PlanningView(
            now_s=seen.now_s,
            speed=seen.speed,
            topology=self.topology,
            configuration=self.configuration,
            goals=self.goals,
            observation=self.observation,
            recent=self._recent,
            cycles=self._cycles,
            held=seen.held,
        )


class Runner:
    """Holds the planner and calls its methods."""

    _cls: type[Planner]
    _planner: Planner
    _chosen: str
    _own: str

    def __init__(self) -> None:
        self._windows = Windows()

    def reply(self, request: Request) -> Reply:
        """Carry out a request; never raises."""
        try:
            match request:
                case Load():
                    return self._load(request)
                case Reset(seed):
                    return self._make(seed)
                case Ask():
                    return self._ask(request)
        except CannotLoad as error:
            return Failed(_clean(str(error)))
        except WrongAnswer as wrong:
            analysed = isinstance(request, Ask) and request.analyse
            return Failed(_clean(f"{wrong}{defined(self._cls.analyse if analysed else self._cls.plan)}"))
        except BaseException as error:
            return Failed(_clean(raised(error, self._own)))

    def _load(self, load: Load) -> Loaded:
        source = Source(load.name, Path(load.file) if load.file else None, load.module)
        self._own, self._chosen = own_folder(source), load.chosen
        _bound_memory(load.memory_bytes)
        # A planner that uses the global generator, against advice, still draws the same numbers in every run.
        random.seed(load.seed)
        self._cls = load_class(source)
        self._own = own_folder(source)
        return self._make(load.seed)

    def _make(self, seed: int) -> Loaded:
        self._planner = make(self._cls, seed, self._own)
        name, summary = _clean(self._planner.name), _clean(self._planner.summary)
        return Loaded(os.getpid(), name, summary, self._cls.analyse is not Planner.analyse)

    def _ask(self, ask: Ask) -> Planned | Diagnosed:
        view = self._windows.view(ask.seen)
        if ask.analyse:
            return Diagnosed(diagnosis_of(self._planner.analyse(ask.diagnosis, view)))
        self._planner._explained = ""
        return Planned(plan_of(self._planner.plan(ask.diagnosis, view), self._planner, self._chosen))


def serve(channel: socket.socket, tell: Callable[[str], None]) -> NoReturn:
    """Answer requests until the channel closes.

    Args:
        channel: The connection to the program.
        tell: Called with the place of a call of `os._exit` in the planner's code.
    """
    runner, inbox, me = Runner(), Inbox(), os.getpid()
    _note_exits(tell, me)
    while True:
        while (text := inbox.take(sys.maxsize)) is None:
            part = channel.recv(2**16)
            if not part:
                os._exit(0)
            inbox.feed(part)
        reply = runner.reply(loads(text, Request))
        if os.getpid() != me:
            # This is a fork that the planner made; only the original process may answer.
            os._exit(0)
        answer = dumps(reply, Reply)
        if len(answer) > MOST_BYTES:
            answer = dumps(Failed(f"answered with {len(answer) / 1e6:.1f} MB, where 1 MB is allowed"), Reply)
        send(channel, answer)


def _clean(text: str) -> str:
    """The text as one line of valid UTF-8, shortened to `MOST_TEXT`."""
    return " ".join(text.encode(errors="replace").decode().split())[:MOST_TEXT]


def _last(items: tuple[object, ...], n: int) -> tuple:  # type: ignore[type-arg] # of the items' type
    return items[len(items) - n :] if n else ()


def _bound_memory(more_bytes: int) -> None:
    """Limit the growth of the address space to that many bytes, and disable core dumps."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        # Only Linux enforces a limit on address space.
        return
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _note_exits(tell: Callable[[str], None], me: int) -> None:
    """Make `os._exit`, which leaves no traceback, report where it was called."""
    leave = os._exit

    def noted(status: int) -> NoReturn:
        if os.getpid() == me:
            frame = sys._getframe(1)
            tell(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}\n')
        leave(status)

    os._exit = noted
