"""How fast is a trail verified offline, and in how much memory?

Bundles of 10,000 and 100,000 records of about 1.2 KB, with a checkpoint at every thousand, are made
in a file, and each is verified in fresh processes: `python -m local.bench.audit_verify BUNDLE KEY`
prints one line of JSON. The yardstick reads the same lines as JSON, writes them again and hashes
them: what nobody who checks canonical text can avoid in Python.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.audit.bundle import Header, bundle, record_line
from agent.audit.chain import ZERO, link_hash
from agent.audit.checkpoint import EVERY, Checkpoint, issue
from agent.audit.merkle import Frontier, record_leaf
from agent.audit.verify import verify_bundle
from agent.records import AuditRecord
from agent.values import canonical
from local.bench.bed import said_by
from local.bench.client import BenchError
from local.bench.measure import drift, linear, peak_mib
from local.bench.report import Cell, Goal, Section

_TENANT = "6f2b0c1e-7d3a-4a58-9a53-2f8f6a1c0b11"
_KID = "https://bench.vault.example/keys/audit/1"
_BEGIN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_APART = timedelta(milliseconds=100)
_LAYERS = ("global", "tenant", "target", "department", "action", "runtime")
_SECONDS = 300.0
_LENGTHS = (10_000, 100_000)
_TRIES = 3


def verify(*, quick: bool) -> Section:
    """Measure verifying bundles of two lengths, each in fresh processes; the best of three runs."""
    rows: list[tuple[Cell, ...]] = []
    cpu: dict[int, float] = {}
    rates: dict[int, float] = {}
    memory: dict[int, float] = {}
    yardsticks: list[float] = []
    for many in _LENGTHS:
        with TemporaryDirectory(prefix="warrant-audit-") as folder:
            made, key = Path(folder) / "bundle.ndjson", Path(folder) / "public.pem"
            size = _make(made, key, many)
            yardsticks.append(_yardstick(made) / many)
            runs = [_verified(made, key, many) for _ in range(1 if quick else _TRIES)]
            yardsticks.append(_yardstick(made) / many)
        cpu[many] = min(run["cpu_s"] for run in runs)
        rates[many], memory[many] = many / cpu[many], max(run["rss_mib"] for run in runs)
        over = cpu[many] / many / min(yardsticks[-2:])
        rows.append((many, size / many, cpu[many], rates[many], over, memory[many]))
    most = _LENGTHS[-1]
    return Section(
        name="audit.verify",
        about="a bundle of the whole trail verified offline by one process on one core",
        columns=("records", "bytes each", "CPU s", "records/s", "over yardstick", "peak MiB"),
        rows=tuple(rows),
        goals=(
            Goal(what="records/s at 100,000", seen=rates[most], at_least=30_000, unit="/s"),
            Goal(
                what="memory at 100,000 over 10,000",
                seen=memory[most] / memory[_LENGTHS[0]],
                at_most=1.1,
                unit="x",
                timed=False,
            ),
            Goal(
                what="cost of a record, 10,000 to 100,000", seen=linear([*cpu.items()]), at_most=1.2
            ),
        ),
        notes=(
            "yardstick: read the lines as JSON, write them again in canonical form, hash them",
            "the time is the process's own, without its start",
        ),
        drift=drift(yardsticks[-2], yardsticks[-1]),
    )


def _verified(made: Path, key: Path, many: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "local.bench.audit_verify", str(made), str(key)]
    said = said_by(command, seconds=_SECONDS)
    if (said["records"], said["signed_to"], said["findings"]) != (many, many, 0):
        raise BenchError(f"expected {many} signed records and no finding, saw {said}")
    return said


def _yardstick(made: Path) -> float:
    began = time.process_time()
    with made.open("rb") as lines:
        for line in lines:
            sha256(canonical(json.loads(line))).digest()
    return time.process_time() - began


def _make(made: Path, key: Path, many: int) -> int:
    """Write a bundle and the public key; return how many bytes the bundle has."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    key.write_bytes(public)

    async def sign(message: bytes) -> tuple[str, bytes]:
        r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(SHA256())))
        return _KID, r.to_bytes(32, "big") + s.to_bytes(32, "big")

    async def checkpoints() -> list[Checkpoint]:
        tree, found = Frontier(), []
        for record in _records(many):
            tree.add(record_leaf(record.hash))
            if record.seq % EVERY == 0:
                at = _BEGIN + _APART * record.seq
                found.append(await issue(_TENANT, tree, record.hash, at, kid=_KID, sign=sign))
        return found

    header = Header(
        tenant=_TENANT,
        exported_at=_BEGIN + _APART * many,
        last=many,
        keys={_KID: public.decode()},
    )
    signed = asyncio.run(checkpoints())
    with made.open("wb") as out:
        out.writelines(bundle(header, signed, map(record_line, _records(many))))
    return made.stat().st_size


def _records(many: int) -> Iterator[AuditRecord]:
    prev = ZERO
    for seq in range(1, many + 1):
        body = _body(seq)
        digest = link_hash(seq, prev, body)
        yield AuditRecord(seq=seq, body=body, prev=prev, hash=digest)
        prev = digest


def _body(seq: int) -> dict[str, Any]:
    """A decision as the chronicle writes it, of the length that records have."""
    name = f"{seq:032x}"
    guid = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
    at = (_BEGIN + _APART * seq).isoformat().replace("+00:00", "Z")
    rules = {layer: [f"{layer}.members.{number}" for number in range(4)] for layer in _LAYERS}
    return {
        "v": 1,
        "phase": "decision",
        "at": at,
        "request": name,
        "actor": guid,
        "step": f"step-{seq}",
        "digest": sha256(name.encode()).hexdigest(),
        "action": {"name": "group.member.add", "arguments": {"group": guid, "user": guid}},
        "target": {"type": "group", "id": guid},
        "decision": {"effect": "permit", "rules": rules, "snapshot": {"id": name * 2, "seq": 7}},
        "detail": {"forecast": False, "plan": name * 2},
    }


def _main(made: str, key: str) -> None:
    began = time.process_time()
    with Path(made).open("rb") as lines:
        seen = verify_bundle(lines, [Path(key).read_bytes()])
    cpu = time.process_time() - began
    said = {"records": seen.records, "signed_to": seen.signed_to, "findings": len(seen.findings)}
    print(json.dumps(said | {"cpu_s": cpu, "rss_mib": peak_mib(os.getpid())}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
