"""What happened in one request, in order: each audit record as one sentence.

A record whose phase has no sentence here is told by its phase and outcome; none is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agent.audit.export.evidence import Evidence
from agent.audit.export.fields import at, cell, text
from agent.audit.export.markup import TONELESS, Html, chip, el, joined, said
from agent.audit.export.words import TONES, Words

_ACTS = ("intent", "compensate", "effect", "outcome")
_Sentence = Callable[[Words, Mapping[str, Any]], Html]


def timeline(evidence: Evidence, words: Words) -> Html:
    """Return the records as a list."""
    items: list[Html] = []
    day: str | None = None
    for record in evidence.records:
        body = record.body
        phase = cell(body, "phase")
        sentence = _SENTENCES.get(phase, _other)(words, body)
        if (new := words.day(text(body, "at"))) and new != day:
            day = new
            items.append(el("li", el("p", f"{day}, times in UTC", class_="soft"), class_="day"))
        head = el(
            "p",
            words.clock(text(body, "at")),
            " · ",
            phase.replace("_", " ") or "no phase",
            f" · #{record.seq}",
            class_="soft",
        )
        kind = "act" if phase in _ACTS else "told"
        items.append(el("li", head, el("p", sentence), class_=kind))
    return el("ol", *items, class_="time")


def _request(words: Words, body: Mapping[str, Any]) -> Html:
    channel = text(body, "source", "channel") or text(body, "detail", "channel")
    through = joined(" over ", said(channel)) if channel else None
    if text(body, "outcome") == "refused":
        why = cell(body, "detail", "code")
        return joined(words.who(text(body, "actor")), " was not let in: ", el("code", why))
    return joined(words.who(text(body, "actor")), " asked", through, ".")


def _read(words: Words, body: Mapping[str, Any]) -> Html:
    steps = body.get("reasoning")
    looked = [cell(one, "lookup") for one in steps] if isinstance(steps, list) else []
    if not looked:
        return joined("Something was read.")
    return joined(f"{len(looked)} look-ups: ", said(", ".join(looked)), ".")


def _decision(words: Words, body: Mapping[str, Any]) -> Html:
    effect = text(body, "decision", "effect") or text(body, "outcome") or "decided"
    first = "Planned: " if at(body, "detail", "forecast") is True else "Stopped: "
    why = text(body, "detail", "why")
    phrase = words.change(body.get("action"), body.get("target")) if body.get("action") else None
    return joined(
        first, phrase, ". " if phrase else None, "Policy says ", _chip(effect),
        joined(": ", said(why)) if why else None,
    )  # fmt: skip


def _approval_asked(words: Words, body: Mapping[str, Any]) -> Html:
    whom = at(body, "detail", "approvers")
    ids = tuple(cell({"": one}, "") for one in whom) if isinstance(whom, list) else ()
    until = words.when(text(body, "detail", "expires_at"))
    return joined(words.people(ids), " asked to approve, until ", until, ".")


def _approval(words: Words, body: Mapping[str, Any]) -> Html:
    return joined(words.who(text(body, "actor")), " said ", _chip(cell(body, "outcome")))


def _intent(words: Words, body: Mapping[str, Any]) -> Html:
    undo = "Undo, about to " if text(body, "phase") == "compensate" else "About to "
    hands = text(body, "acted_as", "person")
    mode = cell(body, "acted_as", "mode")
    token = joined(", with the token of ", words.who(hands), f" ({mode})") if hands else None
    return joined(undo, words.change(body.get("action"), body.get("target")), token, ".")


def _outcome(words: Words, body: Mapping[str, Any]) -> Html:
    action = body.get("action")
    turn = joined(
        "before ", words.state(action, body.get("before")),
        ", after ", words.state(action, body.get("after")),
    )  # fmt: skip
    why = text(body, "detail", "why")
    seen = turn if "after" in body else joined("nothing read back")
    return joined(_chip(cell(body, "outcome")), " ", seen, ": " if why else ".", why)


def _answer(words: Words, body: Mapping[str, Any]) -> Html:
    return joined("The request ended: ", _chip(cell(body, "outcome")))


def _escalate(words: Words, body: Mapping[str, Any]) -> Html:
    to, ticket = words.who(text(body, "detail", "to")), cell(body, "detail", "ticket")
    return joined("Handed to ", to, ", ticket ", el("code", ticket), ".")


def _other(words: Words, body: Mapping[str, Any]) -> Html:
    actor = text(body, "actor")
    by = joined(" by ", words.who(actor)) if actor else None
    outcome = text(body, "outcome")
    return joined(
        "Recorded", by, joined(": ", _chip(outcome)) if outcome else ".",
    )  # fmt: skip


def _chip(word: str) -> Html:
    return chip(word.replace("_", " "), TONES.get(word, TONELESS))


_SENTENCES: dict[str, _Sentence] = {
    "request": _request,
    "read": _read,
    "decision": _decision,
    "approval_asked": _approval_asked,
    "approval": _approval,
    "intent": _intent,
    "compensate": _intent,
    "effect": _outcome,
    "outcome": _outcome,
    "answer": _answer,
    "escalate": _escalate,
}
