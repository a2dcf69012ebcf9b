"""The teller of the demo: it hides no broken promise, and no name can play with the terminal."""

import io

import pytest
from rich.console import Console

from local.demo.exhibits import Check, Direction, Speech
from local.demo.ink import console, entry, ink
from local.demo.play import Variant
from local.demo.story import Outcome, Teller
from local.demo.variants import VARIANTS, chosen

PLAYED = Variant("x", "A story", "it ends well", "by looking", lambda _: [])


def told(*, terminal: bool = False) -> tuple[Teller, io.StringIO]:
    out = io.StringIO()
    if terminal:
        return Teller(Console(file=out, force_terminal=True, width=100, markup=False)), out
    return Teller(console(out)), out


@pytest.mark.parametrize(
    "name", ["\x1b[2Jgone", "a\rb", "bell\x07", "\u202eright to left", "\x9b31m", "zero\u200bwidth"]
)
def test_control_characters_are_shown_and_never_sent(name: str) -> None:
    out = io.StringIO()
    console(out).print(entry(name, ink(name)))
    sent = out.getvalue()
    assert not [ch for ch in sent if ch in "\x1b\r\x07\u202e\x9b\u200b"]
    assert f"\\u{{{ord(next(c for c in name if not c.isprintable())):x}}}" in sent


def test_a_persons_name_from_the_directory_cannot_colour_the_terminal() -> None:
    teller, out = told(terminal=True)
    teller.meet({"1": {"name": "\x1b[31mred", "title": "\x1b]0;title\x07", "department": None}})
    teller(Speech("1", "[bold]hello[/bold] :smile:"))
    sent = out.getvalue()
    assert "\x1b[31m" not in sent
    assert "\x1b]0;" not in sent
    assert "[bold]hello[/bold] :smile:" in sent


def test_a_broken_promise_shows_what_was_expected_and_what_was_seen() -> None:
    teller, out = told()
    broken = Check("Ian is a member of Finance", "no", "yes")
    outcome = Outcome(PLAYED, [broken], 0.1)
    teller.verdict(outcome)
    teller.summary([outcome], [], 1.0)
    assert not outcome.ok
    for word in ("NOT KEPT", "expected  no", "seen      yes", "BROKEN", "0 of 1 variants"):
        assert word in out.getvalue()


def test_a_story_that_cannot_be_played_is_not_kept() -> None:
    teller, out = told()
    outcome = Outcome(PLAYED, [], 0.1, trouble="the host did not answer")
    teller.verdict(outcome)
    assert not outcome.ok
    assert "the host did not answer" in out.getvalue()


def test_without_a_single_check_nothing_counts_as_kept() -> None:
    assert not Outcome(PLAYED, [], 0.1).ok


def test_a_file_gets_no_colours_and_no_blanks_at_the_end_of_lines() -> None:
    teller, out = told()
    teller.opening()
    teller.heading(VARIANTS[0])
    teller(Direction("An hour passes."))
    lines = out.getvalue().splitlines()
    assert "\x1b" not in out.getvalue()
    assert [line for line in lines if line != line.rstrip()] == []
    assert max(len(line) for line in lines) <= 100


def test_a_letter_chooses_all_variants_that_begin_with_it() -> None:
    assert [v.letter for v in chosen("c, f2")] == ["c1", "c2", "c3", "f2"]
    assert chosen(None) == list(VARIANTS)


@pytest.mark.parametrize("only", ["z", "a,z", "", ",", "c9"])
def test_a_variant_that_does_not_exist_is_refused_by_name(only: str) -> None:
    with pytest.raises(ValueError, match="expected some of a, b"):
        chosen(only)
