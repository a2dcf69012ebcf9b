"""The last chapters of an evidence page: what Microsoft's log has, and how to check all of it."""

from agent.audit.export.evidence import Evidence, Signature
from agent.audit.export.fields import cell, line_of
from agent.audit.export.markup import Child, Html, el, joined, said, table


def microsoft(evidence: Evidence) -> Html | None:
    """Return the entries of Microsoft's log that reconciliation found, as they are."""
    if not evidence.added.microsoft:
        return None
    return joined(*(el("pre", cell({"": one}, "")) for one in evidence.added.microsoft))


def signed(signature: Signature | None) -> Html:
    """Say who signed, or that nobody did, and what to do with it."""
    if signature is None:
        line = "This page goes with no signature. Nothing on it is proved by the page itself."
        return el("p", line)
    line = (
        "This page is for reading. What is signed is the JSON document that comes with it: check "
        "its signature, then that each record fits its hash, then that this page says what the "
        "document says."
    )
    key = joined(f"{signature.alg}, key ", el("code", signature.kid))
    facts = (("Signed with", key), ("Signature", el("code", signature.value)))
    pairs = (part for name, what in facts for part in (el("dt", name), el("dd", what)))
    return joined(el("p", line), el("dl", *pairs))


def proofs(evidence: Evidence) -> Html | None:
    """Return the checkpoint and the proofs that these records stand under it, as they are."""
    given = (
        ("Checkpoint", evidence.added.checkpoint),
        ("Proof of inclusion", evidence.added.inclusion),
    )
    parts = [
        joined(el("h3", name), el("pre", cell({"": what}, "")))
        for name, what in given
        if what is not None
    ]
    return joined(*parts) if parts else None


def hashes(evidence: Evidence) -> Html:
    """Return each record's hash and the one before, then the records word for word."""
    rows: list[tuple[Child, ...]] = [
        (str(record.seq), el("code", record.hash), el("code", record.prev))
        for record in evidence.records
    ]
    whole = (el("pre", line_of(record)) for record in evidence.records)
    heads = ("#", "Hash (SHA-256)", "Hash of the record before")
    return joined(
        table("The records in the audit chain", heads, rows, "hashes"),
        el("details", el("summary", "The records, word for word"), *whole),
    )


def names(evidence: Evidence) -> Html | None:
    """Return what each id was taken to be called."""
    if not evidence.added.names:
        return None
    rows: list[tuple[Child, ...]] = [
        (said(name), el("code", identity))
        for identity, name in sorted(evidence.added.names.items(), key=lambda pair: pair[1])
    ]
    caption = "Names for ids, as the directory had them. The trail holds ids only."
    return table(caption, ("Name", "Id"), rows, "names")
