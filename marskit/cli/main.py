"""The command line: loads only the module of the given command, so that help and mistakes stay fast."""

import argparse
import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn, Protocol, cast

from marskit.cli.options import OptionError, complain
from marskit.errors import UserError
from marskit.system import exit_codes

DEFAULT = "run"
COMMANDS = {
    "run": ("marskit.cli.run", "run the loop on a mesh, on the screen or headless (the default)"),
    "check": ("marskit.cli.check", "check manifests and a scenario without starting anything"),
    "planners": ("marskit.cli.planners", "list the planners, or write one of your own"),
    "scenarios": ("marskit.cli.scenarios", "list the load scenarios"),
    "runs": ("marskit.cli.runs", "list recorded runs, check them, or prune them"),
    "report": ("marskit.cli.report", "report on a recorded run"),
    "replay": ("marskit.cli.replay", "step through a recorded run, or branch it in the twin"),
    "ask": ("marskit.cli.ask", "answer a question from all recorded runs"),
    "export": ("marskit.cli.export", "write a recorded run into one file"),
    "import": ("marskit.cli.import_run", "import a run that was exported"),
    "calibrate": ("marskit.cli.calibrate", "fit the twin to recorded runs"),
    "compare": ("marskit.cli.compare", "run several planners on identical load and compare them"),
    "grade": ("marskit.cli.grade", "grade planners against fixed rivals, with a card for each"),
    "train": ("marskit.cli.train", "train a policy in the twin (needs the extra rl)"),
    "notebooks": ("marskit.cli.notebooks", "open the course in JupyterLab (needs the extra notebook)"),
    "demo": ("marskit.cli.demo", "write the demo to a folder to edit it"),
    "completion": ("marskit.cli.completion", "print a shell's completion script"),
}
"""The commands: each name with its module, which has `add_options` and `run`, and one line of help."""


class Command(Protocol):
    """The interface of a command's module."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments and options."""
        ...

    def run(self, parsed: argparse.Namespace) -> int:
        """Carry out the command and return the exit code."""
        ...


class _Parser(argparse.ArgumentParser):
    """Reports errors in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Raise the error, which `main` prints like all others."""
        raise OptionError(f"{message[:1].upper()}{message[1:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name and return the exit code.

    Args:
        arguments: The arguments; None for those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if "_ARGCOMPLETE" in os.environ:
            return _complete()
        exit_code = _run(given)
        sys.stdout.flush()
    except UserError as error:
        return complain(str(error), exit_codes.INPUT)
    except OSError as error:
        return _cannot_go_on(error)
    except KeyboardInterrupt:
        return exit_codes.of_signal(signal.SIGINT)
    except Exception as error:
        traceback.print_exc()
        what = f"{type(error).__name__}: {error}"
        return complain(f"This is a fault of marskit, not of your input: {what}", exit_codes.FAILED)
    return exit_code


def _run(given: Sequence[str]) -> int:
    if given and given[0] in ("-h", "--help", "--version"):
        _root().parse_args(given)
    name, rest = (given[0], given[1:]) if given and not given[0].startswith("-") else (DEFAULT, given)
    if name not in COMMANDS:
        raise OptionError(f"There is no command {name!r}; choose one of {', '.join(COMMANDS)}")
    command = _load(name)
    parser = _Parser(prog=f"marskit {name}", description=_sentence(name), allow_abbrev=False)
    command.add_options(parser)
    return command.run(_parsed(parser, name, rest))


def _parsed(parser: argparse.ArgumentParser, name: str, rest: Sequence[str]) -> argparse.Namespace:
    parsed, unknown = parser.parse_known_args(rest)
    if unknown:
        command = next((each for each in unknown if each in COMMANDS), None)
        where = f"; options come after the command: `marskit {command} [OPTIONS]`" if command else ""
        options = ", ".join(unknown)
        raise OptionError(f"`marskit {name}` does not take {options}{where}")
    return parsed


def _load(name: str) -> Command:
    return cast(Command, import_module(COMMANDS[name][0]))


def _sentence(name: str) -> str:
    summary = COMMANDS[name][1]
    return f"{summary[:1].upper()}{summary[1:]}."


def _root() -> argparse.ArgumentParser:
    """The parser of the program itself, for help, the version and completion."""
    from marskit import __version__

    commands = "\n".join(f"  {name:<12} {summary}" for name, (_, summary) in COMMANDS.items())
    parser = _Parser(
        prog="marskit",
        usage="marskit [COMMAND] [OPTIONS]",
        description="Step through a self-adaptive service mesh: a real Envoy mesh, real load and the MAPE-K\n"
        "loop in your terminal. Without a command it opens the terminal UI on the live mesh.\n\n"
        f"commands:\n{commands}",
        epilog="`marskit COMMAND --help` lists the options of a command; those of `run` also work without "
        "its name.\nExit codes: 0 done, 1 failed while running, 2 wrong input, 129, 130 or 143 ended by a "
        "closed\nterminal or a signal.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"marskit {__version__}")
    return parser


def _complete() -> int:
    """Answer a shell's request for completions; argcomplete ends the process."""
    import argcomplete

    words = os.environ.get("COMP_LINE", "").split()[1:]
    if words and words[0].startswith("-") and words[0] not in ("--version", "--help"):
        parser: argparse.ArgumentParser = _Parser(prog="marskit", allow_abbrev=False)
        _load(DEFAULT).add_options(parser)
    else:
        parser = _root()
        commands = parser.add_subparsers()
        for name in COMMANDS:
            # Only the command being completed is loaded.
            chosen = commands.add_parser(name, help=COMMANDS[name][1])
            if words[:1] == [name]:
                _load(name).add_options(chosen)
    argcomplete.autocomplete(parser)
    return 0


def _cannot_go_on(error: OSError) -> int:
    """Report a file that cannot be read, or an output that cannot be written, which has no file name."""
    if error.filename is not None:
        return complain(f"{error.filename}: {error.strerror}", exit_codes.FAILED)
    # Python flushes its output at exit, and would print another error if that failed.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return exit_codes.PIPE
    if error.errno == errno.EIO:
        return exit_codes.of_signal(signal.SIGHUP)
    return complain(f"The output cannot be written: {error.strerror}", exit_codes.FAILED)


if __name__ == "__main__":
    sys.exit(main())
