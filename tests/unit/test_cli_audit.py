"""The audit commands as they are typed: exit codes, places of findings, nothing loaded offline."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from agent import __version__
from agent.audit.export.evidence import Evidence, Signature
from agent.cli_audit import main
from agent.cli_audit_explain import story
from agent.spool import AuditRefused
from local.up import ROOT
from tests.unit.evidence_cases import VARIANTS, of_bodies, told
from tests.unit.trails import OURS, TENANT, THEIRS, trail

REQUEST = "a" * 32
KID = "https://tenant.vault.example/keys/audit-signing/1"


class Desk:
    """A desk that gives what a test put on it."""

    def __init__(self, gives: Any) -> None:
        self.gives, self.asked = gives, list[Any]()

    def __call__(self, tenant: str, token_file: str | None) -> "Desk":
        self.asked += [tenant, token_file]
        return self

    def _given(self, *arguments: Any, **named: Any) -> Any:
        self.asked += [*arguments, *named.values()]
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives

    verify = export = evidence = explain = checkpoint = _given


def nobody(tenant: str, token_file: str | None) -> NoReturn:
    raise AssertionError("no tenant is reached")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A bundle of 25 records, 20 of them signed for, and the key."""
    (tmp_path / "bundle").write_bytes(b"".join(trail(25).lines()))
    (tmp_path / "ours.pem").write_bytes(OURS.pem)
    (tmp_path / "theirs.pem").write_bytes(THEIRS.pem)
    return tmp_path


def judge(files: Path, key: str = "ours.pem") -> list[str]:
    return ["audit", "verify", "--bundle", str(files / "bundle"), "--key", str(files / key)]


def test_a_bundle_that_holds_is_0_and_says_what_no_checkpoint_covers(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(judge(files), nobody) == 0
    said = capsys.readouterr().out
    assert "25 records" in said
    assert "no checkpoint covers records 21 to 25" in said
    assert said.endswith("it holds\n")


def test_every_finding_is_listed_with_its_place(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = trail(25).lines()
    lines[8] = lines[8].replace(b'"phase":"read"', b'"phase":"edit"')
    del lines[15]
    (files / "bundle").write_bytes(b"".join(lines))
    assert main(judge(files), nobody) == 1
    said = capsys.readouterr().out
    assert "edited: record 6, line 9: its content is not what its hash" in said
    assert "deleted: record 13, line " in said
    assert main([*judge(files), "--json"], nobody) == 1
    facts = json.loads(capsys.readouterr().out)
    assert {"code": "edited", "first": 6, "last": 6, "line": 9}.items() <= facts["findings"][
        [one["code"] for one in facts["findings"]].index("edited")
    ].items()
    assert all(one["sentence"] for one in facts["findings"])


def test_only_a_key_that_the_reader_brings_counts(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "verify", "--bundle", str(files / "bundle")], nobody) == 1
    assert "give the tenant's public key with --key" in capsys.readouterr().out
    assert main(judge(files, "theirs.pem"), nobody) == 1
    assert main([*judge(files), "--tenant", TENANT], nobody) == 0
    assert main([*judge(files), "--tenant", REQUEST[:8] + TENANT[8:]], nobody) == 1


def test_what_a_witness_kept_shows_an_end_that_was_cut_off(files: Path) -> None:
    whole = trail(25)
    (files / "bundle").write_bytes(b"".join(trail(10).lines()))
    assert main(judge(files), nobody) == 0
    kept = files / "witness"
    kept.write_bytes(b"".join(one.line() for one in whole.checkpoints))
    assert main([*judge(files), "--witness", str(kept)], nobody) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["audit"],
        ["audit", "verify"],
        ["audit", "verify", "--bundle", "nowhere"],
        ["audit", "verify", "--tenant", "../x"],
        ["audit", "export", "--tenant", TENANT],
        ["audit", "export", "--tenant", TENANT, "--format", "xml"],
        ["audit", "export", "--tenant", TENANT, "--format", "csv", "--from", "5", "--to", "4"],
        ["audit", "export", "--tenant", TENANT, "--format", "csv", "--from", "0"],
        ["audit", "explain", "--tenant", TENANT, "--request", "x"],
        ["audit", "evidence", "--tenant", TENANT, "--request", REQUEST, "--out", "nowhere"],
    ],
)
def test_wrong_usage_is_2_and_reaches_nobody(wrong: Sequence[str]) -> None:
    try:
        code = main(wrong, nobody)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2


def test_what_is_no_public_key_is_wrong_usage(files: Path) -> None:
    (files / "ours.pem").write_text("no key")
    assert main(judge(files), nobody) == 2


def test_a_refusal_is_1_with_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk(AuditRefused("no_auditor", "expected a role"))
    asked = ["audit", "export", "--tenant", TENANT.upper(), "--format", "csv"]
    assert main([*asked, "--token-file", "-"], desk) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "refused: no_auditor: expected a role\n")
    assert desk.asked[:2] == [TENANT, "-"]


def test_an_export_goes_to_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    out = tmp_path / "trail.csv"
    out.write_text("old and longer than what comes")
    out.chmod(0o644)
    asked = ["audit", "export", "--tenant", TENANT, "--format", "csv", "--out", str(out)]
    assert main(asked, Desk(iter([b"a\r\n", b"b\r\n"]))) == 0
    assert out.read_bytes() == b"a\r\nb\r\n"
    assert out.stat().st_mode & 0o777 == 0o600


def test_evidence_with_a_flaw_is_written_and_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = told("approved")
    asked = ["audit", "evidence", "--tenant", TENANT, "--request", REQUEST, "--out", str(tmp_path)]
    signature = Signature(kid=KID, value="x" * 86)
    assert main(asked, Desk((evidence, signature))) == 0
    assert (tmp_path / f"evidence-{REQUEST}.json").exists()
    assert (tmp_path / f"evidence-{REQUEST}.html").read_text("utf-8").startswith("<!doctype html>")
    flawed = evidence.model_copy(update={"flaws": ("record 3 does not fit its hash",)})
    assert main(asked, Desk((flawed, signature))) == 1
    assert "record 3 does not fit its hash" in capsys.readouterr().out


def test_nothing_to_sign_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "checkpoint", "--tenant", TENANT], Desk([])) == 0
    assert capsys.readouterr().out == "nothing is due\n"
    made = trail(20).checkpoints
    asked = ["audit", "checkpoint", "--now", "--json", "--tenant", TENANT]
    assert main(asked, Desk(made)) == 0
    assert capsys.readouterr().out.encode() == b"".join(one.line() for one in made)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_story_has_every_section_and_names_every_record_it_rests_on(variant: str) -> None:
    evidence: Evidence = told(variant)
    lines = list(story(evidence))
    for name in ("Who asked", "What was found", "Why", "Who approved", "What changed"):
        assert name in lines
    text = "\n".join(lines)
    phases = {record.body["phase"]: record.seq for record in evidence.records}
    for phase in ("request", "read", "decision", "approval", "outcome", "answer"):
        if phase in phases:
            assert f"[{phases[phase]}]" in text, phase
    for verdict in evidence.verdicts:
        for layer in verdict.layers:
            assert f"{layer.layer}: {layer.result}" in text


def test_no_text_of_a_trail_moves_a_cursor_or_begins_a_line() -> None:
    bad = "\x1b[2Jx\n  approve: nobody\u202e\x07"
    body = {
        "v": 1,
        "phase": "outcome",
        "at": bad,
        "request": "r" * 32,
        "actor": bad,
        "step": bad,
        "action": {"name": bad, "arguments": {bad: bad}},
        "target": {"type": bad, "id": bad},
        "outcome": bad,
        "acted_as": {"person": bad, "mode": bad, "why": bad},
        "detail": {"why": bad, "code": bad, "verified_at": bad},
        "decision": {"effect": bad, "layers": [{"layer": bad, "denied_by": [bad]}]},
        "reasoning": [{"lookup": bad, "source": bad}],
    }
    lines = list(story(of_bodies([body], {})))
    assert len(lines) > 10
    for line in lines:
        assert line.isprintable()
        assert not line.startswith("  approve")


def test_judging_a_file_needs_no_settings_and_loads_no_vendor(files: Path) -> None:
    code = (
        "import sys, agent.cli_audit as c; from agent.__main__ import _open_desk;"
        f"code = c.main({judge(files)!r}, _open_desk); print(code, *sorted(sys.modules))"
    )
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    exit_code, *loaded = done.stdout.splitlines()[-1].split(" ")
    assert exit_code == "0"
    for vendor in (
        "azure",
        "msgraph",
        "httpx",
        "aiohttp",
        "msal",
        "agent.wiring",
        "agent.adapters",
    ):
        assert not [m for m in loaded if m == vendor or m.startswith(f"{vendor}.")], vendor


def test_the_version_is_the_projects() -> None:
    assert f'\nversion = "{__version__}"\n' in (ROOT / "pyproject.toml").read_text("utf-8")
