"""The chapters of an evidence page: who asked, what changed, why, who approved, what was found."""

from pydantic import JsonValue

from agent.audit.export.evidence import Evidence
from agent.audit.export.fields import cell, moment, text
from agent.audit.export.markup import TONELESS, Child, Html, chip, el, joined, said, table
from agent.audit.export.sections import Became, Change, LayerSaid, Verdict
from agent.audit.export.words import OUTCOMES, TONES, Words, owed


def opening(evidence: Evidence, words: Words) -> Html:
    """Return the top of the page: what it was about, how it ended, the short answers."""
    status = evidence.ending.status if evidence.ending else None
    ended = chip((status or "not ended").replace("_", " "), TONES.get(status or "", TONELESS))
    return el(
        "header",
        el("p", "Evidence of one request", class_="kicker"),
        el("h1", _subject(evidence, words)),
        el("p", ended),
        _flaws(evidence.flaws),
        _facts(evidence, words),
    )


def _subject(evidence: Evidence, words: Words) -> Html:
    about: list[Change | Verdict] = [c for c in evidence.changes if not c.undo]
    about = about or list(evidence.verdicts)
    parts: list[Child] = []
    seen: set[str] = set()
    for one in about:
        phrase = words.change(one.action, one.target)
        if phrase.text not in seen:
            parts += [", and " if seen else None, phrase]
            seen.add(phrase.text)
    return joined(*parts) if parts else joined("A request without a change")


def _flaws(flaws: tuple[str, ...]) -> Html | None:
    if not flaws:
        return None
    listed = el("ul", *(el("li", flaw) for flaw in flaws))
    return el("div", "These records do not hold together:", listed, class_="alarm", role="alert")


def _facts(evidence: Evidence, words: Words) -> Html:
    facts: list[tuple[str, Child]] = []
    if evidence.asked:
        by = joined(words.who(evidence.asked.by), f" over {evidence.asked.channel or 'unknown'}")
        facts += [("Asked by", by), ("Asked at", words.when(evidence.asked.at))]
    for person, mode in dict.fromkeys(_hands(evidence)):
        facts.append(("Token of", joined(words.who(person), f", as {mode}")))
    approved = [vote for vote in evidence.votes if vote.decision == "approve"]
    facts += [("Approved by", words.who(vote.person)) for vote in approved]
    if evidence.ending:
        facts.append(("Ended at", words.when(evidence.ending.at)))
        if evidence.ending.ticket or evidence.ending.to:
            ticket = el("code", evidence.ending.ticket or "no number")
            facts.append(("Handed to", joined(words.who(evidence.ending.to), ", ticket ", ticket)))
    facts += [("Request", el("code", evidence.request)), ("Tenant", el("code", evidence.tenant))]
    return _pairs(facts)


def _hands(evidence: Evidence) -> list[tuple[str | None, str]]:
    acted = [change.acted_as for change in evidence.changes if change.acted_as is not None]
    return [(text(hands, "person"), cell(hands, "mode")) for hands in acted]


def changes(evidence: Evidence, words: Words) -> Html:
    """Return each change with before and after, or the sentence that there was none."""
    if not evidence.changes:
        return el("p", "Nothing was changed, and nothing was about to be.")
    return joined(*(_change(change, words) for change in evidence.changes))


def _change(change: Change, words: Words) -> Html:
    last = change.became[-1] if change.became else None
    after = last.after if last else None
    read_back = last is not None and moment(last.verified_at) is not None
    first = "Undo: " if change.undo else None
    before = change.before if change.before is not None or last is None else last.before
    turn = el(
        "div",
        el("div", el("span", "Before"), el("b", words.state(change.action, before))),
        el("span", "→", class_="arrow", aria_hidden="true"),
        el(
            "div",
            el("span", "After, read back" if read_back else "After, not read back"),
            el("b", words.state(change.action, after)),
        ),
        class_="turn",
    )
    facts: list[tuple[str, Child]] = []
    if change.acted_as is not None:
        why = joined(
            words.who(text(change.acted_as, "person")), f", as {cell(change.acted_as, 'mode')}"
        )
        facts += [("Token of", why), ("Why theirs", said(cell(change.acted_as, "why")))]
    for number, became in enumerate(change.became):
        facts += _became(became, change.became[number - 1] if number else None, words)
    facts.append(("Digest of the change", el("code", change.digest or "no digest")))
    title = el("h3", first, words.change(change.action, change.target))
    return el("div", title, turn, _pairs(facts), class_="box")


def _became(became: Became, last: Became | None, words: Words) -> list[tuple[str, Child]]:
    """Return one outcome, and of its read-back and its request what the last did not say."""
    outcome = became.outcome or "not recorded"
    meant = OUTCOMES.get(outcome, "As the record says") + (
        ", read back" if moment(became.verified_at) else ", not read back"
    )
    word = chip(outcome.replace("_", " "), TONES.get(outcome, TONELESS))
    because = joined(": ", said(became.why)) if became.why else "."
    facts: list[tuple[str, Child]] = [
        (f"Outcome, #{became.seq}", joined(word, f" {meant}", because))
    ]
    if became.verified_at and (last is None or last.verified_at != became.verified_at):
        facts.append(("Read back at", words.when(became.verified_at)))
    if became.graph is not None and (last is None or last.graph != became.graph):
        graph = text(became.graph, "request_id") or cell({"": became.graph}, "")
        facts.append(("Graph request", el("code", graph)))
    return facts


def _pairs(facts: list[tuple[str, Child]]) -> Html:
    return el("dl", *(part for name, what in facts for part in (el("dt", name), el("dd", what))))


def why(evidence: Evidence, words: Words) -> Html | None:
    """Return every decision with its six layers."""
    if not evidence.verdicts:
        return None
    return joined(*(_verdict(verdict, words) for verdict in evidence.verdicts))


def _verdict(verdict: Verdict, words: Words) -> Html:
    effect = chip(verdict.effect, TONES.get(verdict.effect, TONELESS))
    moments = "; ".join(f"{one.moment} (#{one.seq})" for one in verdict.occasions)
    title = el("h3", words.change(verdict.action, verdict.target))
    lines: list[Html] = [title, el("p", effect, " ", said(moments))]
    if verdict.why:
        lines.append(el("p", said(verdict.why)))
    if verdict.layers:
        heads = ("Layer", "Says", "By these rules")
        rows: list[tuple[Child, ...]] = [_layer(layer) for layer in verdict.layers]
        lines.append(table("The six layers; each must permit", heads, rows, "layers"))
    if verdict.obligations:
        owes = (el("li", said(owed(one))) for one in verdict.obligations)
        lines += [el("p", "Owed for it:", class_="soft"), el("ul", *owes)]
    if verdict.unknown:
        lines.append(el("p", "Not known: ", said(", ".join(verdict.unknown))))
    lines.append(_snapshot(verdict.snapshot))
    return el("div", *lines, class_="box")


def _layer(layer: LayerSaid) -> tuple[Child, ...]:
    rules: list[Child] = []
    for what, names in (
        ("permitted by ", layer.permitted_by),
        ("denied by ", layer.denied_by),
        ("more asked by ", layer.required_by),
    ):
        if names:
            listed = joined(
                *(joined(" " if n else None, el("code", r)) for n, r in enumerate(names))
            )
            rules.append(el("div", el("span", what, class_="soft"), listed))
    return (
        layer.layer,
        chip(layer.result, TONES.get(layer.result, TONELESS)),
        joined(*rules) if rules else el("em", "no rule spoke"),
    )


def _snapshot(snapshot: JsonValue) -> Html:
    if snapshot is None:
        return el("p", "No policy snapshot is named.", class_="soft")
    number = cell(snapshot, "seq")
    identity = el("code", cell(snapshot, "id") or cell({"": snapshot}, ""))
    return el("p", f"Policy snapshot {number}, ", identity, class_="soft")


def approvals(evidence: Evidence, words: Words) -> Html | None:
    """Return who was asked, and who said what to which exact change."""
    if not evidence.approvals and not evidence.votes:
        return None
    asked: list[tuple[Child, ...]] = [
        (
            words.people(one.approvers),
            f"{one.quorum} as {(one.by or '?').replace('_', ' ')}, {one.when or '?'}",
            words.when(one.expires_at),
        )
        for one in evidence.approvals
    ]
    spoke: list[tuple[Child, ...]] = [
        (
            words.who(vote.person),
            joined(
                chip(vote.decision or "?", TONES.get(vote.decision or "", TONELESS)),
                None if vote.was_asked else " was not asked for this",
            ),
            words.when(vote.at),
            el("code", vote.digest or "no digest"),
        )
        for vote in evidence.votes
    ]
    silence = el("p", "Nobody said yes or no.")
    heads = ("Who", "Said", "At", "To this exact change")
    return joined(
        table("Asked", ("Who", "How many, as what", "Until"), asked, "asked") if asked else None,
        table("Answered", heads, spoke, "spoke") if spoke else silence,
    )


def found(evidence: Evidence, words: Words) -> Html | None:
    """Return every lookup: where, when, as whom, and the digest of what was seen."""
    if not evidence.findings:
        return None
    rows: list[tuple[Child, ...]] = [
        (
            one.lookup,
            el("code", one.source or "no source"),
            words.who(one.read_as) if one.read_as else "Warrant itself",
            words.clock(one.read_at),
            joined(chip("unknown", "bad"), " ", said(one.unknown))
            if one.unknown
            else el("code", one.seen or "nothing"),
        )
        for one in evidence.findings
    ]
    heads = ("What", "Where", "Read as", "At (UTC)", "Digest of what was seen")
    note = "What was seen is in the trail by digest only; whoever holds it can compare."
    looked_up = table("Each lookup, and with whose eyes", heads, rows, "found")
    return joined(looked_up, el("p", note, class_="soft"))
