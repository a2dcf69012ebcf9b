"""Nothing personal and nothing secret lies in the clear where the product keeps things.

INVARIANT 9. Every kind of story is played; then the world is stopped and everything that Durable
Functions, the tables and the log have kept is searched byte by byte. And no answer that anybody
got holds an address or a key that steers runs.
"""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import up
from local.stage import Reply, StoryError
from tests.attacks.listening import Overheard, hidden_in
from tests.histories.management import Management, said
from tests.histories.stories import AT, STORIES, tell_all

pytestmark = pytest.mark.stack
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}")
SPOKEN = (
    "I can't get into the Finance SharePoint",
    "I need access to the Budget 2027 site",
    "the Finance site",
    "month-end canary justification",
    "canary-comment",
)
PLAYERS = (
    *("freya.holm", "felix.wagner", "oscar.lind", "sam.okoro", "raj.patel", "jonas.weber"),
    *("ian.moss", "lena.fischer", "olga.brandt", "peter.hahn", "nadia.petrov", "helen.cho"),
    *("anton.berg", "mira.kovac"),
)


@dataclass(frozen=True)
class Remains:
    """What is left of a world after all stories: files, answers, and what must not be in them."""

    files: dict[str, bytes]
    replies: list[Reply]
    requests: dict[str, str]
    names: list[str]
    secrets: dict[str, str]
    host_key: str


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> Remains:
    data = tmp_path_factory.mktemp("canaries")
    with up.world(data) as world:
        stage = Overheard(world.facts)
        people = stage.people(world.facts["tenants"][0]["id"])
        requests = tell_all(stage)
        requests["authority_moved"] = authority_moved(stage)
        requests["justified"] = justified(stage)
        requests["not taken"] = malformed(stage)
        management = Management(world)
        listed = [management.status(instance) for instance in management.instances()]
        assert len(listed) == len(STORIES) + 2
    return Remains(
        files=_kept(data),
        replies=stage.replies,
        requests=requests,
        names=[p["name"] for p in people if p["upn"].split("@")[0] in PLAYERS],
        secrets=_vaulted(data / "vault"),
        host_key=management.key,
    )


def authority_moved(stage: Overheard) -> str:
    """The right that was to be used is another person's by the time of the act."""
    anton = stage.person("anton.berg" + AT)
    request = anton.ask("I need the Finance site")
    assert anton.follow(request, ("waiting_for_approval",))["status"] == "waiting_for_approval"
    group = stage.group("Finance")
    owners = [*group["owners"], stage.oid("anton.berg" + AT)]
    stage.set_object("groups", group["id"], {"owners": owners})
    olga = stage.person("olga.brandt" + AT)
    pending = olga.pending(request)
    assert olga.decide(pending, "approve").status == 200
    anton.follow(request)
    stage.set_object("groups", group["id"], {"owners": group["owners"]})
    return request


def justified(stage: Overheard) -> str:
    """Somebody gives a reason."""
    body = {"text": "hello", "justification": "month-end canary justification"}
    mira = stage.person("mira.kovac" + AT)
    request = str(mira.call("POST", "/requests", body).body["id"])
    mira.follow(request)
    return request


def malformed(stage: Overheard) -> str:
    """Somebody sends what cannot be taken; its content must not be in a log either."""
    mira = stage.person("mira.kovac" + AT)
    for body in ({"text": ["canary-comment"]}, {"action": "canary-comment", "arguments": {}}):
        assert mira.call("POST", "/requests", body).status in (400, 422)
    with pytest.raises(StoryError):
        mira.see("0" * 32)
    return ""


def _kept(data: Path) -> dict[str, bytes]:
    """Everything that the product keeps outside the vault, by file."""
    files = [*data.glob("durable.db*"), *data.glob("azurite/**/*"), data / "logs/functions.log"]
    return {
        str(file.relative_to(data)): file.read_bytes()
        for file in files
        if file.is_file() and file.name != "accounts.json"
    }


def _vaulted(folder: Path) -> dict[str, str]:
    """Every secret that the vaults hold, by vault and name."""
    found = {}
    for file in sorted(folder.glob("*.sqlite3")):
        with closing(sqlite3.connect(file)) as base:
            rows = base.execute("SELECT name, material FROM versions WHERE kind = 'secrets'")
            found |= {f"{file.stem} {name}": bytes(held).decode() for name, held in rows}
    return found


def test_what_is_searched_is_really_there(remains: Remains) -> None:
    """The search can find: ids do lie in the clear, and every place holds something."""
    durable = b"".join(v for k, v in remains.files.items() if k.startswith("durable.db"))
    tables = remains.files["azurite/__azurite_db_table__.json"]
    for request in filter(None, remains.requests.values()):
        assert hidden_in(durable, request)
        assert hidden_in(tables, request)
    assert hidden_in(tables, "approval_asked")
    assert remains.files["logs/functions.log"]
    assert len(remains.names) == len(PLAYERS)
    names = [name.split(" ")[1] for name in remains.secrets]
    assert sorted(names) == ["data-key", "data-key"] + ["sponsorship-access-changes"] * 2
    assert all(len(secret) > 40 for secret in remains.secrets.values())


@pytest.mark.parametrize("who", PLAYERS)
def test_nobody_is_named_where_things_are_kept(remains: Remains, who: str) -> None:
    for file, content in remains.files.items():
        assert not hidden_in(content, who + AT), file
        assert not hidden_in(content, who + "@"), file


def test_no_display_name_is_kept(remains: Remains) -> None:
    for name in remains.names:
        for file, content in remains.files.items():
            assert not hidden_in(content, name), f"{name} in {file}"


@pytest.mark.parametrize("text", SPOKEN)
def test_what_people_said_is_kept_under_seal_only(remains: Remains, text: str) -> None:
    for file, content in remains.files.items():
        assert not hidden_in(content, text), file


def test_no_token_is_kept_in_the_clear(remains: Remains) -> None:
    for file, content in remains.files.items():
        assert not JWT.search(content), file


def test_no_secret_of_the_vault_lies_outside_it(remains: Remains) -> None:
    for name, secret in remains.secrets.items():
        for file, content in remains.files.items():
            assert not hidden_in(content, secret), f"{name} in {file}"


def test_no_answer_holds_an_address_or_a_key_that_steers_runs(remains: Remains) -> None:
    assert len(remains.replies) > 50
    for reply in remains.replies:
        text = said(reply)
        for forbidden in (remains.host_key, "runtime/webhooks", "durabletask", "code=", "QueryGet"):
            assert forbidden not in text, text[:300]


def test_no_answer_holds_a_token_or_a_secret(remains: Remains) -> None:
    for reply in remains.replies:
        text = said(reply)
        assert not JWT.search(text.encode())
        assert not [secret for secret in remains.secrets.values() if secret in text]
