"""The evidence of one request as one page of HTML: for a person, a printer and an archive.

Rules
- the page stands alone: no script, no address, no font or picture from anywhere, and a content
  security policy that forbids them, with the hash of the one style sheet;
- every value goes through `markup.el`, which escapes it;
- a name is shown beside the id it stands for, and the page says that names are not in the trail;
- colour only repeats what a word says.
"""

import hashlib
from base64 import b64encode

from agent.audit.export import chapters, checks
from agent.audit.export.evidence import Evidence, Signature
from agent.audit.export.markup import Html, el, joined
from agent.audit.export.style import STYLE
from agent.audit.export.timeline import timeline
from agent.audit.export.words import Words

_STYLE_HASH = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)


def page(evidence: Evidence, signature: Signature | None = None) -> str:
    """Return the whole page; without a signature it says that it has none."""
    title = f"Evidence {evidence.request}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("meta", name="referrer", content="no-referrer"),
        el("title", title),
        Html(f"<style>{STYLE}</style>"),  # a constant of ours: its hash stands in the policy
    )
    words = Words(evidence.added.names)
    made = words.when(evidence.made_at.isoformat())
    body = el(
        "body",
        el("main", *_story(evidence, words), _check(evidence, signature)),
        el("footer", f"{title}, made by Warrant on ", made),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en').text}\n"


def _story(evidence: Evidence, words: Words) -> list[Html]:
    permitted = all(verdict.effect == "permit" for verdict in evidence.verdicts)
    parts = (
        ("What changed", chapters.changes(evidence, words)),
        ("What happened, in order", timeline(evidence, words)),
        (f"Why it was {'' if permitted else 'not '}permitted", chapters.why(evidence, words)),
        ("Who approved", chapters.approvals(evidence, words)),
        ("What was looked up", chapters.found(evidence, words)),
        ("Microsoft's own record", checks.microsoft(evidence)),
    )
    told = (_part(name, inner) for name, inner in parts if inner is not None)
    return [chapters.opening(evidence, words), *told]


def _check(evidence: Evidence, signature: Signature | None) -> Html:
    inner = joined(
        checks.signed(signature),
        checks.proofs(evidence),
        checks.hashes(evidence),
        checks.names(evidence),
    )
    return _part("How to check this", inner)


def _part(name: str, inner: Html) -> Html:
    return el("section", el("h2", name), inner)
