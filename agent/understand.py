"""From a sentence to an Intent: what is asked, for whom, about which resources.

The embedded understanding: a small grammar, no network, the same answer every time. It covers
getting, losing and missing access to groups, Teams and SharePoint sites, greetings, and asking for
a person; of everything else it says so, and the caller clarifies or hands over. What it returns is
a proposal: every name in it is resolved by lookups, and policy decides.

Rules
- what is asked for somebody else is never read as asked for the requester;
- a question is not a wish, and a wish to lose access is never read as a wish to get it;
- a reply is read like a first sentence; a bare name in it takes the place of the name most like it;
- in doubt it asks back.

Never here: authority, ids guessed from names, text that other people wrote.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from typing import Literal

from pydantic import JsonValue

from agent.actions import action_of
from agent.domain import ActionSpec, Ask, Intent, ResourceName
from agent.values import GroupId, PersonId

CAN_DO = "I can give or remove access to groups, Teams and SharePoint sites."
ASK_WHICH = "Which group, Team or SharePoint site is it about? Please give me its name."
Operation = Literal["grant", "remove"]
_MOST_RESOURCES = 5
_MOST_WORDS = 6  # of one name


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_HELLO = r"(?:hi|hello|hey|hiya|dear|good (?:morning|afternoon|evening)|thanks|thank you)"
_GREETING = _re(rf"(?:{_HELLO}(?: (?:there|all|team|everyone|again|very much|a lot))?[\s!.,]*)+")
_OPENING = _re(rf"^{_HELLO}\b(?: [\w']+){{0,2}}\s*[,.!:]\s*")
_NEVER_MIND = _re(
    r"(?:no,? )?(?:never ?mind|forget it|cancel(?: (?:it|that))?|no(?: thanks)?)[\s!.]*"
)
_HUMAN = _re(
    r"\b(?:talk|speak|chat|connect me|transfer me|put me through|hand me over)\b.{0,12}"
    r"\b(?:someone|somebody|human|person|agent|technician|service desk|helpdesk|operator)\b"
    r"|\b(?:a|real|actual|live) (?:human|person|human being)\b(?! resources)"
    r"|^(?:human|agent|operator)(?: please)?[\s!.]*$"
)
_WRONGED = _re(
    r"\b(?:ignore|disregard|bypass|skip|override|circumvent)\b.{0,40}"
    r"\b(?:polic|rule|approval|instruction|restriction)"
)
_REMOVE = _re(
    r"\b(?:remove|delete|drop|revoke|end|withdraw|unsubscribe) (?:me|myself|my)\b"
    r"|\btake (?:me|my name) (?:out|off)\b"
    r"|\b(?:get|want|like|need) (?:me |to get )?(?:out of|off)\b"
    r"|(?:^|\b(?:to|please|i|me|i'll) )(?:leave|quit)\b(?! (?:early|today|now|at|on|requests?)\b)"
    r"|\bno longer (?:need|want|use|belong)|\b(?:want|like|need|have) to be removed\b"
    r"|\b(?:don't|dont|do not) (?:need|want) (?:(?:my |any )?access|the|this|that|to be in)\b"
)
_LOSING = _re(r"\b(?:remove|revoke|delete|unsubscribe|terminate|no longer|get rid|archive)\b")
_WANTS = _re(
    r"\b(?:can'?t|cannot|can not|unable|denied|locked out|no access|lost (?:my )?access|not able|"
    r"need|want|would like|i'd like|give me|grant me|(?:add|put|invite) me|let me|get me|join|"
    r"request|get (?:back )?(?:access|in|into)|(?:not|don't|dont) have access|won'?t open)\b"
)
# "who owns it" never is a wish; "how do I join it" is one, by the wish that stands in it
_ASKING = _re(r"^(?:who|which|when|list|show|(?:do|did|am|was) i|did|does)\b")
_WONDERING = _re(r"^(?:what|where|how|why|is|are|has|have|was|were|will|tell me|explain)\b")

_KIND = r"(?:sharepoint|teams?|groups?|sites?|channels?|pages?|lists?)"
_ACCESS = r"(?:access|permissions?|rights|membership)"
_NOT_ME = rf"(?!(?:me|my|myself|us|it|this|that|the|a|an|any|full|{_ACCESS})\b)"
_THEM = (
    r"(?:(?:my|our|the|a|an|his|her) (?:[\w-]+ )?(?:colleagues?|co-?workers?|boss|manager|intern|"
    r"trainee|team ?mates?|assistant|deputy|friend|contractor|guest|customer|supplier|hire|starter|"
    r"joiner)|(?:my|our) (?:[\w-]+ )?(?:team|department|people|staff)|him|her|he|she|they|them|"
    r"someone|everyone|\S+@\S+)"
)
_CROWD = r"the (?:[\w-]+ )?(?:team|department|people|staff)"
_LACKS = (
    r"(?:also )?(?:needs?|wants?|requires?|should (?:have|get)|has no|lost|"
    r"(?:can'?t|cannot) (?:get|access|open|see|join|use|find|reach)) "
)
_FOR_OTHER = (
    _re(rf"\b(?:add|invite|put|include) {_NOT_ME}\S+(?: \S+){{0,3}}? (?:to|into|in)\b"),
    _re(rf"\b(?:give|grant|provide) {_NOT_ME}(?:\S+ ){{1,4}}?{_ACCESS}\b"),
    _re(rf"\blet {_NOT_ME}\S+(?: \S+)? (?:in|into|join|see|open|access)\b"),
    _re(rf"\b(?:remove|kick|take) {_NOT_ME}\S+(?: \S+){{0,2}}? (?:from|out of|off)\b"),
    _re(r"\b(?:add|give|grant|invite|let) (?:me and (?!the\b)\S+|\S+(?: \S+)? and me)\b"),
    _re(
        r"\b(?:can|could|should) (?!(?:i|we|you|the|this|it)\b)\S+(?: \S+)? (?:get|have|join|be)\b"
    ),
    _re(rf"\b(?:for|to) {_THEM}(?=$|[\s.,!?])(?! (?:site|group|page|channel))"),
    _re(rf"(?:^|[.!?;,:] |\b(?:because|and|as|that) )(?:{_THEM}|{_CROWD}) {_LACKS}"),
    _re(r"\b(?!it|this|that|who|which|there|(?:share|site|group|page))[\w']+ needs (?:access|to )"),
    _re(r"[\w.+'-]@[\w-]+"),
    re.compile(rf"(?:^|[.!?] )(?!I\b|You|We|It|This|That)[A-Z][\w'-]+ (?:[A-Z][\w'-]+ )?{_LACKS}"),
    re.compile(r"\b[Ff]or [A-Z][\w'-]+ [A-Z][\w'-]+(?=$|[.,!?]| (?:to|into|in|on|please)\b)"),
)
_NOBODY = re.compile(rf"^(?i:access|{_KIND})\b")

_KINDS = {"sharepoint": "site", "site": "site", "page": "site", "team": "team", "channel": "team"}
_KINDS |= {"group": "group", "list": "group"}
_SORT = r"(?:(?:distribution|mailing|mail|security|microsoft|ms|m365|office) )?"
_KIND_WORDS = _re(rf"\b{_SORT}{_KIND}(?:\s+{_KIND})*\b")
_LEAD = _re(
    r"\b(?:get(?:ting)?|got|into|open|join|see|leave|access(?:ing)?|to|from|of|off|out|in|on|for|"
    r"need|want|me|my|our|the|a|an|called|named|please|also|both|is|with|at)\b"
)
# a proper name with its small words, to the end: `Voice of Customer`, `Annual Leave`
_PROPER = re.compile(
    r"\b[A-Z0-9][\w'-]*(?: (?:[A-Z0-9][\w'-]*|of|for|in|on|at|the(?= [A-Z])))*(?=\s*$)"
)
_EMPTY = _re(
    r"(?:\b(?:can(?:'?t| ?not)|unable|denied|locked|lost|no|not|able|need|want|would|like|give|"
    r"grant|add|remove|join|request|get|let|open|see|access|permissions?|error|i|you|we|any|some|"
    r"this|that|same|new|right|wrong|few|other|could|have|don't|do|still|again|asking)\b[\s,]*)+"
)
_NO_NAME = _re(r"^(?:i|we|you|so|but)\b|\b(?:can'?t|cannot|be|been|was|were|am)\b")
_QUOTED = re.compile(r"\"(?P<name>[^\"]{1,120})\"|(?<!\w)'(?P<single>[^']{2,120})'(?!\w)")
_JOINED = _re(r"\s*,\s*(?:and\b)?|\s+and\s+|\s*&\s*")
_SENTENCE = re.compile(r"[.!?;:\n]\s")
_CALLED = re.compile(
    r"(?:\b(?:[Aa]ccess (?:to|for)|[Jj]oin|[Aa]dd me (?:back )?(?:in)?to|[Ii]nto|called|named|"
    r"(?:[Oo]ut|member|part) of|from)|[Ss]ite|[Gg]roup|[Tt]eam) (?:the )?(?![Tt]he |SharePoint)"
    r"(?P<name>[A-Z][\w'-]*(?:,? (?:[A-Z0-9][\w'-]*|of|for|and|&))*)"
)
_ALIKE = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u201e\u00ab\u00bb", '\'\'\'"""""')
_ADDRESS = _re(r"\bhttps?://\S+")  # which group stands behind an address is not ours to guess


def understand(ask: Ask, replies: tuple[str, ...], requester: PersonId) -> Intent:
    """Return the ask, with later replies taken into account, as a typed proposal."""
    if ask.action is not None:
        return _from_action(ask.action, ask.arguments or {})
    intent = _from_text(_plain(ask.text or ""), requester)
    for reply in replies:
        if intent.kind in ("act", "clarify"):
            intent = _answered(intent, _plain(reply), requester)
    return intent


def _from_action(name: str, arguments: dict[str, JsonValue]) -> Intent:
    """An action given by name needs no reading; it was checked at the door."""
    action = action_of(ActionSpec.model_validate({"name": name, "arguments": arguments}))
    return Intent(
        kind="act",
        intent="access_change",
        operation="grant" if action.name.endswith(".add") else "remove",
        group_ids=(GroupId(action.target),),
        subject=action.subject,
    )


def _from_text(text: str, requester: PersonId) -> Intent:
    resources = named_resources(text)
    if (said := _without_acting(text)) is not None:
        return said
    wants, loses = _WANTS.search(text), _REMOVE.search(text)
    asking = _ASKING.search(text) or (_WONDERING.search(text) and not wants)
    if asking or (_LOSING.search(text) and not loses and not wants):
        return Intent(kind="clarify", intent="other", say=f"{CAN_DO} {ASK_WHICH}")
    operation: Operation = "remove" if loses else "grant"
    if resources:
        return _wish(operation, resources, requester)
    if wants or loses:
        return Intent(kind="clarify", intent="access_change", operation=operation, say=ASK_WHICH)
    return Intent(kind="clarify", intent="other", say=f"{CAN_DO} {ASK_WHICH}")


def _without_acting(text: str) -> Intent | None:
    """Return what a text is that asks for no change of the requester's own access, or None."""
    if _GREETING.fullmatch(text):
        return Intent(kind="smalltalk", intent="other", say=f"Hello! {CAN_DO} What do you need?")
    if _NEVER_MIND.fullmatch(text):
        return Intent(kind="smalltalk", intent="other", say="All right. I changed nothing.")
    if _WRONGED.search(text):
        return Intent(
            kind="refuse",
            intent="other",
            say="I cannot set policy or approvals aside, whoever asks. " + CAN_DO,
        )
    if _HUMAN.search(text):
        return Intent(kind="escalate", intent="other", say="the requester asked for a person")
    if _for_other(text):
        return Intent(
            kind="refuse",
            intent="access_change",
            say="I can change access only for you. They can ask me themselves, "
            "or the owner of the resource can add them.",
        )
    return None


def _for_other(text: str) -> bool:
    """Whether a text asks for somebody else, wholly or in part."""
    found = (m for pattern in _FOR_OTHER if (m := pattern.search(text)) is not None)
    return any(not _NOBODY.match(m.group().lstrip(".!?;,: ")) for m in found)


def _wish(operation: Operation, resources: tuple[ResourceName, ...], requester: PersonId) -> Intent:
    return Intent(
        kind="act",
        intent="access_change",
        operation=operation,
        resources=resources,
        subject=requester,
    )


def _answered(asked: Intent, reply: str, requester: PersonId) -> Intent:
    """A reply to our question is a name, with or without a sentence around it."""
    said = _without_acting(reply)
    if said is not None:
        return said
    resources = named_resources(reply)
    if not resources and len(reply) <= 80:
        name = _LEAD.split(reply)[-1].strip(" .!?\"'")
        resources = (ResourceName(name=name, kind="any"),) if name else ()
    if not resources:
        return Intent(kind="escalate", intent=asked.intent, say="the reply named no resource")
    if len(resources) == 1 and len(asked.resources) > 1:
        resources = _in_place(asked.resources, resources[0])
    loses = _REMOVE.search(reply)
    return _wish("remove" if loses else asked.operation or "grant", resources, requester)


def _in_place(named: tuple[ResourceName, ...], better: ResourceName) -> tuple[ResourceName, ...]:
    """Put a better name in the place of the one it is most like; the others stay asked for."""

    def likeness(one: ResourceName) -> float:
        return SequenceMatcher(None, one.name.casefold(), better.name.casefold()).ratio()

    worst = max(named, key=likeness)
    return tuple(better if one is worst else one for one in named)


def named_resources(text: str) -> tuple[ResourceName, ...]:
    """Return the resources a sentence names, in order, each once; at most five.

    A name is what stands between the last leading word (into, to, the ...) and a kind word
    (SharePoint, team, group ...), what stands in quotes, or a capitalised name after `access to`.
    """
    text = _OPENING.sub("", text)
    found: dict[str, ResourceName] = {}
    begin, kind = 0, "any"
    for match in _KIND_WORDS.finditer(text):
        kind = _kind(match.group())
        _keep(found, text[begin : match.start()], kind)
        begin = match.end()
    quoted = [m["name"] or m["single"] for m in _QUOTED.finditer(text)]
    meant = [name for name in quoted if not _is_message(name)] or ([] if found else quoted)
    if meant:
        found = {name.casefold(): _resource(name, kind) for name in meant if name.strip()}
    if not found:
        for called in _CALLED.finditer(text):
            _keep(found, called["name"], kind)
    return tuple(found.values())[:_MOST_RESOURCES]


def _is_message(quoted: str) -> bool:
    """Whether a quotation is an error message rather than a name."""
    return bool(_EMPTY.search(quoted)) or len(quoted.split()) > _MOST_WORDS


def _keep(found: dict[str, ResourceName], before: str, kind: str) -> None:
    """Add the names at the end of the words that stand before a kind word."""
    clause = _SENTENCE.split(before)[-1]
    for part in _JOINED.split(clause):
        proper = _PROPER.search(part)
        name = proper.group() if proper else ""
        if not name or _EMPTY.match(name) or _LEAD.match(name):
            name = _LEAD.split(part)[-1]
        name = name.strip(" \"'.,:")
        if len(name.split()) > _MOST_WORDS or _EMPTY.fullmatch(name) or _NO_NAME.match(name):
            continue
        if name:
            found.setdefault(name.casefold(), _resource(name, kind))


def _resource(name: str, kind: str) -> ResourceName:
    return ResourceName.model_validate({"name": name.strip(), "kind": kind})


def _kind(words: str) -> str:
    """Return the kind the last telling word says: `SharePoint site` is a site."""
    for word in reversed(words.casefold().split()):
        if kind := _KINDS.get(word.rstrip("s")):
            return kind
    return "any"


def _plain(text: str) -> str:
    """Fold look-alike punctuation and white space, so that one pattern reads all of them."""
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    return re.sub(r"\s+", " ", _ADDRESS.sub(" ", text)).strip()
