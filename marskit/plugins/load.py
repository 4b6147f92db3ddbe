"""Loads the class of a user's planner and makes an instance."""

import importlib
import importlib.util
import pickle
import sys
from pathlib import Path
from types import ModuleType

from marskit.agents.sources import Source
from marskit.plugins.base import Planner
from marskit.system.blame import blamed, place


class CannotLoad(Exception):
    """A class that cannot be used as a planner; the message continues after "cannot be loaded:"."""


def load_class(source: Source) -> type[Planner]:
    """Import the class that the source names.

    Raises:
        CannotLoad: The class does not exist, is not a planner, or its module cannot be imported.
    """
    if source.file is not None and source.by_value:
        return _by_value(source.file)
    module = _from_file(source.file) if source.file is not None else _module(str(source.module))
    found = getattr(module, source.name, None)
    if found is None:
        there = [name for name, each in vars(module).items() if _is_planner(each)]
        planners = f"; its planners are {', '.join(there[:8])}" if there else ""
        raise CannotLoad(f"{source.where} has no class {source.name}{planners}")
    if not _is_planner(found):
        raise CannotLoad(f"{source.name} in {source.where} is not a subclass of marskit.Planner")
    cls: type[Planner] = found
    return cls


def make(cls: type[Planner], seed: int, own: str) -> Planner:
    """Make a planner of that class, ready for a run.

    Args:
        cls: The class.
        seed: Seed of its `reset`.
        own: The folder of the user's code, to name the line of an error.

    Raises:
        CannotLoad: Its constructor, its name, its summary or its `reset` failed.
    """
    doing = "constructor"
    try:
        planner = cls()
        for doing in ("name", "summary"):
            found = getattr(planner, doing)
            if not isinstance(found, str) or not found.strip():
                raise CannotLoad(f"its {doing} is {found!r:.60}, where text is allowed")
        doing = "reset"
        planner.reset(seed)
    except CannotLoad:
        raise
    except BaseException as error:
        where = "" if blamed(error, own) else defined(cls.reset if doing == "reset" else cls.__init__)
        raise CannotLoad(f"its {doing} {raised(error, own)}{where}") from error
    return planner


def raised(error: BaseException, own: str) -> str:
    """The exception in one line, with its place: `raised KeyError: 'x' (planner.py, line 7)`."""
    place = blamed(error, own)
    return f"{describe(error)} ({place})" if place else describe(error)


def describe(error: BaseException) -> str:
    """The exception in one line, as a verb phrase such as `raised KeyError: 'x'`."""
    if isinstance(error, SystemExit):
        return "called sys.exit()" if error.code is None else f"called sys.exit({error.code!r:.60})"
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return f"raised {type(error).__name__}: {text[:200]}" if text else f"raised {type(error).__name__}"


def defined(method: object) -> str:
    """The place of a method's definition in parentheses, for errors without a traceback; else empty."""
    code = getattr(method, "__code__", None)
    return f" ({place(code.co_filename, code.co_firstlineno)})" if code is not None else ""


def own_folder(source: Source) -> str:
    """The folder of the user's own code; for a module, the folder that it is imported from.

    For a class that travels by value, it is the folder of the notebook or script.
    """
    if source.file is not None and not source.by_value:
        return str(source.file.resolve().parent)
    top = sys.modules.get(str(source.module).partition(".")[0])
    path = getattr(top, "__file__", None)
    return str(Path(path).resolve().parent) if path else str(Path.cwd())


def _is_planner(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Planner) and found is not Planner


def _by_value(file: Path) -> type[Planner]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        # From a private folder of the program that starts this process.
        found = pickle.loads(file.read_bytes())
    except BaseException as error:
        raise CannotLoad(f"it cannot be rebuilt in its process: it {raised(error, here)}") from error
    if not _is_planner(found):
        raise CannotLoad(f"{found!r:.60} is not a subclass of marskit.Planner")
    cls: type[Planner] = found
    return cls


def _from_file(file: Path) -> ModuleType:
    path = file.resolve()
    # A name of our own: a file called random.py must not shadow the standard library's module.
    name = f"marskit_planner_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CannotLoad(f"{file} is not a Python file")
    if str(path.parent) not in sys.path:
        # Appended, not inserted, for the same reason.
        sys.path.append(str(path.parent))
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look up modules by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        raise CannotLoad(f"{file} cannot be imported: it {raised(error, str(path.parent))}") from error
    return module


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise CannotLoad(f"the module {name} does not exist") from error
        raise CannotLoad(f"{name} cannot be imported: it {raised(error, here)}") from error
    except BaseException as error:
        raise CannotLoad(f"{name} cannot be imported: it {raised(error, here)}") from error
