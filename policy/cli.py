"""Rules on the command line: check them, test them, ask them.

Answers  `explain` one query or many, `lint` a folder, `test` every rule's own examples; the
         commands that have a module of their own say there what they answer.
Never    changes a rule, and never answers from rules that have a problem.
Rules    - exit 0: all well; 1: the rules have problems or a test fails; 2: wrong usage or query.
         - answers go to standard output, complaints to standard error.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from policy import cli_diff, cli_prove, cli_publish, cli_show, cli_simulate
from policy.decide import RuleSet, decide
from policy.desk import Desk, OpenDesk
from policy.explain import explain
from policy.lint import lint, remarks, run_examples
from policy.pack import PackRefused, load, survey
from policy.proposal import PublishRefused
from policy.query import Query

OK, FOUND, USAGE = 0, 1, 2


class QueryError(ValueError):
    """The query is not one that could be asked."""


def _no_desk(tenant: str, token_file: str | None) -> Desk:
    raise PublishRefused("no_desk", "expected to run as `python3 -m policy` to reach a tenant")


def main(arguments: Sequence[str], open_desk: OpenDesk = _no_desk) -> int:
    """Run one command; give its exit code."""
    asked = _parser().parse_args(arguments)
    asked.open_desk = open_desk
    try:
        return int(asked.run(asked))
    except PublishRefused as refused:
        print(f"refused: {refused}", *refused.problems, sep="\n", file=sys.stderr)
        return FOUND
    except PackRefused as refused:
        for problem in refused.problems:
            print(problem, file=sys.stderr)
        return FOUND
    except (QueryError, OSError) as refused:
        print(f"python3 -m policy: {refused}", file=sys.stderr)
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m policy",
        description="Check, test and ask policy rules. Exit 0 well, 1 problems found, 2 usage.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser(
        "explain", help="decide a query and say why", description=_explain.__doc__
    )
    one.add_argument("--rules", required=True, action="append", type=_folder, metavar="DIR")
    _takes_parameters(one)
    one.add_argument("--query", required=True, metavar="FILE|-", help="a JSON query; - is stdin")
    one.add_argument("--batch", action="store_true", help="one query a line, one answer a line")
    form = one.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the decision as JSON (the default)")
    form.add_argument("--human", action="store_true", help="sentences, with the nearest miss")
    one.set_defaults(run=_explain)
    for name, run in (("lint", _lint), ("test", _test)):
        other = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        other.add_argument("folders", nargs="+", type=_folder, metavar="DIR")
        _takes_parameters(other)
        other.add_argument("--json", action="store_true", help="print facts, not sentences")
        other.set_defaults(run=run)
    cli_prove.add_command(commands, _folder, _takes_parameters)
    cli_diff.add_command(commands, _folder, _takes_parameters)
    cli_publish.add_commands(commands, _folder, _takes_parameters)
    cli_show.add_command(commands)
    cli_simulate.add_command(commands, _folder, _takes_parameters)
    return parser


def _takes_parameters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--parameters",
        type=_parameters,
        default={},
        metavar="FILE",
        help="a JSON object: an id for each parameter of the packs",
    )


def _parameters(text: str) -> dict[str, str]:
    try:
        given = json.loads(Path(text).read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    except (OSError, ValueError, RecursionError) as wrong:
        raise argparse.ArgumentTypeError(f"`{text}`: {wrong}") from wrong
    if not isinstance(given, dict):
        raise argparse.ArgumentTypeError(f"`{text}`: expected a JSON object")
    return given


def _folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder of rule files, saw `{text}`")
    return folder


def _explain(asked: argparse.Namespace) -> int:
    """Decide what these rules say of a query: one JSON decision, or sentences."""
    rules = RuleSet.of(load(*asked.rules, parameters=asked.parameters))
    if asked.query == "-":
        return _answer(asked, rules, sys.stdin)
    with Path(asked.query).open(encoding="utf-8") as opened:
        return _answer(asked, rules, opened)


def _answer(asked: argparse.Namespace, rules: RuleSet, source: TextIO) -> int:
    for query in _queries(source, asked.batch):
        if asked.human:
            print(*explain(rules, query).sentences, sep="\n")
        else:
            said = decide(rules, query).model_dump(mode="json")
            print(json.dumps(said, indent=None if asked.batch else 2), flush=asked.batch)
    return OK


def _queries(source: TextIO, batch: bool) -> Iterator[Query]:
    texts = source if batch else [source.read()]
    for number, text in enumerate(texts, start=1):
        if batch and not text.strip():
            continue
        try:
            raw = json.loads(text, object_pairs_hook=_each_once)
            if not isinstance(raw, dict):
                raise QueryError(f"expected a JSON object, saw `{type(raw).__name__}`")
            yield Query.of(raw)
        except (ValueError, RecursionError) as wrong:
            where = f"query on line {number}" if batch else "query"
            raise QueryError(f"{where}: {wrong}") from wrong


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    facts = dict(pairs)
    if len(facts) != len(pairs):
        raise ValueError("expected every name once in an object, saw one twice")
    return facts


def _lint(asked: argparse.Namespace) -> int:
    """Check rule files: form, examples, provenance, vocabulary, sense; name every problem."""
    seen = survey(*asked.folders, parameters=asked.parameters)
    problems = seen.problems + lint(seen.placed)
    said = seen.remarks + remarks(seen.placed)
    if asked.json:
        told = {"problems": [asdict(p) for p in problems], "remarks": [asdict(r) for r in said]}
        print(json.dumps({"rules": len(seen.placed), **told}))
    else:
        for line in (*problems, *(f"remark: {remark}" for remark in said)):
            print(line)
        print(f"{len(seen.placed)} rules, {len(problems)} problems")
    return FOUND if problems else OK


def _test(asked: argparse.Namespace) -> int:
    """Run every rule's own examples."""
    results = [
        result
        for rule in load(*asked.folders, parameters=asked.parameters)
        for result in run_examples(rule)
    ]
    failed = [result for result in results if not result.holds]
    if asked.json:
        print(json.dumps({"run": len(results), "failed": [asdict(r) for r in failed]}))
    else:
        for result in failed:
            seen = result.error or f"saw applies: {json.dumps(result.seen)}"
            expected = json.dumps(result.expected)
            print(f"FAILED {result.rule}: {result.name}: expected applies: {expected}, {seen}")
        print(f"{len(results)} examples, {len(failed)} failed")
    return FOUND if failed else OK
