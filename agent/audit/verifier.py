"""Does an audit bundle hold? For a sceptic to read; needs Python 3.11 and `cryptography` only.

Lines of canonical JSON: header, signed checkpoints, records. A record's `hash` is SHA-256 of its
line without `hash`, `prev` the hash before; a withheld one shows its hash only. A checkpoint signs
how many records there were, the last hash and the Merkle root (RFC 6962); only the caller's keys
count. Findings: code, first and last record, line. An `uncovered` end could be cut off unseen.
"""

import argparse
import json
from base64 import urlsafe_b64decode
from datetime import datetime, timedelta
from functools import reduce
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

VERSIONS, EVERY, WITHIN, SKEW = (1,), 1000, timedelta(minutes=15), timedelta(minutes=5)
BROKEN = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)
moment = datetime.fromisoformat  # a time without a zone cannot be compared: TypeError
LONG_AGO, NEVER = moment("0001-01-02T00:00Z"), moment("9999-12-30T00:00Z")
decode = json.JSONDecoder(parse_float=int, parse_constant=int).decode  # int() refuses both
encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Bundle:
    """A bundle that is read once: no finding stops it, no line is skipped."""

    def __init__(self, keys: list[bytes], tenant: str | None = None) -> None:
        self.keys: dict[str, Any] = {k.decode().strip(): load_pem_public_key(k) for k in keys}
        self.tenant, self.kids, self.signed = tenant, dict[str, str](), dict[int, Any]()
        self.findings = list[tuple[str, int | None, int | None, int]]()
        self.gaps, self.late, self.uncovered = list[tuple[int, int]](), set[int](), (0, 0)
        self.line = self.records = self.withheld = self.seq = self.last = self.signed_to = 0
        self.tip, self.whole, self.peaks = "0" * 64, True, list[bytes]()  # roots of full subtrees
        self.since, self.began, self.clock, self.ended = 0, NEVER, LONG_AGO, LONG_AGO  # unsigned

    def note(self, first: int | None, last: int | None, **wrong: bool) -> bool:
        self.findings += [(code, first, last, self.line) for code, so in wrong.items() if so]
        return any(wrong.values())

    def read(self, line: bytes) -> None:
        """Take the next line."""
        self.line += 1
        try:
            said = decode(text := line.decode())
            if encode(said) + "\n" != text:
                raise ValueError("expected canonical JSON and the end of a line")
            rest = self.header if self.line == 1 else self.checkpoint
            (self.record if "seq" in said else rest)(said, line)
        except BROKEN:
            self.note(None, None, unreadable=True)
        except InvalidSignature:
            self.note(None, None, bad_signature=True)

    def foreign(self, seq: int | None, said: dict[str, Any], kind: str = "") -> bool:
        other = said.get("tenant", self.tenant) != self.tenant
        strange = said["v"] not in VERSIONS or kind not in ("", said.get("kind"))
        return self.note(seq, seq, unknown_schema=strange, foreign_tenant=other)

    def header(self, said: dict[str, Any], _: bytes) -> None:
        self.tenant = self.tenant or str(said["tenant"])
        self.foreign(None, said, "warrant.audit.bundle")
        self.kids, self.ended, self.tip = said["keys"], moment(said["exported_at"]), said["prev"]
        self.seq, self.last = int(said["first"]) - 1, int(said["last"])
        self.peaks = [bytes.fromhex(peak) for peak in said["peaks"]]

    def checkpoint(self, said: dict[str, Any], _: bytes) -> None:
        size, raw = int(said["size"]), urlsafe_b64decode(said.pop("signature") + "==")
        halves = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
        key: Any = self.keys.get(self.kids.get(said["kid"], "").strip())
        wrong = self.foreign(size, said, "warrant.audit.checkpoint")
        if self.note(size, size, unknown_key=key is None) or wrong:
            return
        key.verify(utils.encode_dss_signature(*halves), encode(said).encode(), ec.ECDSA(SHA256()))
        says = said["last_hash"], said["root"], moment(said["at"])
        forked = self.signed.setdefault(size, says)[:2] != says[:2]
        self.note(size, size, forked=forked, swapped=size <= self.seq)

    def record(self, said: dict[str, Any], line: bytes) -> None:
        seq, prev = int(said["seq"]), None
        self.withheld += said.keys() == {"hash", "seq"}
        if said.keys() != {"hash", "seq"}:
            self.foreign(seq, body := said["body"])
            head, _, tail = line.rpartition(b',"hash":"')
            edited = sha256(head + tail[65:-1]).hexdigest() != said["hash"]
            at, prev = moment(body.get("logged_at", body["at"])), None if edited else said["prev"]
            self.note(seq, seq, edited=edited, clock_backwards=self.clock - at > SKEW)
            self.records, self.clock, self.began = self.records + 1, at, min(self.began, at)
        back = seq <= self.seq
        late = back and any(first <= seq <= last for first, last in self.gaps)
        self.note(seq, seq, inserted=seq > self.last, swapped=late, forked=back and not late)
        if back:
            return self.late.add(seq)
        return self.follow(seq, prev, said["hash"])

    def follow(self, seq: int, prev: str | None, digest: str) -> None:
        node, size = sha256(b"\0" + bytes.fromhex(digest)).digest(), seq - 1
        linked = prev in (None, self.tip) and seq == self.seq + 1
        if seq > self.seq + 1:
            self.gaps.append((self.seq + 1, seq - 1))
        elif not linked:
            place = seq if self.seq == self.signed_to else self.seq  # the one that is not signed
            self.note(place, place, inserted=place == seq, edited=place < seq)
        self.whole = self.whole and linked
        while size & 1 and self.peaks:
            node, size = sha256(b"\1" + self.peaks.pop() + node).digest(), size >> 1
        self.peaks.append(node)
        self.seq, self.tip, self.since = seq, digest, self.since or seq
        if signed := self.signed.get(seq):
            root = reduce(lambda low, high: sha256(b"\1" + high + low).digest(), self.peaks[::-1])
            seen = digest, root.hex() if self.whole else signed[1]
            wrong = self.note(self.since, seq, recomputed=seen != signed[:2])
            self.signed_to = self.signed_to if wrong else seq
            self.meet(signed[2])

    def meet(self, at: datetime, unsigned: bool = False) -> None:
        late = unsigned or self.seq - self.since >= EVERY or at - self.began > WITHIN + SKEW
        backwards = self.clock - at > SKEW
        self.note(self.since, self.seq, missing_checkpoint=late, clock_backwards=backwards)
        self.since, self.began = 0, NEVER

    def end(self) -> None:
        """Judge what the last line leaves open."""
        for first, last in self.gaps:
            came = sum(first <= seq <= last for seq in self.late)
            self.note(first, last, deleted=came <= last - first)
        end = max(self.last, 0, *self.signed)
        self.note(self.seq + 1, end, truncated=self.seq < end or not self.line)
        if self.since:
            self.uncovered = (self.since, self.seq)
            self.meet(self.ended, not self.signed)


if __name__ == "__main__":
    parser, file = argparse.ArgumentParser(description=__doc__), argparse.FileType("rb")
    parser.add_argument("bundle", type=file)
    parser.add_argument("--key", type=file, action="append", required=True, help="trusted, as PEM")
    told = parser.parse_args()
    seen = Bundle([key.read() for key in told.key])
    for line in told.bundle:
        seen.read(line)
    seen.end()
    found = [" ".join(map(str, finding)) for finding in seen.findings]
    print(*found, f"{seen.records=} {seen.withheld=} {seen.signed_to=} {seen.uncovered=}", sep="\n")
    raise SystemExit(bool(found))
