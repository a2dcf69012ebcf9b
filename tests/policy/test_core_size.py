"""The decision core stays small enough to be read in an hour.

What a decision means (facts, questions, conditions, rules, obligations, the six layers) is held to
800 lines. What makes it fast and what retells it come on top, each held to what it has: the index
may be wrong only in ways that the equality tests, Cedar and the mutants would have to miss.
"""

import ast
import io
import tokenize
from pathlib import Path

import pytest

POLICY = Path(__file__).parents[2] / "policy"
MEANING = ("facts", "query", "conditions/*", "rule", "obligations", "decide")
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """Count lines that hold code: none of blank lines, comments and docstrings do."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code)


@pytest.mark.parametrize(
    ("modules", "most"),
    [(MEANING, 800), (("engine",), 162), (("reference",), 20), (("explain",), 82)],
)
def test_the_decision_core_is_no_longer_than_this(modules: tuple[str, ...], most: int) -> None:
    files = [file for name in modules for file in sorted(POLICY.glob(f"{name}.py"))]
    assert len(files) >= len(modules)
    counted = {file.stem: code_lines(file.read_text(encoding="utf-8")) for file in files}
    assert sum(counted.values()) <= most, counted


def test_only_code_is_counted() -> None:
    code = 'x = (\n    1,\n)  # so\n\n\ndef f() -> str:\n    """Say."""\n    return """a\nb"""\n'
    source = f'"""Doc."""\n\n# why\n{code}'
    assert code_lines(source) == 6
