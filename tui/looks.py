"""How the screen looks and how often it is drawn: a person's choice, of which the theme is kept."""

import time
from dataclasses import dataclass
from pathlib import Path

from marskit.system.user_settings import keep_setting, read_setting
from marskit.tui.palette import NIGHT, THEMES
from marskit.views.notices import Notice
from marskit.views.tone import Tone

SETTING = "theme"
_PREFIX = "marskit-"
NAMES = tuple(theme.name.removeprefix(_PREFIX) for theme in THEMES)
CALM_FRAME_S = 1.0
"""Shortest time between two draws of a calm screen, in seconds."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the command line says of the screen."""

    theme: str | None = None
    """One of `NAMES`, or None for the one kept."""
    calm: bool = False
    """Whether to draw at most once a second: for thin links, and for eyes that mind."""


def theme_of(looks: Looks) -> str:
    """Textual's name of the theme that was asked for, else of the one kept, else of the first."""
    name = looks.theme or read_setting(SETTING)
    return f"{_PREFIX}{name}" if name in NAMES else NIGHT.name


def keep_theme(theme: str) -> Notice | None:
    """Keep a theme for later starts; the notice says why it cannot be."""
    try:
        keep_setting(SETTING, theme.removeprefix(_PREFIX))
    except OSError as error:
        return Notice(f"The theme cannot be kept for the next start: {error.strerror}.")
    return None


def keep_picture(svg: str) -> Notice:
    """Save a picture of the screen in the current folder; the notice says where, or why not."""
    path = Path.cwd() / time.strftime("marskit-%Y%m%d-%H%M%S.svg")
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        return Notice(f"The screenshot cannot be saved as {path}: {error.strerror}.", Tone.BAD)
    return Notice(f"The screenshot is saved as {path}.")
