"""The colours of tones, legible on light and on dark pages, and what all pictures share."""

from html import escape

from marskit.views.tone import Tone

_COLOURS = {
    Tone.OK: "var(--marskit-ok, #2e9e5b)",
    Tone.WARN: "var(--marskit-warn, #c98a00)",
    Tone.BAD: "var(--marskit-bad, #d64545)",
    Tone.ACCENT: "var(--marskit-accent, #3d8bd9)",
    Tone.PERSON: "var(--marskit-person, #a65fd0)",
    Tone.P50: "var(--marskit-p50, #2aa5a0)",
    Tone.P95: "var(--marskit-p95, #3d8bd9)",
    Tone.SLO: "var(--marskit-slo, #c98a00)",
}
"""The other tones have the colour of the page's text."""
_FAINT = (Tone.DIM, Tone.UNKNOWN)
FONT = "font-family: var(--jp-ui-font-family, system-ui, sans-serif)"
MONO = "font-family: var(--jp-code-font-family, ui-monospace, monospace)"


def colour(tone: Tone) -> str:
    """The CSS colour of a tone."""
    return _COLOURS.get(tone, "currentColor")


def style(tone: Tone) -> str:
    """The CSS of a text of that tone; empty for a plain one."""
    parts = []
    if tone in _COLOURS:
        parts.append(f"color: {_COLOURS[tone]}")
    if tone in _FAINT:
        parts.append("opacity: 0.65")
    if tone is Tone.STRONG:
        parts.append("font-weight: 600")
    return "; ".join(parts)


def span(text: str, tone: Tone) -> str:
    """The text as HTML, in its tone."""
    css = style(tone)
    return f'<span style="{css}">{escape(text)}</span>' if css else escape(text)


def svg_text(x: float, y: float, text: str, tone: Tone, *, anchor: str = "start", size: float = 12) -> str:
    """The text as SVG, in its tone."""
    faint = ' opacity="0.65"' if tone in _FAINT else ""
    strong = ' font-weight="600"' if tone is Tone.STRONG else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{colour(tone)}"'
        f"{faint}{strong}>{escape(text)}</text>"
    )


def svg(width: float, height: float, title: str, parts: list[str]) -> str:
    """A whole picture, as wide as its place but no wider than drawn."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'style="width: 100%; max-width: {width:.0f}px; height: auto; {FONT}; color: inherit">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
