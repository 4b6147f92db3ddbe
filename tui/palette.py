"""Two colour themes, readable for colour-blind people, and the roles that use them."""

from textual.theme import Theme

ROLES = (
    "plain",
    "strong",
    "dim",
    "ok",
    "warn",
    "bad",
    "unknown",
    "accent",
    "person",
    "heading",
    "frame",
    "wire",
    "code",
    "added",
    "removed",
    "p50",
    "p95",
    "slo",
    "axis",
    "track",
    "key",
    "chip",
    "selected",
    "alert-warn",
    "alert-bad",
    "alert-accent",
)
"""The roles of a piece of text; `app.tcss` gives each a colour."""

# Blue-green and vermilion with amber between: pairs that colour-blind readers can distinguish.
NIGHT = Theme(
    name="marskit-night",
    primary="#58a6ff",
    secondary="#b392f0",
    accent="#79c0ff",
    success="#3ddbb0",
    warning="#f2c14e",
    error="#ff7b54",
    foreground="#d7dee8",
    background="#0b1017",
    surface="#0b1017",
    panel="#2a3546",
    dark=True,
    variables={
        "muted": "#7d8a9c",
        "faint": "#3a475a",
        "line": "#56667d",
        "scrollbar": "#3a475a",
        "scrollbar-background": "#0b1017",
        "block-cursor-background": "#1f3a5f",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
    },
)
DAY = Theme(
    name="marskit-day",
    primary="#0b5cad",
    secondary="#6f42c1",
    accent="#0969da",
    success="#00795c",
    warning="#8a5a00",
    error="#c2340a",
    foreground="#1c2530",
    background="#fbfcfd",
    surface="#fbfcfd",
    panel="#c4ced9",
    dark=False,
    variables={
        "muted": "#5d6b7a",
        "faint": "#b3bfcc",
        "line": "#8496a9",
        "scrollbar": "#b3bfcc",
        "scrollbar-background": "#fbfcfd",
        "block-cursor-background": "#cfe3fa",
        "block-cursor-foreground": "#0b2540",
        "block-cursor-text-style": "bold",
    },
)
THEMES = (NIGHT, DAY)
