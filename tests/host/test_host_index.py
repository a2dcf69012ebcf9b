"""Which apps are refused, with the sentence that says why."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.host.app import AppError, load_app
from local.host.config import ConfigError, read_config
from local.host.cron import parse_schedule
from local.host.routes import RouteTable
from tests.host.driver import SAMPLE_APP

_HEAD = """
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp()
"""


@pytest.fixture(autouse=True)
def _modules_as_they_were() -> Iterator[None]:
    before, path = sys.modules.get("function_app"), list(sys.path)
    yield
    sys.path[:] = path
    for name in ("function_app", "sample_activities", "sample_orchestrations"):
        sys.modules.pop(name, None)
    if before:
        sys.modules["function_app"] = before


def _refusal(folder: Path, code: str) -> str:
    (folder / "function_app.py").write_text(_HEAD + code)
    with pytest.raises(AppError) as refused:
        load_app(folder)
    return str(refused.value)


def test_two_apps_are_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "other = df.DFApp()")
    assert said == "expected one top-level function app in function_app.py, saw app, other"


def test_no_app_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "del app").endswith("saw none")


def test_an_app_without_functions_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path, "").startswith("expected functions in")


def test_a_binding_name_that_is_no_parameter_is_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "@app.route(route='x')\ndef f(request): ...\n")
    assert said == (
        "function 'f' is bound to ['req'], but its parameters are ['request']:"
        " a binding's name must be the parameter's"
    )


def test_an_orchestrator_whose_context_is_not_called_context_is_refused(tmp_path: Path) -> None:
    """The SDK's wrapper has a parameter `context`, whatever the code calls it."""
    code = "@app.orchestration_trigger(context_name='ctx')\ndef f(ctx):\n    yield\n"
    assert "is bound to ['ctx']" in _refusal(tmp_path, code)


def test_a_parameter_without_a_binding_is_refused(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "@app.route(route='x')\ndef f(req, more): ...\n")
    assert said == "function 'f' has parameters without a binding: ['more']"


def test_two_functions_of_one_name_are_refused(tmp_path: Path) -> None:
    code = "@app.route(route='{0}')\ndef f(req): ...\n"
    said = _refusal(tmp_path, code.format("x") + code.format("y"))
    assert said.startswith("the app cannot be indexed: Function f does not have a unique")


def test_two_activities_of_one_name_are_refused_without_regard_to_case(tmp_path: Path) -> None:
    code = "@app.activity_trigger(input_name='x', activity='Same')\ndef one(x): ...\n"
    code += "@app.activity_trigger(input_name='x', activity='same')\ndef two(x): ...\n"
    assert _refusal(tmp_path, code) == (
        "functions 'one' and 'two' are both the activityTrigger 'same'"
    )


def test_a_trigger_that_is_not_served_is_refused(tmp_path: Path) -> None:
    code = "@app.queue_trigger(arg_name='m', queue_name='q', connection='c')\ndef f(m): ...\n"
    assert "has a 'queueTrigger' binding, which is not served here" in _refusal(tmp_path, code)


def test_the_sdk_refuses_a_second_list_so_the_first_is_kept(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        _HEAD + "@app.activity_trigger(input_name='x')\ndef f(x): ...\n"
    )
    app = load_app(tmp_path)
    with pytest.raises(ValueError, match="does not have a unique"):
        sys.modules["function_app"].app.get_functions()
    assert list(app.functions) == ["f"]


def test_a_route_constraint_that_is_not_served_is_refused(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        _HEAD + "@app.route(route='x/{id:length(3)}')\ndef f(req): ...\n"
    )
    with pytest.raises(AppError, match="route segment not served here"):
        RouteTable(load_app(tmp_path).of_kind("httpTrigger"), "api")


def test_a_literal_route_wins_over_a_parameter_and_that_over_a_rest(tmp_path: Path) -> None:
    code = "".join(
        f"@app.route(route='{route}')\ndef f{number}(req): ...\n"
        for number, route in enumerate(["{*rest}", "{any}", "{any:int}", "named", "{a}/{b}"])
    )
    (tmp_path / "function_app.py").write_text(_HEAD + code)
    table = RouteTable(load_app(tmp_path).of_kind("httpTrigger"), "")
    paths = ["/x/y/z", "/word", "/7", "/NAMED", "/x/y"]
    found = [table.find("GET", each) for each in paths]
    assert [each and each.function.name for each in found] == ["f0", "f1", "f2", "f3", "f4"]


def test_the_sample_app_is_indexed_with_its_blueprints() -> None:
    app = load_app(SAMPLE_APP)
    counter = app.find("entityTrigger", "counter")
    renamed = app.find("activityTrigger", "RENAMED_activity")
    assert counter
    assert renamed
    assert (counter.name, renamed.name) == ("count", "renamed")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected JSON in"),
        ("[]", 'expected "version": "2.0"'),
        ('{"version": "2.0", "extensions": 1}', "expected an object at 'extensions'"),
        ('{"version":"2.0","extensions":{"http":{"routePrefix":1}}}', "is not usable"),
    ],
)
def test_a_host_json_that_is_wrong_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "host.json").write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        read_config(tmp_path)


def test_a_missing_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a host"):
        read_config(tmp_path)


@pytest.mark.parametrize("text", ["* * * *", "60 * * * * *", "0 0 0 31-1 * *", "0 */0 * * * *"])
def test_a_schedule_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_schedule(text)
