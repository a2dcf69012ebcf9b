"""Variants in which access is granted: outright, by the owner's yes, and for a while only."""

from local.demo import proof
from local.demo.exhibits import Check, Dossier, Speech
from local.demo.play import Mark, Play

FINANCE, OPERATIONS = "Finance", "Operations"
HOUR = 3_600


def under_a_sponsorship(play: Play) -> list[Check]:
    """Somebody of Finance asks for what is Finance's: policy permits it outright."""
    play.outside("freya.holm", FINANCE)
    since = play.mark()
    request = play.asks("freya.holm")
    play.person("freya.holm").follow(request)
    seen = play.show("freya.holm", request, full=True)
    return [
        *_added(play, "freya.holm", "nadia.petrov", since, seen),
        proof.same(
            "verified by reading back, says the receipt",
            True,
            seen.view["steps"][0]["receipt"]["verified"],
        ),
        proof.same("layers of policy that permit it", 6, _permitting(seen.view)),
        proof.lookups(play, since, requester="Freya Holm", sponsor="Nadia Petrov"),
        proof.digests(seen),
        proof.around_the_act(seen),
        proof.chained(play),
    ]


def in_the_other_organisation(play: Play) -> list[Check]:
    """Two people of one name, two groups of one name, two organisations: nothing may cross over."""
    namesake, at_home = "freya.holm@borealis.example", "freya.holm"
    play.outside(namesake, FINANCE)
    play.outside(at_home, FINANCE)
    since = play.mark()
    request = play.asks(namesake)
    play.person(namesake).follow(request)
    seen = play.show(namesake, request)
    called = {c["tenant"] for c in play.calls(since)}
    looked = [domain for domain, tenant in play.tenants.items() if tenant in called]
    return [
        proof.ended(seen.view, "done"),
        proof.same("Freya Holm is in Finance of Borealis", True, play.is_member(namesake, FINANCE)),
        proof.same(
            "Freya Holm is in Finance of Alder & Finch", False, play.is_member(at_home, FINANCE)
        ),
        proof.changes(play, since, "add Freya Holm to Finance, with Tuva Berg's token"),
        proof.same("organisations that were called", "borealis.example", ", ".join(looked)),
        proof.app_only(play, since),
        proof.chained(play, play.tenant(namesake)),
    ]


def _added(play: Play, who: str, hands: str, since: Mark, seen: Dossier) -> list[Check]:
    """Somebody is in Finance by one change, made with one named person's token and no other's."""
    name, holder = play.name(play.oid(who)), play.name(play.oid(hands))
    return [
        proof.ended(seen.view, "done"),
        proof.membership(play, who, FINANCE, True),
        proof.changes(play, since, f"add {name} to Finance, with {holder}'s token"),
        proof.own_log(play, who, FINANCE, hands),
        proof.app_only(play, since),
        proof.graph_request(seen),
    ]


def _permitting(view: object) -> int:
    layers = view["steps"][0]["decision"]["layers"]  # type: ignore[index]
    return sum(1 for layer in layers if layer["result"] == "permit")


def by_the_owner(play: Play) -> list[Check]:
    """Somebody of Sales asks for what is Finance's: its owner decides, the owner's token acts."""
    play.outside("sam.okoro", FINANCE)
    since = play.mark()
    request = play.asks("sam.okoro")
    waiting = play.person("sam.okoro").follow(request, until=("waiting_for_approval",))
    before = proof.nothing_sent(play, since)
    play.show("sam.okoro", request, "plan")
    pending = play.pending("olga.brandt", request)
    play.note(f"Warrant asks the owner: {pending['summary']}? There are eight hours to answer.")
    play.tell(Speech(play.oid("olga.brandt"), "Approve."))
    play.person("olga.brandt").decide(pending, "approve")
    play.person("sam.okoro").follow(request)
    seen = play.show("sam.okoro", request, "end")
    return [
        proof.same("until the yes, the request is", "waiting_for_approval", waiting["status"]),
        proof.when("until the yes", before),
        *_added(play, "sam.okoro", "olga.brandt", since, seen),
        proof.around_the_act(seen),
    ]


def for_a_while(play: Play) -> list[Check]:
    """A provisional group: access at once, and away again when its owners stay silent."""
    play.outside("luca.rossi", OPERATIONS)
    since = play.mark()
    request = play.asks("luca.rossi", "I need access to the Operations SharePoint.")
    play.person("luca.rossi").follow(request, until=("waiting_for_approval",))
    play.until("a provisional grant", lambda: bool(play.written(since)))
    play.show("luca.rossi", request, "plan")
    let_in = proof.membership(play, "luca.rossi", OPERATIONS, True)
    play.note("Access is given at once. The owners have an hour to say yes; they say nothing.")
    play.stage.advance(HOUR + 60)
    play.note("An hour and a minute pass.")
    play.person("luca.rossi").follow(request)
    seen = play.show("luca.rossi", request, "end")
    return [
        proof.when("at once", let_in),
        proof.ended(seen.view, "undone"),
        proof.membership(play, "luca.rossi", OPERATIONS, False),
        proof.changes(
            play,
            since,
            "add Luca Rossi to Operations, with Nadia Petrov's token",
            "remove Luca Rossi from Operations, with Nadia Petrov's token",
        ),
        proof.told(seen.view["answer"], "undone again", "checked that it is gone"),
        proof.app_only(play, since),
        proof.around_the_act(seen),
    ]
