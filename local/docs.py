"""Do the documents still say what the code says? `python3 -m local.docs [--check]` answers.

Fills the marked regions of the Markdown files from the registries, settings, routes, commands and
contracts themselves, and looks whether every test that is named somewhere is there.

Rules:
- a region stands between `<!-- generated:NAME -->` and `<!-- /generated -->`, each on a line of its
  own; what is between belongs to this program, all else to people;
- nothing is in a region that some code or `docs/invariants.yaml` does not say;
- a `# INVARIANT:` comment names at least one test, and every named test exists;
- `--check` changes no file; exit 1 when something is stale or missing.
"""

import argparse
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from agent import boot, settings
from agent.actions import ACTIONS, Action
from agent.activities import Activities
from agent.calls import ANSWER, ASSESS, EXECUTE
from agent.channels import health
from agent.channels.http import HANDLERS
from agent.lookups import LOOKUPS
from agent.wiring import graph_scopes
from local import pack_docs
from local.__main__ import COMMANDS
from local.named_tests import invariant_comments, is_there, tests_named
from local.setup import ROOT

_REGION = re.compile(
    r"(?P<begin><!-- generated:(?P<name>[\w-]+) -->\n).*?(?P<end><!-- /generated -->)", re.DOTALL
)
_SETTING = re.compile(r"^  ([A-Z][A-Z_]+) {2,}(\S.*)$", re.MULTILINE)
_COMMAND = re.compile(r"^    (\w+) {2,}(\S.*)$", re.MULTILINE)
_METHODS = ("GET /", "POST /", "PUT /", "DELETE /")  # a handler's docstring names its call first
_RISKS = ("harmless", "ordinary", "sensitive", "dangerous")


class DocsError(Exception):
    """The code does not say what a document should; the message names what is missing."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in cells]


def meaning(thing: object) -> str:
    """Return the first sentence of a docstring, without line breaks."""
    said = (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")
    if not said:
        raise DocsError(f"{thing!r}: expected a docstring, saw none")
    return cell(said.split(": ", 1)[1] if said.startswith(_METHODS) else said)


def cell(sentence: str) -> str:
    """Return a sentence as it stands in a table: a capital in front, no full stop behind."""
    return sentence[:1].upper() + sentence[1:].rstrip(".")


def code(names: Sequence[str]) -> str:
    """Return names as code, comma between."""
    return ", ".join(f"`{name}`" for name in names)


def actions() -> list[str]:
    """Every action that is registered: what it does, what it takes to be allowed by Microsoft."""
    rows = [
        (
            f"`{kind.name}`",
            meaning(kind),
            kind.family,
            f"{kind.risk} {_RISKS[kind.risk]}",
            "yes" if kind.reversible else "no",
            _who_may(kind),
            code(sorted(kind.needs.scopes)),
        )
        for kind in ACTIONS
    ]
    head = ("action", "what it does", "family", "risk", "undo", "whose token can", "scopes")
    return table(head, rows)


def _who_may(kind: type[Action[Any]]) -> str:
    owner = ["the target's owner"] if kind.needs.owner_of_target else []
    return ", ".join(owner + sorted(kind.needs.roles_any))


def lookups() -> list[str]:
    """Every lookup that is registered."""
    rows = [
        (
            f"`{kind.name}`",
            meaning(kind),
            f"`{kind.source}`",
            code(sorted(kind.scopes)),
            "a sponsor" if kind.as_sponsor else "the acting person",
        )
        for kind in LOOKUPS
    ]
    return table(("lookup", "answers", "Graph", "scopes", "read as"), rows)


def scopes() -> list[str]:
    """The delegated scopes that all of it needs."""
    return [code([scope.rsplit("/", 1)[-1] for scope in graph_scopes()])]


def settings_table() -> list[str]:
    """Every setting, as the module that reads them explains it."""
    said = dict(_SETTING.findall(settings.__doc__ or ""))
    known = {f.name.upper(): f for f in fields(settings.Settings)}
    if said.keys() != known.keys():
        wrong = ", ".join(sorted(said.keys() ^ known.keys()))
        raise DocsError(
            f"agent.settings: field and explanation expected for each, saw one: {wrong}"
        )
    rows = [
        (
            f"`{name}`",
            "yes" if field.default is MISSING and field.default_factory is MISSING else "no",
            cell(said[name]),
        )
        for name, field in known.items()
    ]
    return table(("setting", "needed", "meaning"), rows)


def api() -> list[str]:
    """Every HTTP call that is routed, by what its handler says of itself."""
    rows = [
        (f"`{method} /api/{route}`", meaning(HANDLERS[name])) for name, route, method in boot.ROUTES
    ]
    return table(("call", "does"), [*rows, ("`GET /api/health`", meaning(health.check))])


def commands() -> list[str]:
    """Every command that a person may type."""
    rows = [(f"`python3 -m local {name}`", cell(what)) for name, what in COMMANDS.items()]
    asked = [sys.executable, "-m", "policy", "--help"]
    told = subprocess.run(
        asked, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ | _WIDE
    ).stdout
    rows += [(f"`python3 -m policy {name}`", cell(what)) for name, what in _COMMAND.findall(told)]
    return table(("command", "does"), rows)


_WIDE = {"COLUMNS": "200"}  # argparse breaks its lines by the width of the terminal


def hops() -> list[str]:
    """What crosses the seam between the run and the world: stored by Durable in the clear."""
    rows = [
        (
            f"`{call.name}`",
            meaning(getattr(Activities, call.name)),
            code(list(call.takes.model_fields)),
            code(list(call.gives.model_fields)),
        )
        for call in (ASSESS, EXECUTE, ANSWER)
    ]
    return table(("activity", "does", "takes", "gives"), rows)


def layers() -> list[str]:
    """Who may import whom, as the linter is told."""
    linted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    sentences = [f"- {contract['name']}" for contract in linted["contracts"]]
    (order,) = (c["layers"] for c in linted["contracts"] if c["type"] == "layers")
    return [*sentences, "", "```", *order, "```"]


def invariants() -> list[str]:
    """What a user may rely on, each with the tests that fail when it is broken."""
    listed = yaml.safe_load((ROOT / "docs" / "invariants.yaml").read_text("utf-8"))
    lines = []
    for number, one in enumerate(listed, 1):
        lines += [f"{number}. **{one['name']}** {one['promise']}"]
        lines += [f"    - `{test}`" for test in one["tests"]]  # under `10.` too
    return lines


def marked() -> list[str]:
    """Where the product's code says that an invariant is held just there."""
    rows = [
        (f"`{path}`", said) for path, said in invariant_comments() if not path.startswith("local/")
    ]
    return table(("module", "`# INVARIANT:`"), rows)


def made_table(made: Callable[[], pack_docs.Table]) -> list[str]:
    """A table about the shipped rules."""
    return table(*made())


REGIONS: Mapping[str, Callable[[], list[str]]] = {
    "actions": actions,
    "lookups": lookups,
    "scopes": scopes,
    "settings": settings_table,
    "api": api,
    "commands": commands,
    "hops": hops,
    "layers": layers,
    "invariants": invariants,
    "marked": marked,
    **{name: partial(made_table, made) for name, made in pack_docs.TABLES.items()},
}


def documents() -> list[Path]:
    """The Markdown files of the project itself."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def filled(text: str) -> str:
    """Return a document with every region as the code has it now. Raises DocsError."""
    if text.count("<!-- generated:") != len(_REGION.findall(text)):
        raise DocsError("expected every region to be closed by <!-- /generated --> on its own line")
    return _REGION.sub(lambda m: m["begin"] + _lines(m["name"]) + m["end"], text)


@cache
def _lines(region: str) -> str:
    if region not in REGIONS:
        raise DocsError(f"expected a region of {', '.join(REGIONS)}, saw `{region}`")
    return "\n".join(["", *REGIONS[region](), "", ""])


def problems() -> list[str]:
    """Everything that is stale or missing, a sentence each."""
    found = []
    for path in documents():
        place, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        if filled(text) != text:
            found.append(f"{place}: a generated region is stale: run `python3 -m local.docs`")
        found += [f"{place}: no such test: {t}" for t in tests_named(text) if not is_there(t)]
    for place, said in invariant_comments():
        named = tests_named(said)
        found += [f"{place}: no such test: {t}" for t in named if not is_there(t)]
        if not named:
            found.append(f"{place}: expected the name of a test in `# INVARIANT: {said}`")
    return sorted(set(found))


def main(arguments: Sequence[str]) -> int:
    """0 when the documents and the code agree."""
    parser = argparse.ArgumentParser(prog="python3 -m local.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only tell")
    options = parser.parse_args(arguments)
    try:
        if not options.check:
            for path in documents():
                path.write_text(filled(path.read_text("utf-8")), "utf-8")
        found = problems()
    except DocsError as fault:
        found = [str(fault)]
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
