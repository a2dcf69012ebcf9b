"""The plain words of an evidence page: ids as names, changes as phrases, times as a person reads.

Never here: markup beyond a phrase. What is not known by a word is said as the record says it.
"""

from collections.abc import Mapping
from datetime import UTC

from pydantic import JsonValue

from agent.audit.export.fields import at, cell, moment, text
from agent.audit.export.markup import Child, Html, el, joined, said
from policy.obligations import duration

# An action's name -> how it is said; `{}` stands for the person and then for the target.
_PHRASES = {
    "group.member.add": ("add ", " to "),
    "group.member.remove": ("remove ", " from "),
}
_MEMBER = {"true": "a member", "false": "not a member"}
TONES = {
    "done": "good",
    "found": "good",
    "permit": "good",
    "approve": "good",
    "undone": "mixed",
    "waiting": "mixed",
    "silent": "mixed",
    "partly_done": "mixed",
    "escalated": "mixed",
    "refused": "bad",
    "reject": "bad",
    "deny": "bad",
    "failed": "bad",
    "unknown": "bad",
}
OUTCOMES = {
    "done": "Done",
    "found": "It was so already, and nothing was changed",
    "undone": "Changed back",
    "waiting": "Not settled yet",
    "refused": "Not permitted",
    "failed": "It failed",
    "unknown": "Sent, and the world does not say whether it took effect",
}


class Words:
    """How things are called in one request."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def who(self, identity: str | None) -> Html:
        """Say who or what an id is: by name with the beginning of the id, or the whole id."""
        if identity is None:
            return el("em", "nobody named")
        name = self._names.get(identity)
        if name is None:
            return el("code", identity)
        short = el("code", identity[:8], class_="id", title=identity)
        return el("span", said(name), " ", short, class_="who")

    def plain(self, identity: str | None) -> Html:
        """Say who or what an id is by name alone, where the id stands near by."""
        known = self._names.get(identity or "")
        return said(known) if known is not None else self.who(identity)

    def people(self, ids: tuple[str, ...]) -> Html:
        """Say several ids."""
        parts: list[Child] = []
        for number, one in enumerate(ids):
            parts += [", " if number else None, self.who(one)]
        return joined(*parts) if parts else el("em", "nobody")

    def change(self, action: JsonValue, target: JsonValue) -> Html:
        """Say a change as a phrase; one without a phrase by its name and its target."""
        name, user = text(action, "name"), text(action, "arguments", "user")
        phrase = _PHRASES.get(name or "")
        group = text(target, "id")
        if phrase is None or user is None or group is None:
            return joined(
                el("code", name or cell({"": action}, "") or "a change"), " on ", self.who(group)
            )
        return joined(phrase[0], self.plain(user), phrase[1], self.plain(group))

    def state(self, action: JsonValue, value: JsonValue) -> Html:
        """Say what was so before or after a change."""
        known = str(at(action, "name")).startswith("group.member.")
        shown = cell({"": value}, "")
        if not shown:
            return el("em", "not recorded")
        if known and shown in _MEMBER:
            return joined(_MEMBER[shown])
        return el("code", shown)

    def when(self, time: str | None) -> Html:
        """Say a time to the second in UTC, with all of it behind; what is no time, as it is."""
        read = moment(time)
        if time is None or read is None:
            return said(time) if time else el("em", "no time")
        try:
            words = read.astimezone(UTC).strftime("%-d %b %Y, %H:%M:%S UTC")
        except OverflowError:
            return said(time)
        return el("time", words, datetime=time)

    def day(self, time: str | None) -> str | None:
        """Say the day in UTC, or None for what is no time."""
        read = moment(time)
        try:
            return read.astimezone(UTC).strftime("%-d %B %Y") if read else None
        except OverflowError:
            return None

    def clock(self, time: str | None) -> Html:
        """Say the time of day in UTC to the millisecond."""
        read = moment(time)
        if time is None or read is None:
            return said(time) if time else el("em", "no time")
        try:
            words = read.astimezone(UTC).strftime("%H:%M:%S.%f")[:12]
        except OverflowError:
            return said(time)
        return el("time", words, datetime=time)


def lasting(iso: str) -> str:
    """Say an ISO 8601 duration in words; what is none, as it is."""
    try:
        length = duration(iso)
    except (ValueError, OverflowError):
        return iso
    hours, seconds = divmod(length.seconds, 3600)
    parts = (
        (length.days, "day"),
        (hours, "hour"),
        (seconds // 60, "minute"),
        (seconds % 60, "second"),
    )
    return " ".join(f"{n} {unit}{'s' if n > 1 else ''}" for n, unit in parts if n)


def owed(obligation: JsonValue) -> str:
    """Say what a rule demands, in a few words."""
    kind = text(obligation, "kind")
    by, expires = cell(obligation, "by"), cell(obligation, "expires_after")
    match kind:
        case "approval":
            who = by.replace("_", " ")
            number, when = cell(obligation, "quorum"), cell(obligation, "when")
            first = "before the change" if when == "before" else when
            return f"approval by {who} ({number} needed, {first}, within {lasting(expires)})"
        case "time_bound":
            return f"ends by itself after {lasting(cell(obligation, 'max'))}"
        case "step_up":
            return f"signed in within {lasting(cell(obligation, 'max_age'))}"
        case "justify":
            return "a reason in words"
        case "notify":
            return f"{cell(obligation, 'who').replace('_', ' ')} is told"
        case "ticket":
            return "a ticket"
        case _:
            return cell({"": obligation}, "")
