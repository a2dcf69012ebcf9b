"""The evidence page: what a person needs is on it, it stands alone, and anybody can read it."""

import hashlib
import re
from base64 import b64encode
from itertools import pairwise

import pytest

from agent.audit.export.evidence import Signature
from agent.audit.export.page import page
from agent.audit.export.style import DARK, LIGHT
from tests.unit.evidence_cases import VARIANTS, told
from tests.unit.html_reader import read

SIGNATURE = Signature(kid="audit-key-1", value="c2lnbmF0dXJl")


@pytest.mark.parametrize(
    ("variant", "sentences"),
    [
        (
            "granted",
            (
                "add Freya Holm to Finance",
                "Freya Holm 3bada4c5 asked over http.",
                "About to add Freya Holm to Finance, with the token of Nadia Petrov 855af681 "
                "(sponsor).",
                "done before not a member, after a member.",
                "The request ended: done",
                "department permit permitted by department-members-join-groups",
                "Digest of what was seen",
            ),
        ),
        (
            "approved",
            (
                "Olga Brandt b376a909 asked to approve, until 24 Nov 2026, 06:11:13 UTC.",
                "Olga Brandt b376a909 said approve",
                "approval by resource owner (1 needed, before the change, within 8 hours)",
                "more asked by department-others-need-the-owner",
                "owns the target",
            ),
        ),
        (
            "undone",
            (
                "Undo: remove Luca Rossi from Operations",
                "Not permitted, read back: the approval expired unanswered",
                "Nobody said yes or no.",
                "The request ended: undone",
            ),
        ),
        (
            "refused",
            (
                "Nothing was changed, and nothing was about to be.",
                "Why it was not permitted",
                "runtime deny denied by runtime-account-at-risk runtime-risky-sign-in",
                "The request ended: refused",
            ),
        ),
        (
            "escalated",
            (
                "It failed, not read back: forbidden: expected a 2xx from Graph",
                "Changed back, read back.",
                "Handed to Helen Cho 730a8660, ticket T-41487d0e8b.",
            ),
        ),
    ],
)
def test_a_page_tells_its_story(variant: str, sentences: tuple[str, ...]) -> None:
    words = read(page(told(variant), SIGNATURE)).words
    for sentence in sentences:
        assert sentence in words


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_page_has_every_record_with_its_hash_and_word_for_word(variant: str) -> None:
    evidence = told(variant)
    seen = read(page(evidence))
    for record in evidence.records:
        assert f"{record.seq} {record.hash} {record.prev}" in seen.words
        assert any(f'"hash":"{record.hash}"' in text for text in seen.texts)


def test_a_flaw_is_an_alarm_on_the_page() -> None:
    evidence = told("granted").model_copy(update={"flaws": ("record 4 does not fit its hash",)})
    assert "These records do not hold together: record 4" in read(page(evidence)).words


def test_without_a_signature_the_page_says_so_and_with_one_it_names_the_key() -> None:
    evidence = told("granted")
    assert "no signature" in read(page(evidence)).words
    assert "ES256, key audit-key-1" in read(page(evidence, SIGNATURE)).words


def test_what_the_caller_added_is_on_the_page_as_it_is() -> None:
    added = {"microsoft": ({"id": "Directory_1"},), "checkpoint": {"root": "r1"}, "inclusion": [7]}
    words = read(page(told("approved", **added))).words
    for expected in ("Microsoft's own record", '{"id":"Directory_1"}', '{"root":"r1"}', "[7]"):
        assert expected in words


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_page_stands_alone(variant: str) -> None:
    whole = page(told(variant), SIGNATURE)
    seen = read(whole)
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(seen.tags)
    assert not {"src", "href", "style", "action", "srcset"} & seen.attribute_names
    (style,) = re.findall(r"<style>(.*?)</style>", whole, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [a["content"] for a in seen.attributes if a.get("http-equiv")]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_page_can_be_heard_as_well_as_seen(variant: str) -> None:
    seen = read(page(told(variant), SIGNATURE))
    assert seen.tags[0] == "html"
    assert seen.attributes[0]["lang"] == "en"
    assert seen.tags.count("h1") == seen.tags.count("main") == seen.tags.count("title") == 1
    levels = [int(tag[1]) for tag in seen.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert seen.tags.count("table") == seen.tags.count("caption") == seen.tags.count("thead") > 0
    heads = [a for tag, a in zip(seen.tags, seen.attributes, strict=True) if tag == "th"]
    assert all(a["scope"] in ("col", "row") for a in heads)
    assert "Before" in seen.words or variant == "refused"


def _luminance(colour: str) -> float:
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_ink_stands_out_from_its_ground(colours: dict[str, str]) -> None:
    pairs = [
        *((ink, ground) for ink in ("ink", "soft", "accent") for ground in ("ground", "card")),
        *((tone, f"{tone}-ground") for tone in ("good", "mixed", "bad")),
    ]
    for ink, ground in pairs:
        assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
