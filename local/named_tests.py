"""Which tests do the documents and the code name, and are they there?

A test is named by its file (`tests/laws/test_warrant.py`, `test_warrant.py`), by itself
(`test_a_warrant_works_once`), or by both with `::` between. Reads sources; runs nothing.

Rules:
- a comment goes on over the comment lines that follow it at once;
- a name that fits nothing under `tests/` is not there, however close it comes.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache

from local.setup import ROOT

_NAMED = re.compile(r"(?:tests/(?:\w+/)*)?\btest_\w+(?:\.py)?(?:::\w+)?")
_MARK = "# INVARIANT:"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def tests_named(text: str) -> list[str]:
    """Return the tests that a text names."""
    return _NAMED.findall(text)


def is_there(named: str) -> bool:
    """Whether such a test exists."""
    file, _, function = named.partition("::")
    wanted = f"{file.removesuffix('.py')}.py"
    files = [p for p in existing() if p == wanted or p.endswith(f"/{wanted}")]
    if function:
        return any(function in existing()[path] for path in files)
    return bool(files) or any(file in names for names in existing().values())


@cache
def existing() -> Mapping[str, frozenset[str]]:
    """The names of the tests in every test file, by its path."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        names = (node.name for node in nodes if isinstance(node, _FUNCTIONS))
        place = path.relative_to(ROOT).as_posix()
        found[place] = frozenset(name for name in names if name.startswith("test_"))
    return found


def invariant_comments() -> Iterator[tuple[str, str]]:
    """Yield every `# INVARIANT:` comment: its module and what it says, joined to one line."""
    for folder in ("agent", "policy", "local"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                place = path.relative_to(ROOT).as_posix()
                yield from ((place, said) for said in _said(path.read_text("utf-8")))


def _said(source: str) -> Iterator[str]:
    """Yield what each marked comment of a module says."""
    said: str | None = None
    for line in map(str.strip, source.splitlines()):
        if said is not None and (_MARK in line or not line.startswith("# ")):
            yield said
            said = None
        if line.startswith(_MARK):
            said = line.removeprefix(_MARK).strip()
        elif said is not None:
            said = f"{said} {line.removeprefix('# ')}"
