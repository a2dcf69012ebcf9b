"""The stories that a request can be: each played for real on a running local world.

Who plays what is fixed, so that a history can be read; the world must be fresh. `tell_all` is what
`tests.histories.record` keeps, and what the canary scan looks behind.
"""

from collections.abc import Callable

from local.stage import Stage

AT = "@alderfinch.example"
HOUR = 3_600
Story = Callable[[Stage], str]
WAITING = ("waiting_for_approval", "waiting_for_reply")


def _ask(stage: Stage, who: str, text: str, ended: str) -> str:
    """Ask, follow to the end or the first wait, and see that it is as told."""
    person = stage.person(who + AT)
    request = person.ask(text)
    seen = person.follow(request, WAITING)
    assert seen["status"] == ended, seen
    return request


def _decide(stage: Stage, owner: str, request: str, decision: str) -> None:
    person = stage.person(owner + AT)
    pending = person.pending(request)
    reply = person.decide(pending, decision, comment="canary-comment")
    assert reply.status == 200, reply


def _ends(stage: Stage, who: str, request: str, ended: str) -> None:
    seen = stage.person(who + AT).follow(request)
    assert seen["status"] == ended, seen


def granted(stage: Stage) -> str:
    return _ask(stage, "freya.holm", "I can't get into the Finance SharePoint.", "done")


def refused(stage: Stage) -> str:
    return _ask(stage, "felix.wagner", "I need access to the Budget 2027 site", "refused")


def clarified(stage: Stage) -> str:
    request = _ask(stage, "oscar.lind", "I need access please", "waiting_for_reply")
    body = {"text": "the Finance site"}
    reply = stage.person("oscar.lind" + AT).call("POST", f"/requests/{request}/reply", body)
    assert reply.status == 202, reply
    _ends(stage, "oscar.lind", request, "done")
    return request


def approved(stage: Stage) -> str:
    request = _ask(stage, "sam.okoro", "I need the Finance site", "waiting_for_approval")
    _decide(stage, "olga.brandt", request, "approve")
    _ends(stage, "sam.okoro", request, "done")
    return request


def rejected(stage: Stage) -> str:
    request = _ask(stage, "raj.patel", "I need the Finance site", "waiting_for_approval")
    _decide(stage, "olga.brandt", request, "reject")
    _ends(stage, "raj.patel", request, "refused")
    return request


def second_step_failed(stage: Stage) -> str:
    budget = stage.group("Budget 2027")["id"]
    stage.fault("403", times=20, method="POST", path=f"^/groups/{budget}/members")
    text = 'I need access to "Finance Reports" and "Budget 2027"'
    request = _ask(stage, "jonas.weber", text, "escalated")
    stage.heal()
    assert not stage.is_member("jonas.weber" + AT, "Finance Reports")
    return request


def provisional_undone(stage: Stage) -> str:
    request = _ask(
        stage, "ian.moss", "I need access to the Operations team", "waiting_for_approval"
    )
    assert stage.is_member("ian.moss" + AT, "Operations")
    stage.advance(HOUR + 60)
    _ends(stage, "ian.moss", request, "undone")
    assert not stage.is_member("ian.moss" + AT, "Operations")
    return request


def expired(stage: Stage) -> str:
    request = _ask(stage, "lena.fischer", "I need the Finance site", "waiting_for_approval")
    stage.advance(8 * HOUR + 60)
    _ends(stage, "lena.fischer", request, "refused")
    return request


# The two that move the clock come last.
STORIES: tuple[Story, ...] = (
    granted,
    refused,
    clarified,
    approved,
    rejected,
    second_step_failed,
    provisional_undone,
    expired,
)


def tell_all(stage: Stage) -> dict[str, str]:
    """Play every story; their requests by name."""
    return {story.__name__: story(stage) for story in STORIES}
