"""Rules that somebody wrote badly, or to do harm: each is named with its place, none is loaded."""

from pathlib import Path

import pytest

from policy.lint import lint
from policy.pack import PackRefused, load, read

GOOD = """\
schema: 1
id: a-rule
layer: action
effect: deny
when:
  action:
    ids: [mailbox.delegate.grant]
    families: [mailbox]
    risk_min: 1
    risk_max: 3
  target:
    tags_any: [finance]
reason: Closed.
remedy: Ask.
tests:
  - name: it is
    query: {action: {id: mailbox.delegate.grant, family: mailbox}, target: {tags: [finance]}}
    applies: true
  - name: it is not
    query: {action: {id: mailbox.delegate.grant, family: mailbox, risk: 2}, target: {tags: []}}
    applies: false
provenance: {author: ada, approver: grace, created_at: "2026-11-23T09:00:00Z", change: first}
"""
IDS = "ids: [mailbox.delegate.grant]"
TAGS = "    tags_any: [finance]\n"


def problems(folder: Path, text: str) -> list[str]:
    """Everything that reading and lint say of one file, each as `line: sentence; remedy`."""
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    placed, found = read(folder)
    return [f"{p.line}: {p.sentence}; {p.remedy}" for p in found + lint(placed)]


def test_the_rule_that_is_spoilt_below_is_a_good_one(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


# before, after, the line that is told, and what is said
MALFORMED = [
    ("effect: deny", "effect: allow", 4, "permit"),
    ("layer: action", "layer: [action]", 3, "`layer`"),
    ("schema: 1", "schema: 2", 1, "less than or equal to 1"),
    ("schema: 1", "schema: '1'", 1, "expected a whole number"),
    ("id: a-rule", "id: ../../etc/passwd", 2, "pattern"),
    ("id: a-rule", "id: " + "a" * 101, 2, "pattern"),
    ("id: a-rule", "id: Ä", 2, "pattern"),
    ("risk_min: 1", "risk_min: -1", 9, "greater than or equal to 0"),
    ("risk_min: 1", "risk_min: true", 9, "expected a whole number"),
    ("risk_min: 1", "risk_min: 1.5", 9, "expected a whole number"),
    ("risk_min: 1", "risk_min: 1e9", 9, "expected a whole number"),
    ("risk_min: 1", "risk_min: 99999999999999999", 9, "less than or equal to"),
    ("risk_min: 1", "risk_min: ~", 7, "saw nothing"),
    ("risk_min: 1", "risk_min: 3\n    reversible: yes", 10, "expected true or false"),
    (IDS, "ids: mailbox.delegate.grant", 7, "array"),
    (IDS, "ids: []", 7, "expected at least one"),
    (IDS, "ids: [{a: b}]", 7, "expected a text"),
    (IDS, "ids: ['']", 7, "at least 1 character"),
    (IDS, "ids: ['   ']", 7, "pattern"),
    (IDS, "ids: [" + ", ".join(["group.create"] * 1001) + "]", 7, "at most 1000"),
    ("tags_any:", "tag_any:", 12, "expected a name of the rule format"),
    ("  target:", "  targets:", 11, "expected a name of the rule format"),
    (TAGS, TAGS + "  weather: {sunny: true}\n", 13, "expected a name of the rule format"),
    ("reason: Closed.", "reason: " + "x" * 501, 13, "at most 500"),
    ("reason: Closed.", "reason: '  '", 13, "pattern"),
    ("reason: Closed.", "reason: Closed.\npriority: 1", 14, "expected a name of the rule format"),
    ("reason: Closed.", "reason: Closed.\nbaseline: true", 1, "`baseline` on a permit only"),
    ("reason: Closed.", "reason: Closed.\nunless: {}", 1, "exempts everything"),
    ("reason: Closed.", "reason: Closed.\nobligations: [{kind: justify}]", 1, "on a require"),
    ("effect: deny", "effect: require", 1, "obligations on a require"),
    (
        "effect: deny",
        "effect: require\nobligations: [{kind: bribe}]",
        5,
        "does not match any of the expected tags",
    ),
    (
        "effect: deny",
        "effect: require\nobligations: [{kind: approval, by: 'group:admins', expires_after: PT1H}]",
        5,
        "pattern",
    ),
    (
        "effect: deny",
        "effect: require\nobligations: [{kind: time_bound, max: P1M}]",
        5,
        "expected a duration",
    ),
    ("reason: Closed.", "reason: Closed.\nvalid_from: tomorrow", 14, "datetime"),
    ("reason: Closed.", "reason: Closed.\nvalid_from: '2026-11-23T09:00:00'", 14, "timezone"),
    ("applies: true", "applies: 1", 18, "expected true or false"),
    ("applies: true", "applies: maybe", 18, "expected true or false"),
]
YAML_TRICKS = [
    ("reason: Closed.", "reason: !!python/object/apply:os.system [ls]", 13, "constructor"),
    ("reason: Closed.", "reason: !include /etc/passwd", 13, "constructor"),
    ("reason: Closed.", "reason: !!binary aGVsbG8=", 13, "constructor"),
    ("reason: Closed.", "reason: &a Closed.", 13, "no anchors"),
    ("remedy: Ask.", "<<: *everything", 14, "no anchors"),
    ("remedy: Ask.", "reason: Open.", 14, "a name that is not there yet"),
    ("remedy: Ask.", "? {a: b}\n: c", 14, "a name that is not there yet"),
    ("remedy: Ask.", "remedy: Ask.\n---\nschema: 1", 15, "another document"),
    ("remedy: Ask.", "remedy: {" + "a: {" * 30 + "}" * 31, 14, "20 levels"),
    ("remedy: Ask.", "remedy: \x07", 1, "not allowed"),
    ("remedy: Ask.", "remedy: 'Ask", 23, "end of stream"),
    ("remedy: Ask.", "remedy: [Ask", 15, "expected ',' or ']'"),
    ("remedy: Ask.", "\tremedy: Ask.", 14, "token"),
]
WORDS = [
    (IDS, "ids: [mailbox.delegat.grant]", 7, "did you mean `mailbox.delegate.grant`?"),
    (IDS, "ids: [Mailbox.Delegate.Grant, everything]", 7, "saw `everything`"),
    (IDS, "ids: ['mailbox.*']", 7, "saw `mailbox.*`"),
    ("families: [mailbox]", "families: [mailbox, mailboxes]", 8, "did you mean `mailbox`?"),
    (TAGS, TAGS + "    types: [mailbox, mail box]\n", 13, "did you mean `mailbox`?"),
    (TAGS, TAGS + "    subject: myself\n", 13, "did you mean `self`?"),
    (TAGS, TAGS + "  runtime: {channels: [teams, email]}\n", 13, "one of http, teams"),
    (TAGS, TAGS + "  requester: {kinds: [members]}\n", 13, "did you mean `member`?"),
    (TAGS, TAGS + "  requester: {flags_any: [at-risk]}\n", 13, "did you mean `at_risk`?"),
    (TAGS, TAGS + "  requester: {flags_none: [risky]}\n", 13, "expected one of at_risk"),
    (TAGS, TAGS + "  requester: {groups_none: [it-admins]}\n", 13, "object id"),
    (
        TAGS,
        TAGS + "  requester: {roles_any: [Exchange Admin]}\n",
        13,
        "did you mean `Exchange Administrator`?",
    ),
    (TAGS, TAGS + "  requester: {roles_none: [role 17]}\n", 13, "`role <template id>`"),
    (
        TAGS,
        TAGS + "  requester: {roles_any: [29232cdf-9323-42fd-ade2-1d097af3e4de]}\n",
        13,
        "`role <template id>`",
    ),
    (TAGS, TAGS + "  plan: {actions_any: [group.member.ad]}\n", 13, "`group.member.add`?"),
    (TAGS, TAGS + "  plan: {before_none: [mailbox.convert-shared]}\n", 13, "convert_shared`?"),
    ("risk_min: 1", "effects_any: [grant_access]", 9, "did you mean `grants_access`?"),
    ("risk_min: 1", "effects_none: [mischief]", 9, "expected one of grants_access"),
    ("reason: Closed.", "reason: Closed.\nunless: {action: {ids: [mail.frob]}}", 14, "mail.frob"),
    ("{id: mailbox.delegate.grant, family: mailbox, risk: 2}, target: {tags: []}}",
     "{id: mailbox.grant, family: mailbox}, target: {tags: []}}", 19, "`action.id`: expected"),
    ("risk: 2}, target: {tags: []}}", "risk: 1}, target: {tags: []}}", 19, "expected `2` of"),
    ("risk: 2}, target: {tags: []}}", "effects: []}, target: {tags: []}}", 19, "grants_access of"),
    ("target: {tags: []}}", "target: {tags: [], type: mail}}", 19, "`target.type`: expected"),
    ("target: {tags: []}}", "target: {tags: [], typ: mailbox}}", 19, "unknown fact"),
    (
        "target: {tags: []}}",
        "target: {tags: []}, requester: {roles: [Boss]}}",
        19,
        "`requester.roles`: expected a known word",
    ),
]  # fmt: skip
CONTRADICTIONS = [
    ("families: [mailbox]", "families: [device]", 7, "no action of the catalogue matches"),
    ("risk_max: 3", "risk_max: 1", 7, "no action of the catalogue matches"),
    ("risk_min: 1", "reversible: false", 7, "no action of the catalogue matches"),
    ("risk_min: 1", "effects_any: [destroys]", 7, "no action of the catalogue matches"),
    ("risk_min: 1", "effects_none: [grants_access]", 7, "no action of the catalogue matches"),
    ("risk_min: 1", "risk_min: 4", 7, "risk_min <= risk_max"),
    (TAGS, TAGS + "    types: [device]\n", 7, "no action of the catalogue matches"),
    (IDS, "ids: [mailbox.delegate.grant, device.wipe]", 7, "`device.wipe` never matches"),
    ("families: [mailbox]", "families: [mailbox, device]", 8, "`device` never matches"),
    (TAGS, TAGS + "    types: [mailbox, device]\n", 13, "`device` never matches"),
    (TAGS, TAGS + "    tags_none: [Finance, secret]\n", 12, "never be true together"),
    (
        TAGS,
        TAGS + "  requester: {roles_any: [Reports Reader], roles_none: [reports reader]}\n",
        13,
        "never be true together",
    ),
    (TAGS, TAGS + "  plan: {actions_none: [mailbox.delegate.grant]}\n", 7, "no action of"),
    (
        TAGS,
        TAGS + "  plan: {before_any: [group.create], actions_none: [group.create]}\n",
        13,
        "it can never be true together with `plan.",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nunless: {target: {tags_any: [finance, sales]}}",
        14,
        "exempts everything",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nunless: {action: {families: [device]}}",
        14,
        "never be true where `when` is",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nunless: {target: {tags_none: [finance]}}",
        14,
        "never be true where `when` is",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nunless: {action: {ids: [device.wipe], families: [mailbox]}}",
        14,
        "no action of the catalogue matches",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nvalid_until: '2026-11-22T00:00:00Z'",
        14,
        "over when it was written",
    ),
    (
        "reason: Closed.",
        "reason: Closed.\nvalid_from: '2027-01-02T00:00:00Z'\nvalid_until: '2027-01-01T00:00:00Z'",
        1,
        "valid_from before valid_until",
    ),
]
EVERYTHING = [*MALFORMED, *YAML_TRICKS, *WORDS, *CONTRADICTIONS]


@pytest.mark.parametrize(("before", "after", "line", "complaint"), EVERYTHING)
def test_a_bad_rule_is_named_with_its_line_and_a_remedy(
    tmp_path: Path, before: str, after: str, line: int, complaint: str
) -> None:
    assert before in GOOD
    found = problems(tmp_path, GOOD.replace(before, after, 1))
    assert any(one.startswith(f"{line}: ") and complaint in one for one in found), found
    assert all(one.partition("; ")[2] for one in found)


@pytest.mark.parametrize(("before", "after", "line", "complaint"), [*MALFORMED, *YAML_TRICKS])
def test_nothing_beside_a_malformed_rule_is_loaded(
    tmp_path: Path, before: str, after: str, line: int, complaint: str
) -> None:
    (tmp_path / "fine.yaml").write_text(GOOD.replace("id: a-rule", "id: fine"), encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(GOOD.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(PackRefused) as refused:
        load(tmp_path)
    assert {problem.file for problem in refused.value.problems} == {str(tmp_path / "bad.yaml")}


def test_a_rule_too_long_for_its_column_is_a_problem(tmp_path: Path) -> None:
    words = ", ".join(f"tag-{number}-{'x' * 60}" for number in range(600))
    found = problems(tmp_path, GOOD.replace("[finance]\n", f"[finance, {words}]\n", 1))
    assert len(found) == 1
    assert "expected a rule of at most 32000 characters" in found[0]


def test_all_problems_of_all_files_are_named_in_one_run(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(GOOD.replace("[mailbox]", "[mailbx]"), encoding="utf-8")
    (tmp_path / "two.yaml").write_text("- 3\n- {}\n", encoding="utf-8")
    (tmp_path / "three.yaml").write_text(GOOD.replace("a-rule", "b").replace("remedy: Ask.\n", ""))
    placed, found = read(tmp_path)
    said = [(Path(p.file).stem, p.sentence) for p in found + lint(placed)]
    assert len([file for file, _ in said if file == "two"]) >= 2
    assert any(file == "one" and "mailbx" in sentence for file, sentence in said)
    assert any(file == "three" and "remedy" in sentence for file, sentence in said)


def test_two_rules_of_one_pack_that_decide_the_same_are_ambiguous(tmp_path: Path) -> None:
    again = (
        GOOD.replace("id: a-rule", "id: b-rule")
        .replace("reason: Closed.", "reason: In other words.")
        .replace("ids: [mailbox.delegate.grant]", "ids: [MAILBOX.delegate.grant]")
    )
    (tmp_path / "b.yaml").write_text(again, encoding="utf-8")
    found = problems(tmp_path, GOOD.replace("id: a-rule", "id: c-rule"))
    assert len(found) == 1
    assert "says the same as `b-rule`" in found[0]
    other = again.replace("[finance]", "[sales]")
    (tmp_path / "b.yaml").write_text(other, encoding="utf-8")
    assert problems(tmp_path, GOOD) == []


def test_a_name_with_a_lookalike_letter_is_not_the_word(tmp_path: Path) -> None:
    cyrillic = GOOD.replace("families: [mailbox]", "families: [mailb\u043ex]")
    assert any("did you mean `mailbox`?" in one for one in problems(tmp_path, cyrillic))
