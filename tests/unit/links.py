"""Drafts linked into a chain, as the trail's table links them a block at a time."""

from collections.abc import Sequence

from agent.audit.chain import body_of, link_hash
from agent.records import AuditRecord, Draft


def chain(drafts: Sequence[Draft], last_seq: int, last_hash: str) -> tuple[AuditRecord, ...]:
    """Return the drafts as links that follow the given tail."""
    links: list[AuditRecord] = []
    for seq, draft in enumerate(drafts, last_seq + 1):
        body = body_of(draft)
        digest = link_hash(seq, last_hash, body)
        links.append(AuditRecord(seq=seq, body=body, prev=last_hash, hash=digest))
        last_hash = digest
    return tuple(links)
