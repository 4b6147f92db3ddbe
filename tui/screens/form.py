"""A small form for one setting: it checks input at once and shows the resulting diff and command."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from marskit.domain import commands
from marskit.domain.actions import Action
from marskit.domain.commands import Command, DryRun
from marskit.domain.state import State
from marskit.tui.screens.document import Page
from marskit.tui.screens.live import LiveScreen
from marskit.views.document import Document
from marskit.views.forms import (
    UNCHANGED,
    Form,
    Invalid,
    dry_run_document,
    forms,
    invalid_document,
    now_words,
    read_form,
)
from marskit.views.notices import failure

Preview = Callable[[Action], Future[DryRun]]


class FormScreen(ModalScreen[Command | None]):
    """Ends with the command that sets what was typed, or with None; Enter applies, Escape leaves."""

    VERTICAL_BREAKPOINTS = LiveScreen.VERTICAL_BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "cancel"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
    ]

    class Previewed(Message, bubble=False):
        """The preview of an action has arrived, or the reason for which it would be refused."""

        def __init__(self, action: Action, answer: Document, *, refused: bool, apply: bool) -> None:
            super().__init__()
            self.action = action
            self.answer = answer
            self.refused = refused
            self.apply = apply
            """Whether the user has asked to apply the action."""

    def __init__(self, form: Form, preview: Preview) -> None:
        super().__init__()
        self.form = form
        self._preview = preview
        self._asked: Action | None = None
        """The action of the newest preview."""
        self._now = Static(now_words(form), classes="now", markup=False)
        self._inputs = {
            field.name: Input(
                field.value,
                suggester=SuggestFromList(field.suggestions) if field.suggestions else None,
                compact=True,
                id=field.name,
            )
            for field in form.fields
        }
        self._hint = Static("", classes="hint", markup=False)
        self._page = Page((), id="outcome")

    def compose(self) -> ComposeResult:
        """Lay out title, current setting, fields, preview and keys."""
        wide = max(len(field.label) for field in self.form.fields)
        with Vertical(classes="sheet wide form"):
            yield Static(self.form.title, classes="title", markup=False)
            yield self._now
            yield Static(self.form.help, classes="help", markup=False)
            for field in self.form.fields:
                with Horizontal(classes="field"):
                    label = Static(field.label.ljust(wide), markup=False)
                    label.styles.width = wide + 1
                    yield label
                    yield self._inputs[field.name]
            yield self._hint
            with VerticalScroll(can_focus=False):
                yield self._page
            yield Static("↵ apply   ↑↓ field   pgup pgdn scroll   esc cancel", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Focus the first field."""
        self._inputs[self.form.fields[0].name].focus()
        self._check()

    def show(self, state: State) -> None:
        """Show changes that others make while the form is open; keep the typed values."""
        for form in forms(state):
            if (form.setting, form.target) == (self.form.setting, self.form.target) and form != self.form:
                self.form = form
                self._now.update(now_words(form))
                self._check()

    def on_descendant_focus(self) -> None:
        """Show the focused field's hint below the fields: a small screen has no room beside them."""
        for field in self.form.fields:
            if self._inputs[field.name].has_focus:
                self._hint.update(field.hint)

    @on(Input.Changed)
    def _changed(self) -> None:
        self._check()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._check(apply=True)

    def action_scroll_page(self, pages: int) -> None:
        """Scroll the diff, which no key reaches while a field has the focus."""
        scroll = self.query_one(VerticalScroll)
        (scroll.scroll_page_down if pages > 0 else scroll.scroll_page_up)(animate=False)

    def _check(self, *, apply: bool = False) -> None:
        """Read the fields and request a preview."""
        read = read_form(self.form, {name: field.value for name, field in self._inputs.items()})
        self._asked = None
        if isinstance(read, Invalid):
            self._page.show(invalid_document(read.sentence))
        elif read == self.form.present:
            self._page.show(UNCHANGED)
        else:
            self._asked = read
            self._preview(read).add_done_callback(lambda future: self._answered(read, future, apply=apply))

    def _answered(self, action: Action, future: Future[DryRun], *, apply: bool) -> None:
        """Runs on the runtime's thread."""
        if future.cancelled():
            return
        error = future.exception()
        refused = error is not None
        answer = dry_run_document(future.result()) if error is None else invalid_document(failure(error).text)
        self.post_message(self.Previewed(action, answer, refused=refused, apply=apply))

    @on(Previewed)
    def _previewed(self, message: Previewed) -> None:
        if message.action != self._asked:
            return
        self._page.show(message.answer)
        if message.apply and not message.refused:
            self.dismiss(commands.Act(message.action))
