"""The documents say what is: regions, links, paths, commands, and nothing of one machine."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local import docs, named_tests
from local.__main__ import COMMANDS
from local.setup import ROOT

DOCUMENTS = docs.documents()
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)\s#]*)(#[\w-]+)?\)")
HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([\w-]+)"></a>')
CODE = re.compile(r"`([^`\n]+)`")
OURS = re.compile(r"(?:agent|policy|local|tests|docs)/[\w/.*-]*|[\w.-]+\.(?:py|md|toml|json)")
TYPED = re.compile(r"python3 -m (local(?:\.\w+)?|policy|agent)\b((?: \w+(?: \|)?)*)")

# A path of one machine or the host of a registry has no place in what is published; nor has, other
# than in code and its tests, a folder for throw-away files or an address of a private network.
MACHINE = re.compile(
    r"(?<![\w.{}$-])/(?:work|root|mnt|Users|private/var)/\w"
    r"|(?<![\w.{}$-])/home/(?!site\b)\w"
    r"|registry\.npmjs|npmmirror|files\.pythonhosted|\bpypi\.org|artifactory|\bnexus\."
)
PASSING = re.compile(r"(?<![\w.{}$-])/tmp/\w|\b10\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\b192\.168\.\d")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def published() -> Iterator[Path]:
    """Every text file that git knows, or would know with the next commit."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("expected a git checkout, saw none")
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__).resolve():
            yield path


def anchors(text: str) -> set[str]:
    """The places in a document that a link may name, as they are made of headings."""
    titles = (re.sub(r"[^\w\s-]", "", title.lower()) for title in HEADING.findall(text))
    return {re.sub(r"\s", "-", title.strip()) for title in titles} | set(ANCHOR.findall(text))


def test_documents_and_code_agree() -> None:
    assert docs.problems() == []


def test_a_stale_region_is_filled_and_then_left_alone() -> None:
    stale = "before\n<!-- generated:scopes -->\nold\n<!-- /generated -->\nafter\n"
    fresh = docs.filled(stale)
    assert fresh != stale
    assert fresh.startswith("before\n")
    assert fresh.endswith("after\n")
    assert "`GroupMember.ReadWrite.All`" in fresh
    assert docs.filled(fresh) == fresh


@pytest.mark.parametrize(
    "text",
    [
        "<!-- generated:nothing-of-the-kind -->\n<!-- /generated -->\n",
        "<!-- generated:scopes -->\nnever closed\n",
        "<!-- generated:scopes --> in a line <!-- /generated -->\n",
    ],
)
def test_a_region_that_cannot_be_filled_is_an_error(text: str) -> None:
    with pytest.raises(docs.DocsError):
        docs.filled(text)


def test_every_region_that_can_be_made_is_used_once() -> None:
    used = [n for p in DOCUMENTS for n in re.findall(r"<!-- generated:([\w-]+) -->", p.read_text())]
    assert sorted(used) == sorted(docs.REGIONS)


@pytest.mark.parametrize("named", ["tests/laws/test_warrant.py", "test_warrant", "test_warrant.py"])
def test_a_test_is_known_by_its_file(named: str) -> None:
    assert named_tests.is_there(named)
    assert named_tests.is_there(f"{named}::test_a_warrant_works_once")
    assert not named_tests.is_there(f"{named}::test_a_warrant_works_twice")


def test_a_test_that_does_not_exist_is_not_there() -> None:
    assert named_tests.is_there("test_a_warrant_works_once")
    assert not named_tests.is_there("test_a_warrant")
    assert not named_tests.is_there("tests/policy/test_warrant.py")


def test_every_invariant_comment_is_found_with_the_lines_that_go_on() -> None:
    found = list(named_tests.invariant_comments())
    written = [
        line
        for folder in ("agent", "policy", "local")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
        for line in path.read_text("utf-8").splitlines()
        if line.lstrip().startswith("# INVARIANT:")
    ]
    assert len(found) == len(written) > 10
    admitted = [said for place, said in found if said.startswith("this insert alone decides")]
    assert named_tests.tests_named(admitted[0]) == [
        "test_of_twenty_admissions_at_once_exactly_one_is_new"
    ]


def test_ten_invariants_each_have_a_test_and_a_name() -> None:
    listed = yaml.safe_load((ROOT / "docs" / "invariants.yaml").read_text("utf-8"))
    assert len(listed) == 10
    assert all(one["tests"] and one["promise"] for one in listed)
    assert len({one["name"] for one in listed}) == 10


@pytest.mark.parametrize("path", DOCUMENTS, ids=place)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for to, anchor in LINK.findall(text):
        target = (path.parent / to).resolve() if to else path
        assert target.exists(), f"expected {to} to exist"
        if anchor:
            assert anchor[1:] in anchors(target.read_text("utf-8")), f"no place {to}{anchor}"


def test_the_code_map_names_every_module_of_the_product() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    table = text.partition("## Code map")[2].partition("\n## ")[0]
    modules = {path.name for path in (ROOT / "agent").glob("[!_]*.py")}
    assert modules - {Path(written).name for written in CODE.findall(table)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=place)
def test_every_path_in_code_marks_is_there(path: Path) -> None:
    bases = [ROOT, ROOT / "agent", ROOT / "agent" / "channels", path.parent]
    for written in CODE.findall(path.read_text("utf-8")):
        named = written.partition("::")[0]
        if not OURS.fullmatch(named) or "/x.py" in named:
            continue
        assert any(list(base.glob(named)) for base in bases), f"expected `{named}` to exist"


@pytest.fixture(scope="module")
def commands() -> dict[str, set[str]]:
    """The commands of each module that has some."""
    known = {"local": set(COMMANDS)}
    for module in ("policy", "agent"):
        asked = [sys.executable, "-m", module, "--help"]
        told = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        known[module] = {line.split()[0] for line in told.splitlines() if line.startswith("    ")}
    return known


@pytest.mark.parametrize("path", DOCUMENTS, ids=place)
def test_every_command_is_one_that_can_be_typed(path: Path, commands: dict[str, set[str]]) -> None:
    for module, words in TYPED.findall(path.read_text("utf-8")):
        if module in commands:
            named = {part.split()[0] for part in words.split("|") if part.split()}
            assert named <= commands[module]
        else:
            assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_nothing_of_a_machine_or_a_registry_is_published() -> None:
    found = []
    for path in published():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        hits = [*MACHINE.finditer(text), *(PASSING.finditer(text) if path.suffix != ".py" else ())]
        found += [f"{place(path)}: {hit.group()}" for hit in hits]
    assert found == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        place(path)
        for folder in ("agent", "policy", "local")
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
        and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []
