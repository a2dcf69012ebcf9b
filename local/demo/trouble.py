"""Variants in which something breaks: Graph half-way, the process itself, policy, the trail."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.demo import proof
from local.demo.exhibits import Check, Dossier, Speech
from local.demo.granted import FINANCE
from local.demo.play import SEED_SENTENCE, WRITES, Mark, Play
from local.stage import FINAL

BUDGET = "Budget 2027"
TWO_WISHES = "I need access to the Finance SharePoint and the Budget 2027 site."
ADDED = "add {} to Finance, with Nadia Petrov's token"
WITHDRAWN = "action-membership-of-oneself"

# Where the Functions host is killed: in words, and the fault that holds the call there.
KILL_POINTS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("while it looks around", "hold_before", {"method": "GET", "path": "riskyUsers"}),
    ("as the change leaves", "hold_before", {"method": "POST", "path": r"members/\$ref$"}),
    ("right after the change", "hold_after_commit", {"method": "POST", "path": r"members/\$ref$"}),
)


def half_way(play: Play) -> list[Check]:
    """Two wishes in one sentence; Graph refuses the second after the first was granted."""
    play.outside("oscar.lind", FINANCE, BUDGET)
    budget = play.stage.group(BUDGET)["id"]
    since = play.mark()
    play.stage.fault("403", method="POST", path=f"^/groups/{budget}/members")
    play.note("On the stage: Graph will answer 403 to the second change, whoever sends it.")
    request = play.asks("oscar.lind", TWO_WISHES)
    play.person("oscar.lind").follow(request)
    play.stage.heal()
    seen = play.show("oscar.lind", request)
    ticket = play.handed_over("helen.cho", request)
    account = " ".join(ticket.get("account", ()))
    story = (TWO_WISHES, "Finance: done and then undone again", "Budget 2027: it failed")
    return [
        proof.ended(seen.view, "escalated"),
        proof.changes(
            play,
            since,
            ADDED.format("Oscar Lind"),
            "remove Oscar Lind from Finance, with Nadia Petrov's token",
        ),
        proof.same(
            "refused by Graph, in the tenant's log", f"403 on {BUDGET}", _refused(play, since)
        ),
        proof.membership(play, "oscar.lind", FINANCE, False),
        proof.membership(play, "oscar.lind", BUDGET, False),
        proof.same("the ticket is with", "Helen Cho", play.name(_handed_to(seen))),
        proof.same("its account says: asked, undone, failed", 3, sum(p in account for p in story)),
        proof.told(seen.view["answer"], "checked that it is gone", "service desk"),
        proof.app_only(play, since),
        proof.around_the_act(seen),
    ]


def _handed_to(seen: Dossier) -> str:
    return str((seen.view["ticket"] or {}).get("to"))


def _refused(play: Play, since: Mark) -> str:
    found = [c for c in play.calls(since, WRITES) if (c["status"] or 0) >= 400]
    return "; ".join(f"{c['status']} on {play.groups[c['path'].split('/')[2]]}" for c in found)


def twice(play: Play) -> list[Check]:
    """The same message, three times under one Idempotency-Key: twice at once and once later."""
    play.outside("freya.holm", FINANCE)
    since = play.mark()
    key = f"demo-{since.call}"
    play.note("Freya's client sends the same message twice at once, and again when it is done.")
    play.tell(Speech(play.oid("freya.holm"), SEED_SENTENCE))
    with ThreadPoolExecutor(2) as both:
        sent = [both.submit(play.sends, "freya.holm", SEED_SENTENCE, key) for _ in range(2)]
    replies = [one.result() for one in sent]
    request = replies[0].body["id"]
    play.person("freya.holm").follow(request)
    replies.append(play.sends("freya.holm", SEED_SENTENCE, key))
    other = play.sends("freya.holm", "I can't get into the Budget 2027 SharePoint.", key)
    seen = play.show("freya.holm", request)
    intents = [r for r in seen.trail if r.body["phase"] == "intent"]
    return [
        proof.same("answers (HTTP)", "202 202 202", " ".join(str(r.status) for r in replies)),
        proof.same("different requests they name", 1, len({r.body["id"] for r in replies})),
        proof.same("another sentence under that key (HTTP)", 409, other.status),
        proof.same("acts that were begun, in the trail", 1, len(intents)),
        proof.changes(play, since, ADDED.format("Freya Holm")),
        proof.membership(play, "freya.holm", FINANCE, True),
    ]


def killed(play: Play) -> list[Check]:
    """The process is killed with no warning at three points of the loop, and started again."""
    checks: list[Check] = []
    for where, fault, match in KILL_POINTS:
        request, found = _killed_at(play, where, fault, match)
        checks += found
    play.show("jonas.weber", request)
    return [*checks, proof.chained(play)]


def _killed_at(
    play: Play, where: str, fault: str, match: Mapping[str, Any]
) -> tuple[str, list[Check]]:
    play.outside("jonas.weber", FINANCE)
    since = play.mark()
    play.stage.fault(fault, **match)
    request = play.asks("jonas.weber")
    play.until_held(since)
    made = "one change made, no outcome recorded" if play.written(since) else "nothing changed yet"
    play.world.functions.kill9()
    play.note(f"kill -9 {where}: {made}.")
    play.stage.heal()
    play.note(f"The host is started again, {play.restart():.1f} s, and finds its own way.")
    view = play.person("jonas.weber").follow(request)
    is_in = proof.membership(play, "jonas.weber", FINANCE, True)
    return request, [
        proof.same(f"killed {where}, the request ended", "done", view["status"]),
        proof.when(f"killed {where}", proof.changes(play, since, ADDED.format("Jonas Weber"))),
        is_in,
    ]


def rule_withdrawn(play: Play) -> list[Check]:
    """Policy permits at planning and falls silent before the act: the second decision counts."""
    play.outside("oscar.lind", FINANCE)
    since = play.mark()
    # The forecast has read the policy by the time its last lookup is held.
    play.stage.fault("hold_before", method="GET", path="directoryAudits")
    request = play.asks("oscar.lind")
    play.until_held(since)
    play.note(f"Planned, and permitted. Now the administrators withdraw the rule {WITHDRAWN}.")
    try:
        play.archive.publish(without=frozenset({WITHDRAWN}))
        play.stage.heal()
        play.person("oscar.lind").follow(request)
    finally:
        play.stage.heal()
        play.archive.publish()
    seen = play.show("oscar.lind", request)
    step = seen.view["steps"][0]
    forecast = seen.work.plan.steps[0].forecast.effect if seen.work else None
    silent = [r["layer"] for r in step["decision"]["layers"] if r["result"] == "silent"]
    return [
        proof.same("at planning", "permit", forecast),
        proof.same("on fresh facts, one line before the act", "deny", step["decision"]["effect"]),
        proof.same("the layer in which no rule matches", "action", ", ".join(silent)),
        proof.ended(seen.view, "refused"),
        proof.membership(play, "oscar.lind", FINANCE, False),
        proof.nothing_sent(play, since),
    ]


def policy_gone(play: Play) -> list[Check]:
    """Without a policy that can be read and believed, nothing is permitted."""
    play.outside("oscar.lind", FINANCE)
    since = play.mark()
    play.stage.advance(60)
    with play.archive.without_table("PolicyHeads"):
        play.note("The table that says which policy counts has been deleted.")
        request = play.asks("oscar.lind")
        play.person("oscar.lind").follow(request)
    play.note("The table is back.")
    seen = play.show("oscar.lind", request)
    return [
        proof.ended(seen.view, "escalated"),
        proof.told(seen.view["answer"], "so I changed nothing", "service desk"),
        proof.membership(play, "oscar.lind", FINANCE, False),
        proof.nothing_sent(play, since),
    ]


def trail_gone(play: Play) -> list[Check]:
    """What cannot be recorded is not done: neither at the door, nor right before the act."""
    play.outside("oscar.lind", FINANCE)
    since = play.mark()
    key = f"demo-{since.call}"
    with play.archive.without_table("Audit"):
        play.note("The audit table has been deleted.")
        play.tell(Speech(play.oid("oscar.lind"), SEED_SENTENCE))
        refused = play.sends("oscar.lind", SEED_SENTENCE, key)
        play.tell(Speech(None, str(refused.body["error"]["message"])))
    play.note("The table is back. The same person asks again.")
    at_the_door = proof.nothing_sent(play, since)
    checks = [
        proof.same("at the door (HTTP)", 503, refused.status),
        proof.told(refused.body["error"]["message"], "nothing was changed"),
        proof.when("at the door", at_the_door),
    ]
    return [*checks, *_gone_before_the_act(play), proof.chained(play)]


def _gone_before_the_act(play: Play) -> list[Check]:
    since = play.mark()
    membership = rf"^/groups/.*/members/{play.oid('oscar.lind')}/\$ref$"
    play.stage.fault("hold_before", method="GET", path=membership, actor=play.upn("nadia.petrov"))
    request = play.asks("oscar.lind")
    play.until_held(since)
    play.show("oscar.lind", request, "plan")
    oscar = play.person("oscar.lind")

    def line() -> dict[str, Any]:
        found = oscar.call("GET", "/requests").body["items"]
        return next(r for r in found if r["id"] == request)

    with play.archive.without_table("Audit"):
        play.note("Planned and permitted; right before the act the audit table is deleted.")
        play.stage.heal()
        play.until("an end", lambda: line()["status"] in FINAL)
    play.note("The table is back, row by row.")
    play.stage.advance(10)
    play.until("the end in the trail", lambda: _answered(play, request))
    seen = play.show("oscar.lind", request, "end")
    return [
        proof.same("right before the act, the request ended", "escalated", seen.view["status"]),
        proof.told(seen.view["answer"], "could not read or record what I must, so I stopped"),
        proof.membership(play, "oscar.lind", FINANCE, False),
        proof.nothing_sent(play, since),
    ]


def _answered(play: Play, request: str) -> bool:
    trail = play.person("oscar.lind").trail(request)
    return any(r["body"]["phase"] == "answer" for r in trail)
