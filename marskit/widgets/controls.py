"""Buttons for what can be done now, the question that is open, and why the newest wish was refused."""

from collections.abc import Sequence
from html import escape

from marskit.domain.state import State
from marskit.pictures.tones import span
from marskit.views.controls import CONTROLS, Control, Group, Intent, offered, standing
from marskit.views.meaning import Option
from marskit.views.tone import Tone
from marskit.widgets.panel import Panel


class Controls(Panel):
    """Everything that a key does on the terminal's screen."""

    def picture(self, state: State) -> str:
        """One group of buttons for each topic; a question takes their place."""
        hand = self.listener.hand
        if hand.question is not None:
            return f"<div>{span(hand.question.title, Tone.STRONG)}</div>{_options(hand.options)}"
        wishes = [control for control in CONTROLS if isinstance(control.does, Intent)]
        usable = offered(wishes, standing(state))
        groups = ("".join(button_html(each) for each in usable if each.group is group) for group in Group)
        buttons = " ".join(f'<span style="margin-right: 12px">{group}</span>' for group in groups if group)
        notice = f'<div role="alert">{span(hand.notice, Tone.WARN)}</div>' if hand.notice else ""
        return f"<div>{buttons}</div>{notice}"

    def still(self, state: State) -> str:
        """Nothing can be done without a kernel."""
        return ""


def button_html(control: Control) -> str:
    """A button that sends what the control does."""
    urgent = ' class="marskit-urgent"' if control.is_urgent else ""
    name = f"{control.pair} {control.label}" if control.pair else control.label
    act = f'data-do="{escape(control.does)}" title="{escape(control.help)}"'
    return f"<button {act}{urgent}>{escape(name)}</button>"


def _options(options: Sequence[Option]) -> str:
    buttons = "".join(
        f'<button data-option="{number}" title="{escape(option.note)}">{escape(option.label)}</button>'
        for number, option in enumerate(options)
    )
    return f'<div>{buttons}<button data-option="-1">cancel</button></div>'
