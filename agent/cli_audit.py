"""The audit trail on the command line: judge it, take it away, explain it, sign it.

Answers  `verify` a file or the tables, `export` records, `evidence` and `explain` one request,
         `checkpoint` the trail.
Never    reaches anything to judge a file: no network, no account, no settings.
Rules    - exit 0: all well; 1: there are findings, or it was refused; 2: wrong usage.
         - answers go to standard output, complaints to standard error.
         - text of a trail is shown with everything unseen by its number: it could move the cursor.
         - a file of records is readable for its owner alone.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import ValidationError

from agent.audit.verify import Finding, Verdict, verify_bundle
from agent.auditing import Form, Wanted
from agent.cli_audit_explain import story
from agent.spool import AuditRefused
from agent.values import GUID, TenantId, canonical

if TYPE_CHECKING:
    from agent.audit_desk import AuditDesk

OK, FOUND, USAGE = 0, 1, 2
OpenDesk = Callable[[str, str | None], "AuditDesk"]
_REQUEST = re.compile(r"[0-9a-f]{32}")


class UsageError(ValueError):
    """What was typed cannot be done."""


def main(arguments: Sequence[str], open_desk: OpenDesk) -> int:
    """Run one command; give its exit code."""
    asked = _parser().parse_args(arguments)
    asked.open_desk = open_desk
    try:
        return int(asked.run(asked))
    except AuditRefused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return FOUND
    except (UsageError, OSError) as refused:
        print(f"python3 -m agent audit: {refused}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m agent", description="Warrant. Exit 0 well, 1 findings or refused, 2 usage."
    )
    products = parser.add_subparsers(required=True, metavar="COMMAND")
    audit = products.add_parser("audit", help="the audit trail", description="The audit trail.")
    commands = audit.add_subparsers(required=True, metavar="COMMAND")
    verify = _command(commands, "verify", _verify, "say whether a bundle or the tables hold")
    verify.add_argument("--bundle", metavar="FILE", help="offline: a file that was taken away")
    verify.add_argument("--tenant", type=_tenant, metavar="TID", help="whose trail it must be")
    verify.add_argument("--key", action="append", default=[], metavar="PEM", help="trusted")
    verify.add_argument(
        "--witness", action="append", default=[], metavar="FILE", help="checkpoints kept elsewhere"
    )
    verify.add_argument("--json", action="store_true", help="print facts, not sentences")
    export = _command(commands, "export", _export, "take records away (needs your sign-in)")
    export.add_argument("--format", required=True, choices=get_args(Form))
    export.add_argument("--from", type=int, dest="first", metavar="SEQ")
    export.add_argument("--to", type=int, dest="last", metavar="SEQ")
    export.add_argument("--request", type=_request, metavar="ID")
    export.add_argument("--out", metavar="FILE", help="standard output where it is not given")
    evidence = _command(commands, "evidence", _evidence, "one request, signed (your sign-in)")
    evidence.add_argument("--out", type=Path, default=Path(), metavar="DIR")
    explain = _command(commands, "explain", _explain, "one request in words (your sign-in)")
    for one in (evidence, explain):
        one.add_argument("--request", type=_request, required=True, metavar="ID")
        one.add_argument("--json", action="store_true", help="print facts, not sentences")
    checkpoint = _command(commands, "checkpoint", _checkpoint, "sign the trail where it is due")
    checkpoint.add_argument("--now", action="store_true", help="sign all there is, due or not")
    checkpoint.add_argument("--json", action="store_true", help="what was signed, to be kept")
    for one in (export, evidence, explain, checkpoint):
        one.add_argument("--tenant", type=_tenant, required=True, metavar="TID")
    for one in (export, evidence, explain):
        one.add_argument(
            "--token-file", metavar="FILE|-", help="your token; else you sign in by a code"
        )
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], said: str
) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = commands.add_parser(name, help=said, description=run.__doc__)
    one.set_defaults(run=run)
    return one


def _tenant(text: str) -> str:
    if not re.fullmatch(GUID, text.lower()):
        raise argparse.ArgumentTypeError(f"expected the id of a tenant, saw `{text}`")
    return text.lower()


def _request(text: str) -> str:
    if not _REQUEST.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected 32 hex digits of a request, saw `{text}`")
    return text


def _verify(asked: argparse.Namespace) -> int:
    """Judge a bundle offline by the keys you trust, or the tables by the tenant's key."""
    keys = [Path(name).read_bytes() for name in asked.key]
    witness = [line for name in asked.witness for line in _lines(name)]
    try:
        if asked.bundle is not None:
            with Path(asked.bundle).open("rb") as file:
                tenant = TenantId(asked.tenant) if asked.tenant else None
                verdict = verify_bundle(file, keys, tenant=tenant, witness=witness)
        elif asked.tenant is not None:
            verdict = asked.open_desk(asked.tenant, None).verify(keys, witness)
        else:
            raise UsageError("expected --bundle or --tenant")
    except ValueError as wrong:
        if isinstance(wrong, UsageError):
            raise
        raise UsageError("expected each --key to be a public key in PEM") from None
    if asked.json:
        said = [{**one.model_dump(), "sentence": one.sentence} for one in verdict.findings]
        print(json.dumps({**verdict.model_dump(mode="json"), "findings": said}))
    else:
        print(*_judged(verdict, trusted=bool(keys) or asked.bundle is None), sep="\n")
    return FOUND if verdict.findings else OK


def _lines(name: str) -> list[bytes]:
    with Path(name).open("rb") as file:
        return file.readlines()


def _judged(verdict: Verdict, *, trusted: bool) -> Iterator[str]:
    yield from (f"{one.code}: {_place(one)}: {one.sentence}" for one in verdict.findings)
    if not trusted and any(one.code == "unknown_key" for one in verdict.findings):
        yield "give the tenant's public key with --key: the ones in the file vouch for nothing"
    yield (
        f"tenant {verdict.tenant}: {verdict.records} records, {verdict.withheld} shown by hash only"
    )
    yield f"a checkpoint speaks for all up to {verdict.signed_to}"
    if verdict.uncovered is not None:
        first, last = verdict.uncovered
        yield f"no checkpoint covers records {first} to {last}: they could be rewritten unseen"
    found = len(verdict.findings)
    yield "it holds" if not found else f"{found} findings: it does not hold"


def _place(finding: Finding) -> str:
    if finding.first is None:
        return f"line {finding.line}"
    many = f"s {finding.first} to {finding.last}"
    one = finding.last in (None, finding.first)
    return f"record{f' {finding.first}' if one else many}, line {finding.line}"


def _export(asked: argparse.Namespace) -> int:
    """Take records away; that you did is a record itself, written before you get any."""
    try:
        wanted = Wanted(first=asked.first, last=asked.last, request=asked.request)
    except ValidationError as wrong:
        raise UsageError("; ".join(str(one["msg"]) for one in wrong.errors())) from None
    lines = asked.open_desk(asked.tenant, asked.token_file).export(asked.format, wanted)
    with ExitStack() as stack:
        out = sys.stdout.buffer if asked.out is None else stack.enter_context(_private(asked.out))
        out.writelines(lines)
        out.flush()
    return OK


def _evidence(asked: argparse.Namespace) -> int:
    """Write a request's evidence: the signed JSON, and the same as a page."""
    from agent.audit.export.evidence import write
    from agent.audit.export.page import page

    if not asked.out.is_dir():
        raise UsageError(f"expected a folder, saw `{asked.out}`")
    desk = asked.open_desk(asked.tenant, asked.token_file)
    evidence, signature = desk.evidence(asked.request)
    document = asked.out / f"evidence-{asked.request}.json"
    shown = document.with_suffix(".html")
    _keep(document, [write(evidence, signature)])
    _keep(shown, [page(evidence, signature)])
    if asked.json:
        files = {"document": str(document), "page": str(shown)}
        print(json.dumps({**files, "kid": signature.kid, "flaws": evidence.flaws}))
    else:
        print(f"{document}, signed by {signature.kid}", shown, *evidence.flaws, sep="\n")
    return FOUND if evidence.flaws else OK


def _explain(asked: argparse.Namespace) -> int:
    """Tell a request: who asked, what was found, why it was permitted, what changed."""
    evidence = asked.open_desk(asked.tenant, asked.token_file).explain(asked.request)
    if asked.json:
        print(canonical(evidence.model_dump(mode="json", exclude={"added"})).decode())
    else:
        print(*story(evidence), sep="\n")
    return FOUND if evidence.flaws else OK


def _checkpoint(asked: argparse.Namespace) -> int:
    """Sign what is due of the trail; with --json the lines are for a witness to keep."""
    made = asked.open_desk(asked.tenant, None).checkpoint(early=asked.now)
    for one in made:
        if asked.json:
            print(one.line().decode(), end="")
        else:
            print(f"signed {one.size} records at {one.at.isoformat()}, root {one.root}")
    if not made and not asked.json:
        print("nothing is due")
    return OK


def _keep(path: Path, texts: Iterable[str]) -> None:
    with _private(path) as file:
        file.writelines(text.encode() for text in texts)


def _private(path: str | Path) -> Any:
    """Open a file for writing that only its owner can read."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(file, 0o600)
    return os.fdopen(file, "wb")
