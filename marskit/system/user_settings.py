"""The few choices of a person that outlive a run, each in a small file of the user's configuration folder."""

from pathlib import Path

from marskit.system.atomic_write import write_durably


def setting_file(name: str) -> Path:
    """The file of a setting: in `~/.config/marskit`, or as `XDG_CONFIG_HOME` or the platform says."""
    # Imported only when needed, to keep the command line light.
    import platformdirs

    return platformdirs.user_config_path("marskit", appauthor=False) / name


def read_setting(name: str) -> str | None:
    """What was kept, or None where nothing was, or where it cannot be read."""
    try:
        return setting_file(name).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def keep_setting(name: str, value: str) -> None:
    """Keep a choice for later runs.

    Raises:
        OSError: It cannot be written.
    """
    file = setting_file(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, f"{value}\n".encode())
