"""How an outsider reads each export back, written from its rules and not from its writer.

And what the exports are tried on: the demo's own trail, and records whose every text is hostile.
"""

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from agent.audit.chain import ZERO, link_hash
from agent.records import AuditRecord

_TRAILS = Path(__file__).parent / "trails"

HOSTILE = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\uff1d1",
    "'=1",
    "'",
    'a "quoted", cell\r\nand a second line',
    "a|b\\|c\\",
    "k=v msg=forged externalId=1",
    "back\\slash\\n and a real\nend of line\rand another",
    "one\u2028two\u2029three\x85four\x0bfive\x0csix",
    "\x00nul\x01\x1b[31m\x7f\x9f",
    "\u202egnp.exe\u202c \u2066isolate",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '"><style>*{display:none}</style><!--',
    "]]>--></td></table></main>&lt;&amp;&#0;",
    "javascript:alert(1)",
    "\U0001f600 \ud83c".encode("utf-16", "replace").decode("utf-16"),
    " leading and trailing ",
)
hostile = st.sampled_from([*HOSTILE, "", "x" * 5_000]) | st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    *("phase", "at", "request", "actor", "acted_as", "step", "action", "target", "digest"),
    *("decision", "reasoning", "before", "after", "outcome", "graph", "detail", "approval"),
    *("policy", "agent", "record", "integrity", "source", "logged_at", "unheard_of"),
)
_person = st.fixed_dictionaries({}, optional={"person": hostile, "mode": hostile, "why": hostile})
_shaped = st.fixed_dictionaries(
    {"phase": hostile | st.sampled_from(["outcome", "intent", "request", "approval"])},
    optional={
        "at": hostile | st.just("2026-11-23T09:00:00.5Z"),
        "actor": hostile,
        "request": hostile,
        "step": hostile,
        "action": st.fixed_dictionaries(
            {"name": hostile | st.just("group.member.add")},
            optional={"arguments": st.dictionaries(st.just("user") | hostile, hostile, max_size=2)},
        ),
        "target": st.fixed_dictionaries({"type": hostile | st.just("group"), "id": hostile}),
        "acted_as": _person,
        "outcome": hostile,
        "detail": values,
        "graph": st.dictionaries(st.sampled_from(["request_id", "client_request_id"]), hostile),
    },
)
bodies = _shaped | st.dictionaries(st.sampled_from(FIELDS) | hostile, values, max_size=5)


def demo_trail() -> list[AuditRecord]:
    """The trail that the demo's variants a, b, c3, d and e left."""
    with (_TRAILS / "demo.ndjson").open(encoding="utf-8", newline="\n") as lines:
        return read_ndjson(lines.read())


def demo_names() -> dict[str, str]:
    """How the ids in the demo's trail are called in its directory."""
    names: dict[str, str] = json.loads((_TRAILS / "names.json").read_text(encoding="utf-8"))
    return names


def linked(some: Iterable[dict[str, Any]]) -> list[AuditRecord]:
    """Bodies as records of one chain."""
    prev, records = ZERO, []
    for seq, body in enumerate(some, 1):
        digest = link_hash(seq, prev, body)
        records.append(AuditRecord(seq=seq, body=body, prev=prev, hash=digest))
        prev = digest
    return records


def with_everywhere(text: str) -> dict[str, Any]:
    """A body that holds one text wherever a text can stand."""
    inner = {"name": text, "person": text, "id": text, "why": text, "request_id": text, text: text}
    said: dict[str, Any] = {field: inner for field in FIELDS}
    plain = ("phase", "at", "request", "actor", "step", "digest", "outcome", "before", "after")
    return said | dict.fromkeys(plain, text) | {text: text}


def read_ndjson(text: str) -> list[AuditRecord]:
    """One JSON object a line feed."""
    return [AuditRecord.model_validate(json.loads(line)) for line in text.split("\n")[:-1]]


def read_csv(text: str) -> list[dict[str, str]]:
    """Rows by RFC 4180, one leading apostrophe taken off each cell that has one."""
    csv.field_size_limit(10_000_000)
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{k: v.removeprefix("'") for k, v in row.items()} for row in rows]


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """The seven parts of the header, and the extension; escapes undone."""
    *header, extension = re.split(r"(?<!\\)((?:\\\\)*)\|", line, maxsplit=7)
    parts = ["".join(pair) for pair in zip(header[::2], header[1::2], strict=True)]
    pairs = re.split(r"(?:^| )([A-Za-z0-9]+)=", extension)
    fields = dict(zip(pairs[1::2], pairs[2::2], strict=True))
    undone = {r"\\": "\\", r"\=": "=", r"\n": "\n", r"\r": "\r", r"\|": "|"}

    def plain(text: str) -> str:
        return re.sub(r"\\.", lambda escape: undone[escape[0]], text)

    return [plain(part) for part in parts], {key: plain(value) for key, value in fields.items()}


def body_of_ocsf(event: dict[str, Any]) -> dict[str, Any]:
    """Put a body together again from the exact places and from what has no place."""
    unmapped, metadata = event["unmapped"], event["metadata"]
    exact = {
        "at": metadata.get("original_time"),
        "request": metadata.get("correlation_uid"),
        "phase": metadata.get("event_code"),
        "outcome": event.get("status_code"),
    }
    named = {
        "decision": "policy",
        "acted_as": "agent",
        "reasoning": "reasoning",
        "approval": "approval",
    }
    body = {field: said for field, said in exact.items() if said is not None}
    body |= {field: unmapped[name] for field, name in named.items() if name in unmapped}
    return body | unmapped["record"]
