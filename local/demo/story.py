"""The performance, told for a person at a terminal.

Knows no promise and checks nothing: it is given exhibits, checks and times, and says them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local.demo.dossier import Script
from local.demo.exhibits import Check, Direction, Dossier, Exhibit, Handover, Speech
from local.demo.ink import columns, entry, ink, joined
from local.demo.play import Variant

_YES, _NO = "✓", "✗"
_TITLE = "Warrant: the seed request, in all its variants"
_SUBTITLE = "The unmodified Functions app against two simulated Microsoft 365 organisations."


@dataclass(frozen=True)
class Outcome:
    """How one variant went: its checks, its time, and what kept it from being played."""

    variant: Variant
    checks: Sequence[Check]
    seconds: float
    trouble: str | None = None

    @property
    def ok(self) -> bool:
        """Whether it was played to its end and every promise held."""
        return self.trouble is None and bool(self.checks) and all(c.ok for c in self.checks)


class Teller:
    """Says a performance on a console, as it goes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._people: Mapping[str, Mapping[str, Any]] = {}
        self._parts = 0

    def meet(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Learn how people are called."""
        self._people = people

    def opening(self) -> None:
        """Before the world is up."""
        self._say(Text(), ink(_TITLE, "bold"))
        self._say(ink(_SUBTITLE), Text())

    def starting(self, part: str) -> None:
        """Another part of the world is being started."""
        self._say(entry("" if self._parts else "starting", ink(part)))
        self._parts += 1

    def started(self, seconds: float) -> None:
        """The world answers."""
        self._say(entry("ready", ink(f"after {seconds:.1f} s"), style="green"))

    def heading(self, variant: Variant) -> None:
        """A variant begins."""
        title = joined(
            ink(f" {variant.letter} ", "bold reverse"), ink(f" {variant.title} ", "bold")
        )
        self._say(Text(), Rule(title, align="left", style="cyan", characters="─"))
        self._say(entry("promised", ink(variant.promise, "italic")), Text())

    def __call__(self, exhibit: Exhibit) -> None:
        """Something happened."""
        match exhibit:
            case Speech():
                self._say(self._speech(exhibit))
            case Direction():
                self._say(entry("", ink(f"({exhibit.text})", "dim italic")))
            case Dossier():
                names = {oid: str(p["name"]) for oid, p in self._people.items()}
                self._say(*Script(names).tell(exhibit))
            case Handover():
                self._say(self._handover(exhibit))

    def verdict(self, outcome: Outcome) -> None:
        """The checks of a variant, and what is left of it if it could not be played."""
        table = columns(2, None)
        for check in outcome.checks:
            table.add_row(*_checked(check))
        if outcome.trouble:
            table.add_row(
                ink(_NO, "bold red"), ink(f"could not be played: {outcome.trouble}", "red")
            )
        self._say(Text(), entry("checked", table))
        word = ink("kept", "bold green") if outcome.ok else ink("NOT KEPT", "bold red")
        self._say(entry("", joined(word, ink(f" in {outcome.seconds:.1f} s", "dim"))))

    def summary(self, outcomes: Sequence[Outcome], ending: Sequence[Check], seconds: float) -> None:
        """Everything on one page."""
        table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="bold")
        table.add_column("")
        table.add_column("promise", ratio=5)
        table.add_column("how it was checked", ratio=5)
        table.add_column("result")
        table.add_column("s", justify="right")
        for one in outcomes:
            promise = joined(ink(f"{one.variant.title}\n", "bold"), ink(one.variant.promise))
            proof, spent = ink(one.variant.proof, "dim"), ink(f"{one.seconds:.1f}")
            table.add_row(ink(one.variant.letter, "bold"), promise, proof, _result(one.ok), spent)
        self._say(Text(), Rule(ink(" All of it ", "bold"), align="left", style="cyan"), table)
        whole = columns(2, None)
        for check in ending:
            whole.add_row(*_checked(check))
        self._say(entry("over all", whole), Text())
        kept = sum(one.ok for one in outcomes)
        fine = kept == len(outcomes) and all(c.ok for c in ending)
        words = f"{kept} of {len(outcomes)} variants ended as promised, {seconds:.0f} s in all."
        self._say(ink(words, "bold green" if fine else "bold red"), Text())

    def _speech(self, speech: Speech) -> RenderableType:
        if speech.who is None:
            return entry("Warrant", ink(f"“{speech.text}”", "bold"), style="bold cyan")
        person = self._people.get(speech.who, {})
        where = ", ".join(str(person[k]) for k in ("title", "department") if person.get(k))
        words: list[RenderableType] = [ink(f"“{speech.text}”", "bold")]
        if where:
            words.append(ink(where, "dim"))
        return entry(str(person.get("name", speech.who)), *words, style="bold")

    def _handover(self, handover: Handover) -> RenderableType:
        ticket = handover.ticket
        to = str(self._people.get(handover.to, {}).get("name", handover.to))
        lines = columns(1, None)
        for line in ticket["account"]:
            lines.add_row(ink("·", "dim"), ink(line))
        title = ink(f" {ticket['id']}, handed to {to} ")
        return Padding(Panel(lines, title=title, title_align="left", box=box.SQUARE), (1, 0, 0, 2))

    def _say(self, *what: RenderableType) -> None:
        for one in what:
            if self._console.is_terminal:
                self._console.print(one)
                continue
            with self._console.capture() as caught:
                self._console.print(one)
            # Whoever reads a file or a pipe has no use for the blanks that fill up a line.
            lines = [line.rstrip() for line in caught.get().splitlines()]
            self._console.out("\n".join(lines), highlight=False)


def _checked(check: Check) -> tuple[Text, Text]:
    if check.ok:
        return ink(_YES, "green"), joined(ink(check.what), ink(f": {check.seen}", "dim"))
    wrong = joined(
        ink(check.what, "bold"), f"\n  expected  {check.expected}\n  seen      {check.seen}"
    )
    return ink(_NO, "bold red"), wrong


def _result(ok: bool) -> Text:
    return ink("kept", "green") if ok else ink("BROKEN", "bold red")
