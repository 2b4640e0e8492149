"""The stand-in for Lambda, with small functions and AWS's own runtime client."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sandbox.awslambda import FunctionFailed, HttpApi, LambdaFunction, http_event
from tests.package.deployed import runtime_client

SOURCE = """
import os, sys

def echo(event, context):
    return {"event": event, "id": context.aws_request_id, "left": context.get_remaining_time_in_millis()}

def answer(event, context):
    return {"statusCode": 201, "headers": {"content-type": "text/plain"}, "body": event["rawPath"]}

def look(event, context):
    return {"environment": sorted(os.environ), "path": sys.path, "site": "site" in sys.modules}

def fail(event, context):
    raise ValueError("not today")
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runtime_client(tmp_path_factory.mktemp("client"))


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(SOURCE)
    (tmp_path / "broken.py").write_text("import flask\n")
    return tmp_path


def function(handler: str, task: Path, client: Path) -> LambdaFunction:
    return LambdaFunction("shop", handler, task=task, client=[client], environment={"STAGE": "test"})


@pytest.fixture
def echo(task: Path, client: Path) -> Iterator[LambdaFunction]:
    with function("app.echo", task, client) as running:
        yield running


def test_it_answers_one_event_after_the_other(echo: LambdaFunction) -> None:
    answers = [echo.invoke({"number": number}) for number in range(3)]

    assert [answer["event"] for answer in answers] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert len({answer["id"] for answer in answers}) == 3
    assert all(0 < answer["left"] <= 30_000 for answer in answers)


def test_it_has_its_own_environment_and_imports_nothing_else(task: Path, client: Path) -> None:
    with function("app.look", task, client) as running:
        found = running.invoke({})

    assert {"STAGE", "AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT"} <= set(found["environment"])
    assert "VIRTUAL_ENV" not in found["environment"]
    assert not any("site-packages" in path for path in found["path"])


def test_what_a_function_raised_is_told(task: Path, client: Path) -> None:
    with function("app.fail", task, client) as running, pytest.raises(FunctionFailed, match="not today"):
        running.invoke({})


def test_a_module_that_is_missing_is_told_for_every_event(task: Path, client: Path) -> None:
    with function("broken.handler", task, client) as running:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="flask"):
                running.invoke({})


def test_the_gateway_calls_the_function_of_the_route_that_fits_best(task: Path, client: Path) -> None:
    with (
        function("app.answer", task, client) as answering,
        function("app.fail", task, client) as failing,
        HttpApi({"GET /orders/{id}": failing, "GET /orders/new": answering}) as api,
    ):
        assert httpx.get(f"{api.url}/orders/new").text == "/orders/new"
        assert httpx.get(f"{api.url}/orders/1").status_code == 500
        assert httpx.get(f"{api.url}/orders").json() == {"message": "Not Found"}
        assert httpx.post(f"{api.url}/orders/new").status_code == 404


@pytest.mark.parametrize(
    ("media_type", "body", "is_base64"),
    [
        ("application/json", '{"a": 1}', False),
        ("application/x-www-form-urlencoded", "YT0x", True),
    ],
)
def test_a_body_that_is_no_text_comes_as_base64(media_type: str, body: str, *, is_base64: bool) -> None:
    sent = b"a=1" if is_base64 else body.encode()
    headers = {"Content-Type": media_type}

    event = http_event("POST", "/slack", route="POST /slack", parameters={}, headers=headers, body=sent)

    assert (event["body"], event["isBase64Encoded"]) == (body, is_base64)
