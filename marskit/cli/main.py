"""The command line. It imports next to nothing itself, so that help and mistakes cost no time."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from marskit.assembly.settings import SettingsError
from marskit.cli import replay as replaying
from marskit.cli.ask import add_ask
from marskit.cli.inspect import add_check_options, add_report_options, list_planners, list_scenarios
from marskit.cli.options import add_mapping, add_runs, complain
from marskit.cli.run import add_live_options
from marskit.cli.runs import add_export_options, add_import_options, add_runs_options
from marskit.cli.twin import add_calibrate_options, add_compare_options, add_train_options
from marskit.system import exit_codes


class _Parser(argparse.ArgumentParser):
    """Complains in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the complaint, to be printed where all others are."""
        raise SettingsError(f"{message[:1].upper()}{message[1:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say and return the exit code."""
    try:
        parsed = _parser().parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = parsed.run
        exit_code = run(parsed)
        sys.stdout.flush()
    except SettingsError as error:
        return complain(str(error), exit_codes.INPUT)
    except OSError as error:
        return _cannot_go_on(error)
    except KeyboardInterrupt:
        return exit_codes.of_signal(signal.SIGINT)
    return exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="marskit",
        description="Step through a self-adaptive service mesh: a real Envoy mesh, real load and the MAPE-K "
        "loop in your terminal. Without a command it opens the terminal UI on the live mesh.",
        epilog="Exit codes: 0 done, 1 failed while running, 2 wrong input, 129, 130 or 143 ended by a "
        "closed terminal or a signal.",
        allow_abbrev=False,
    )
    add_live_options(parser)
    _add_commands(parser)
    return parser


def _add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    runs = commands.add_parser("runs", help="list the runs that were recorded, check them, or prune them")
    add_runs_options(runs)
    add_runs(runs)
    report = commands.add_parser("report", help="tell the story of a run")
    add_report_options(report)
    replay = commands.add_parser("replay", help="go about in a recorded run, and branch it in the twin")
    replay.set_defaults(run=replaying.replay)
    replaying.add_arguments(replay)
    add_runs(replay)
    check = commands.add_parser("check", help="check manifests and scenario without starting anything")
    add_check_options(check)
    calibrate = commands.add_parser("calibrate", help="fit the twin to runs, and say how far to trust it")
    add_calibrate_options(calibrate)
    compare = commands.add_parser("compare", help="run several planners on identical load and report")
    add_compare_options(compare)
    train = commands.add_parser("train", help="learn a policy in the twin (needs the extra `rl`)")
    add_train_options(train)
    for command in (compare, train, replay):
        add_mapping(command)
        command.add_argument("--manifests", type=Path, nargs="+", metavar="PATH", default=argparse.SUPPRESS)
        command.add_argument("--card", type=Path, metavar="FILE", default=argparse.SUPPRESS)
    add_ask(commands, add_runs)
    commands.add_parser("planners", help="list the planners").set_defaults(run=list_planners)
    commands.add_parser("scenarios", help="list the load scenarios").set_defaults(run=list_scenarios)
    export = commands.add_parser("export", help="write a run into one file, to hand to others")
    add_export_options(export)
    importing = commands.add_parser("import", help="take in a run that was exported")
    add_import_options(importing)
    for command in (export, importing):
        add_runs(command)


def _cannot_go_on(error: OSError) -> int:
    """A file that cannot be read, or an output that cannot be written: it alone has no name."""
    if error.filename is not None:
        return complain(f"{error.filename}: {error.strerror}", exit_codes.FAILED)
    # What is still to be written must find a place to go, or Python would complain when it closes its output.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return exit_codes.PIPE
    if error.errno == errno.EIO:
        return exit_codes.of_signal(signal.SIGHUP)
    return complain(f"The output cannot be written: {error.strerror}", exit_codes.FAILED)


if __name__ == "__main__":
    sys.exit(main())
