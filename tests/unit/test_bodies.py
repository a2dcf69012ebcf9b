"""What may stand in a body: a table of everything that may not, each with its status and words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.channels.bodies import DEEPEST, LARGEST, BadInput, NewReply, NewRequest, NewVote, read

JSON = {"content-type": "application/json"}
VOTE = {"step": "s1", "digest": "a" * 64, "decision": "approve"}


def refused(raw: bytes, headers: dict[str, str] = JSON, model: Any = NewRequest) -> BadInput:
    with pytest.raises(BadInput) as told:
        read(model, raw, headers)
    return told.value


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        " application/json ",
    ],
)
def test_json_is_taken_however_its_type_is_spelt(kind: str) -> None:
    assert read(NewRequest, body(text=" hello "), {"content-type": kind}).text == "hello"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "text/json"},
        {"content-type": "application/jsonp"},
        {"content-type": "text/plain; application/json"},
    ],
)
def test_another_type_is_415(headers: dict[str, str]) -> None:
    told = refused(body(text="hello"), headers)
    assert (told.status, told.code) == (415, "unsupported_media_type")
    assert "application/json" in told.sentence


def test_a_body_may_be_just_so_large() -> None:
    text = body(text="hello")
    assert read(NewRequest, text + b" " * (LARGEST - len(text)), JSON).text == "hello"
    told = refused(text + b" " * (LARGEST - len(text) + 1))
    assert (told.status, told.code) == (413, "too_large")
    assert str(LARGEST) in told.sentence


MALFORMED: dict[str, bytes] = {
    "empty": b"",
    "blank": b"  \n ",
    "binary": bytes(range(256)),
    "not utf-8": b'{"text": "caf\xe9"}',
    "utf-16": '{"text": "hello"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"text": "hello"}',
    "cut short": b'{"text": "hel',
    "two values": b'{"text": "a"} {"text": "b"}',
    "a list": b'[{"text": "hello"}]',
    "a text": b'"hello"',
    "a number": b"42",
    "null": b"null",
    "single quotes": b"{'text': 'hello'}",
    "a trailing comma": b'{"text": "hello",}',
    "a comment": b'{"text": "hello"} // please',
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": -Infinity}',
    "a number that is too long": b'{"text": ' + b"9" * 5_000 + b"}",
    "a key twice": b'{"text": "hello", "text": "Finance"}',
    "a key twice, further in": b'{"action": "x", "arguments": {"user": "a", "user": "b"}}',
    "a key twice, spelt otherwise": b'{"text": "hello", "te\\u0078t": "Finance"}',
    "nested too deep": b'{"arguments": ' + b'{"a":' * DEEPEST + b"1" + b"}" * DEEPEST + b"}",
    "nested without end": b'{"text":' * 5_000 + b"1" + b"}" * 5_000,
    "lists without end": b'{"text": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "NUL": b'{"text": "a\\u0000b"}',
    "a raw NUL": b'{"text": "a\x00b"}',
    "a raw newline": b'{"text": "a\nb"}',
    "an escape character": b'{"text": "\\u001b[31mred"}',
    "delete": b'{"text": "a\\u007fb"}',
    "a lone surrogate": b'{"text": "a\\ud800b"}',
    "a lone low surrogate": b'{"text": "a\\udc00b"}',
    "a text that is a number": b'{"text": 42}',
    "a text that is true": b'{"text": true}',
    "a text that is a list": b'{"text": ["hello"]}',
    "a text that is an object": b'{"text": {"say": "hello"}}',
    "an empty text": b'{"text": ""}',
    "a blank text": b'{"text": "  \\n "}',
    "a text that is too long": json.dumps({"text": "a" * 4_001}).encode(),
    "a justification that is too long": json.dumps(
        {"text": "a", "justification": "b" * 1_001}
    ).encode(),
    "an unknown field": b'{"text": "hello", "requester": "somebody-else"}',
    "a field of another case": b'{"Text": "hello"}',
    "an identity": b'{"text": "hello", "oid": "b376a909-dc4a-4c74-a9bd-d9931a4cedb2"}',
    "a tenant": b'{"text": "hello", "tenant": "6db7519f-2e4a-4986-bc48-7aa34a22e613"}',
    "an empty action": b'{"action": "", "arguments": {}}',
    "an action that is too long": json.dumps({"action": "a" * 101}).encode(),
    "arguments that are a list": b'{"action": "x", "arguments": []}',
    "an argument that is a number": b'{"action": "x", "arguments": {"user": 1}}',
    "an argument that is null": b'{"action": "x", "arguments": {"user": null}}',
    "too many arguments": json.dumps(
        {"action": "x", "arguments": {str(n): "v" for n in range(21)}}
    ).encode(),
    "an argument with too long a name": json.dumps(
        {"action": "x", "arguments": {"n" * 101: "v"}}
    ).encode(),
    "an argument that is too long": json.dumps(
        {"action": "x", "arguments": {"user": "v" * 1_001}}
    ).encode(),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_400_with_a_sentence(raw: bytes) -> None:
    told = refused(raw)
    assert (told.status, told.code) == (400, "malformed")
    assert told.sentence[0].islower()
    assert len(told.sentence) > 10


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_answer_is_short_whatever_was_sent(raw: bytes) -> None:
    told = refused(raw)
    assert len(told.details) <= 20
    assert all(len(line) <= 300 for line in (told.sentence, *told.details))


def test_every_problem_is_named_at_its_place() -> None:
    told = refused(b'{"text": 42, "arguments": {"user": 1}, "who": "me"}')
    places = {line.split(":")[0] for line in told.details}
    assert places == {"text", "arguments.user", "who"}


def test_a_value_is_never_repeated_back() -> None:
    secret = "hunter2-canary"
    for raw in (body(text=[secret]), body(text="a", comment=secret), body(action=secret * 20)):
        told = refused(raw)
        assert secret not in told.sentence + " ".join(told.details)


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "1"},
        {"step": "s1234"},
        {"step": "../s1"},
        {"digest": "a" * 63},
        {"digest": "A" * 64},
        {"digest": "a" * 64 + "\n"},
        {"decision": "Approve"},
        {"decision": "yes"},
        {"decision": True},
        {"comment": ""},
        {"comment": "a" * 1_001},
        {"approver": "b376a909-dc4a-4c74-a9bd-d9931a4cedb2"},
    ],
    ids=str,
)
def test_a_vote_says_exactly_what_was_shown(wrong: dict[str, Any]) -> None:
    told = refused(body(**(VOTE | wrong)), model=NewVote)
    assert (told.status, told.code) == (400, "malformed")


@pytest.mark.parametrize("missing", VOTE)
def test_a_vote_leaves_nothing_out(missing: str) -> None:
    said = {k: v for k, v in VOTE.items() if k != missing}
    assert refused(body(**said), model=NewVote).details == (f"{missing}: Field required",)


def test_a_vote_and_a_reply_that_are_well_formed_are_taken() -> None:
    assert read(NewVote, body(**VOTE, comment="fine"), JSON).decision == "approve"
    assert read(NewReply, body(text="Finance"), JSON).text == "Finance"
    assert refused(b"{}", model=NewReply).details == ("text: Field required",)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_are_more_than_a_4xx(raw: bytes) -> None:
    try:
        taken = read(NewRequest, raw, JSON)
    except BadInput as told:
        assert 400 <= told.status < 500
    else:
        assert isinstance(taken, NewRequest)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["text", "action", "arguments", "justification", "x"]), values)
)
def test_no_json_at_all_is_more_than_a_4xx(fields: dict[str, Any]) -> None:
    try:
        taken = read(NewRequest, body(**fields), JSON)
    except BadInput as told:
        assert told.status == 400
    else:
        assert taken.text is None or taken.text == taken.text.strip()
