"""Which functions does this app have, and are they bound as the Python worker would demand?

Indexes `function_app.py` of the v2 programming model exactly as the worker does, so that an app
that starts here starts in Azure and the other way round. Never calls a function.

Rules, the worker's own:
- exactly one top-level FunctionRegister (a DFApp or FunctionApp) under exactly one name;
- `get_functions()` is called once: a second call on the same app raises, so the list is kept;
- a function's parameters are its bindings, no more and no fewer, apart from `context`;
- names are unique; orchestrators, activities and entities are found without regard to case;
- a binding this host does not serve is an error at start, never a silent gap.
"""

import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func

_NAME_KEYS = {
    "orchestrationTrigger": "orchestration",
    "activityTrigger": "activity",
    "entityTrigger": "entityName",
}
TRIGGERS = frozenset({"httpTrigger", "timerTrigger", *_NAME_KEYS})
_OTHER_BINDINGS = frozenset({"durableClient", "http"})


class AppError(Exception):
    """The app cannot be indexed; the sentence says what was expected and what was seen."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding as the SDK declares it: its type, parameter name and other settings."""

    type: str
    name: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function: what starts it, what it is given, and the code to call."""

    name: str
    call: Callable[..., Any]
    trigger: Binding
    clients: tuple[str, ...]
    takes_context: bool
    directory: Path

    @property
    def is_async(self) -> bool:
        """Whether the code runs on the event loop, as in the worker, or in a thread."""
        return inspect.iscoroutinefunction(self.call)

    @property
    def public_name(self) -> str:
        """The name by which orchestrations call it: the trigger's, else the function's."""
        return self.trigger.settings.get(_NAME_KEYS.get(self.trigger.type, "")) or self.name


@dataclass(frozen=True, slots=True)
class App:
    """Every function of one app, by name and by kind."""

    functions: Mapping[str, Function]
    _by_kind: Mapping[tuple[str, str], Function] = field(repr=False)

    def find(self, trigger: str, name: str) -> Function | None:
        """The orchestrator, activity or entity called `name`, without regard to case."""
        return self._by_kind.get((trigger, name.lower()))

    def of_kind(self, trigger: str) -> list[Function]:
        """All functions started by `trigger`."""
        return [each for each in self.functions.values() if each.trigger.type == trigger]


def load_app(directory: Path) -> App:
    """Import `function_app.py` in `directory` and index it; AppError says why it cannot be."""
    module = _import(directory)
    register = _only_register(module)
    try:
        declared = register.get_functions()
    except ValueError as fault:
        raise AppError(f"the app cannot be indexed: {fault}") from fault
    if not declared:
        raise AppError(f"expected functions in {directory / 'function_app.py'}, saw none")
    functions = [_index(each, directory) for each in declared]
    return App({each.name: each for each in functions}, _index_kinds(functions))


def _import(directory: Path) -> ModuleType:
    path = directory / "function_app.py"
    if not path.is_file():
        raise AppError(f"expected a function_app.py in {directory}, saw none")
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    spec = importlib.util.spec_from_file_location("function_app", path)
    if spec is None or spec.loader is None:
        raise AppError(f"expected an importable module, saw {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["function_app"] = module
    spec.loader.exec_module(module)
    return module


def _only_register(module: ModuleType) -> func.FunctionRegister:
    names = [key for key, value in vars(module).items() if isinstance(value, func.FunctionRegister)]
    if len(names) != 1:
        seen = ", ".join(sorted(names)) or "none"
        raise AppError(f"expected one top-level function app in function_app.py, saw {seen}")
    register: func.FunctionRegister = getattr(module, names[0])
    return register


def _index(declared: Any, directory: Path) -> Function:
    name = declared.get_function_name()
    bindings = [_binding(json.loads(raw)) for raw in declared.get_raw_bindings()]
    triggers = [each for each in bindings if each.type in TRIGGERS]
    for each in bindings:
        if each.type not in TRIGGERS | _OTHER_BINDINGS:
            raise AppError(
                f"function {name!r} has a {each.type!r} binding, which is not served here"
            )
    if len(triggers) != 1:
        raise AppError(f"function {name!r} needs exactly one trigger, saw {len(triggers)}")
    code = declared.get_user_function()
    return Function(
        name=name,
        call=code,
        trigger=triggers[0],
        clients=tuple(each.name for each in bindings if each.type == "durableClient"),
        takes_context=_check_parameters(name, code, bindings),
        directory=directory,
    )


def _binding(raw: dict[str, Any]) -> Binding:
    return Binding(type=raw["type"], name=raw["name"], settings=raw)


def _check_parameters(name: str, code: Callable[..., Any], bindings: Iterable[Binding]) -> bool:
    bound = {each.name for each in bindings} - {"$return"}
    declared = set(inspect.signature(code).parameters)
    takes_context = "context" in declared and "context" not in bound
    if takes_context:
        declared.remove("context")
    if missing := bound - declared:
        raise AppError(
            f"function {name!r} is bound to {sorted(missing)}, but its parameters are"
            f" {sorted(declared)}: a binding's name must be the parameter's"
        )
    if unbound := declared - bound:
        raise AppError(f"function {name!r} has parameters without a binding: {sorted(unbound)}")
    return takes_context


def _index_kinds(functions: Iterable[Function]) -> dict[tuple[str, str], Function]:
    kinds: dict[tuple[str, str], Function] = {}
    for each in functions:
        if each.trigger.type not in _NAME_KEYS:
            continue
        key = (each.trigger.type, each.public_name.lower())
        if key in kinds:
            raise AppError(
                f"functions {kinds[key].name!r} and {each.name!r} are both the"
                f" {each.trigger.type} {each.public_name!r}"
            )
        kinds[key] = each
    return kinds
