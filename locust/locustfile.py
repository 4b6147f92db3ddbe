"""Sends a marskit scenario with Locust: every user follows a seeded Poisson clock of its own.

By itself, from this folder: `locust -f locustfile.py --host http://127.0.0.1:8080`, then open Locust's page.
MARSKIT_SCENARIO (a name or a path) and MARSKIT_SEED choose the scenario and its arrivals.
"""

import os
import socket
import sys
import time
from argparse import Namespace
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Locust puts this folder on the path, not the checkout that marskit is in.
sys.path.insert(0, str(Path(__file__).absolute().parents[1]))

import locust.runners
import locust.web
import zmq.green as zmq
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.contrib.fasthttp import LocustUserAgent
from locust.env import Environment
from locust.rpc import zmqrpc
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.web import WebUI

from marskit.domain.load import ClientCounts, RequestFailure
from marskit.load.arrivals import Arrival, user_arrivals
from marskit.load.client_counter import ClientCounter, from_plain, to_plain, together
from marskit.load.failures import with_answer, without_answer
from marskit.load.mix import Request
from marskit.load.scenario import Scenario, ScenarioError, list_scenarios, load_scenario

TIMEOUT_S = 10.0
"""No request waits longer, to connect or for the next byte."""
LONGEST_WAIT_S = 0.25
"""No user sleeps longer, so that a new scenario is taken up at once."""
GATHERING_S = 5.0
"""So long after a start, users who come late count what was due before they came as not sent."""
LEAD_S = 0.1
"""A scenario begins this long after it was asked for, when its users are there."""

# Half a second behind at most, where Locust's own page is content with two and three.
locust.web.DEFAULT_CACHE_TIME = 0.05
locust.runners.WORKER_REPORT_INTERVAL = 0.5
# The gateway's own answer is what counts, and a redirect is one.
LocustUserAgent.redirect_response_codes = frozenset()

SOCKETS = os.environ.get("MARSKIT_LOCUST_SOCKETS")
"""A private folder, for whoever drives Locust: it then listens on UNIX sockets there, and on no port."""


# Locust has no options for any of this, and no types for its sockets.
class PrivateServer(zmqrpc.Server):
    """The master's socket where no other user of the machine can join as a worker."""

    def __init__(self, host: str, port: int) -> None:
        zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, ipv4_only=True)  # type: ignore[no-untyped-call]
        self.socket.bind(f"ipc://{SOCKETS}/rpc.sock")
        self.port = port


class PrivateClient(zmqrpc.Client):
    """A worker's end of it."""

    def __init__(self, host: str, port: int, identity: str) -> None:
        zmqrpc.BaseSocket.__init__(self, zmq.DEALER, ipv4_only=True)  # type: ignore[no-untyped-call]
        self.socket.setsockopt(zmq.IDENTITY, identity.encode())
        self.socket.connect(f"ipc://{SOCKETS}/rpc.sock")


if SOCKETS:
    zmqrpc.Server, zmqrpc.Client = PrivateServer, PrivateClient  # type: ignore[misc]


@events.init.add_listener
def serve_privately(web_ui: WebUI | None, **_: object) -> None:
    """Serve Locust's page where only this user can ask for it."""
    if web_ui is None or not SOCKETS:
        return

    def serve() -> None:
        path = Path(SOCKETS, "web.sock")
        # Left by a Locust that was killed.
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        listener.setblocking(False)
        web_ui.server = WSGIServer(listener, web_ui.app, log=None)
        web_ui.server.serve_forever()

    web_ui.start_server = serve  # type: ignore[method-assign]


def options_of(environment: Environment) -> Namespace:
    """The options in force; Locust sets them before anything runs."""
    options = environment.parsed_options
    assert isinstance(options, Namespace)
    return options


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Let command line, environment and Locust's page choose the scenario."""
    choices = list(list_scenarios())
    wanted = os.environ.get("MARSKIT_SCENARIO", "steady")
    if wanted not in choices:
        choices.append(wanted)
    parser.add_argument(
        "--scenario", env_var="MARSKIT_SCENARIO", choices=choices, default="steady", help="The load over time"
    )
    parser.add_argument(
        "--seed", env_var="MARSKIT_SEED", type=int, default=0, help="The same seed sends the same requests"
    )
    # Unix time, so that all workers follow one clock; whoever drives Locust may set it.
    parser.add_argument("--scenario-start", type=float, default=0.0, include_in_web_ui=False)
    # Seconds since then up to which another Locust has counted what was due, and whose place this one takes.
    parser.add_argument("--scenario-counted", type=float, default=0.0, include_in_web_ui=False)


@events.init.add_listener
def fill_pool(environment: Environment, **_: object) -> None:
    """Offer as many users as the scenario has, and refuse a bad scenario before anything starts."""
    options = options_of(environment)
    try:
        scenario = load_scenario(options.scenario)
    except ScenarioError as error:
        sys.exit(str(error))
    options.num_users = options.num_users or scenario.users
    options.spawn_rate = options.spawn_rate or scenario.users


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    """Begin the scenario now, unless a beginning was set; workers are told by their master."""
    options = options_of(environment)
    is_worker = isinstance(environment.runner, WorkerRunner)
    # For one start only: whoever starts again on Locust's page starts at the beginning.
    resumes = 0 < options.scenario_counted != GATHERING.since_s
    if not is_worker and not resumes and options.scenario_start < time.time():
        options.scenario_start = time.time() + LEAD_S
    GATHERING.since_s, GATHERING.until_s = options.scenario_counted, time.monotonic() + GATHERING_S


@dataclass(slots=True)
class Gathering:
    """The start under way, during which users come one after the other."""

    since_s: float = 0.0
    """Seconds since the scenario's beginning from which due requests are counted."""
    until_s: float = 0.0
    """On the monotonic clock."""


GATHERING = Gathering()


COUNTS = ClientCounter()
OF_WORKERS: dict[str, ClientCounts] = {}


@events.report_to_master.add_listener
def send_counts(data: dict[str, object], **_: object) -> None:
    """Let the master know this worker's counts."""
    data["marskit"] = to_plain(COUNTS.counts())


@events.worker_report.add_listener
def take_counts(client_id: str, data: Mapping[str, object], **_: object) -> None:
    """Keep the newest counts of each worker, also of those that have ended."""
    OF_WORKERS[client_id] = from_plain(data["marskit"])


@events.init.add_listener
def offer_counts(environment: Environment, web_ui: WebUI | None, **_: object) -> None:
    """Answer with the state and the counts of all processes, at a price that does not depend on the load."""
    if web_ui is None or web_ui.app is None:
        return

    def counts() -> dict[str, object]:
        runner = environment.runner
        assert runner is not None
        return {
            "state": runner.state,
            "users": runner.user_count,
            "workers": runner.worker_count if isinstance(runner, MasterRunner) else 0,
            "counts": to_plain(together((COUNTS.counts(), *OF_WORKERS.values()))),
        }

    web_ui.app.add_url_rule(f"{options_of(environment).web_base_path or ''}/marskit/counts", "counts", counts)


@dataclass(frozen=True, slots=True)
class Course:
    """What all users follow at the moment."""

    scenario: Scenario
    seed: int
    start_s: float
    """On the monotonic clock."""

    def now_s(self) -> float:
        """Real seconds since the scenario's beginning."""
        return time.monotonic() - self.start_s


@lru_cache(maxsize=1)
def course_of(scenario: str, seed: int, started_at: float) -> Course:
    """One object as long as nothing changes, so that users notice a change by identity."""
    return Course(load_scenario(scenario), seed, time.monotonic() - (time.time() - started_at))


class Seats:
    """Numbers the users 0, 1, 2... without gaps, whichever of them Locust stops."""

    def __init__(self) -> None:
        self._users: list[ScenarioUser] = []

    def take(self, user: "ScenarioUser") -> None:
        """Seat a user at the end."""
        user.seat = len(self._users)
        self._users.append(user)

    def leave(self, user: "ScenarioUser") -> None:
        """Let the last user move to the seat that is given up."""
        last = self._users.pop()
        if last is not user:
            self._users[user.seat] = last
            last.seat = user.seat


SEATS = Seats()


class ScenarioUser(FastHttpUser):
    """Sends what is due, when it is due, however slow the answers are (open loop)."""

    connection_timeout = TIMEOUT_S
    network_timeout = TIMEOUT_S
    concurrency = 10

    seat: int
    _course: Course
    _number: int
    _arrivals: Iterator[Arrival]
    _next: Arrival | None

    def on_start(self) -> None:
        """Take a seat and the arrivals that belong to it."""
        self._in_flight = Pool(self.concurrency)
        self._waiting: deque[Request] = deque()
        SEATS.take(self)
        self._follow(self._current_course(), self._current_number())

    def on_stop(self) -> None:
        """Give the seat up; requests in flight end by themselves."""
        SEATS.leave(self)

    def wait_time(self) -> float:
        """Real seconds until the next request is due."""
        if self._next is None:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, self._next.at_s - self._course.now_s()))

    @task
    def send_due(self) -> None:
        """Send every request that is due by now."""
        course, number = self._current_course(), self._current_number()
        if course is not self._course or number != self._number:
            self._follow(course, number)
        while self._next is not None and self._next.at_s <= course.now_s():
            COUNTS.offered += 1
            if self._in_flight.full():
                self._waiting.append(self._next.request)
            else:
                self._in_flight.spawn(self._send_all, self._next.request)
            self._next = next(self._arrivals, None)

    def _current_course(self) -> Course:
        options = options_of(self.environment)
        return course_of(options.scenario, options.seed, options.scenario_start)

    def _current_number(self) -> int:
        """The user's number among all users of all workers."""
        assert isinstance(self.environment.runner, LocalRunner | WorkerRunner)
        worker = self.environment.runner.worker_index
        workers: int = options_of(self.environment).expect_workers
        if worker < workers:
            return self.seat * workers + worker
        # A worker that nobody expected: its users must not be the twins of others.
        return (worker + 1) * 1_000_000 + self.seat

    def _follow(self, course: Course, number: int) -> None:
        """Take the place of that user, who has sent already what is past."""
        self._course, self._number = course, number
        now_s = course.now_s()
        self._arrivals = user_arrivals(course.scenario, course.seed, number)
        self._next = next(self._arrivals, None)
        gathering = time.monotonic() < GATHERING.until_s
        while self._next is not None and self._next.at_s < now_s:
            if gathering and self._next.at_s >= GATHERING.since_s:
                COUNTS.offered += 1
                COUNTS.fail(RequestFailure.NOT_SENT)
            self._next = next(self._arrivals, None)

    def _send_all(self, request: Request) -> None:
        """Send the request, and then those that wait for one to end."""
        self._send(request)
        while self._waiting:
            self._send(self._waiting.popleft())

    def _send(self, request: Request) -> None:
        try:
            self._ask(request)
        except Exception as error:
            # Nothing was sent, because the request itself is one that the client cannot write.
            COUNTS.fail(RequestFailure.NOT_SENT)
            self.environment.events.request.fire(
                request_type=request.method,
                name=request.name,
                response_time=0,
                response_length=0,
                exception=error,
                context={},
            )

    def _ask(self, request: Request) -> None:
        with self.client.request(
            request.method,
            request.path,
            name=request.name,
            data=request.body,
            headers={"accept-encoding": "identity", **dict(request.headers)},
            catch_response=True,
        ) as response:
            if not response.status_code:
                response.failure(f"no answer: {response.error!r}")
                COUNTS.fail(without_answer(response.error))
            elif fault := request.fault(response.status_code, response.headers, lambda: response.content):
                response.failure(fault)
                expected = request.expects_status(response.status_code)
                COUNTS.fail(with_answer(response.status_code, expected_status=expected))
            else:
                response.success()
                COUNTS.succeeded += 1
