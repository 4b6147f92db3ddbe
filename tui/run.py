"""One live run on the screen, from its first frame to its exit code."""

import sys
from collections.abc import Callable, Mapping, Sequence

from marskit.controller.port import RuntimePort
from marskit.system import exit_codes
from marskit.tui.app import MarskitApp
from marskit.tui.looks import Looks
from marskit.views.summary import never_began


def run(
    runtime: RuntimePort,
    signals: Sequence[int] = (),
    begin: Callable[[], None] | None = None,
    training: Sequence[str] = (),
    summaries: Callable[[], Mapping[str, str]] = dict,
    looks: Looks = Looks(),  # noqa: B008 # frozen
) -> int:
    """Show the run until a person leaves; returns the exit code and prints a failure on stderr.

    `begin` starts the runtime if nobody has. A signal leaves at once; whoever started the runtime stops it.
    """
    app = MarskitApp(runtime, signals, begin, training, summaries, looks)
    app.run()
    if app.trainer.state.saved is not None:
        saved = app.trainer.state.saved.saved
        print(f"The trained policy is {saved}; use it with --planner {saved}.")
    if app.return_value is not None and app.return_value > 128:
        return app.return_value
    ended = runtime.state.ended
    if ended is not None and ended.reason:
        print(f"marskit: {ended.reason}", file=sys.stderr)
        return exit_codes.INPUT if never_began(runtime.state) else exit_codes.FAILED
    if app.return_value is None or app.return_value != 0:
        print(
            "marskit: The mesh did not stop in time; its remaining processes end with this one.",
            file=sys.stderr,
        )
        return 1
    return 0
