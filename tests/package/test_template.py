"""What is deployed: nothing public that the design does not know, and no right that is not needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from functions.doctor import references
from infra.aws.granting import secrets_of
from shared import settings
from tests.package.aws import Aws
from tests.package.deployed import CONFIG, ROOT, Deployed
from tests.package.template import Template

ROUTES = {
    "alertmanager": {"POST /alertmanager"},
    "decide": {"GET /decide/{token}", "POST /decide/{token}"},
    "doctor": {"GET /doctor"},
    "freeze": {f"{verb} /freeze{scope}" for verb in ("GET", "PUT", "DELETE") for scope in ("", "/{scope+}")},
    "gates": {"GET /gates", "GET /gates/{service}", "DELETE /gates/{service}"},
    "github": {"POST /github"},
    "health": {"GET /healthz", "GET /readyz"},
    "invoke": {"POST /invoke"},
    "pagerduty": {"POST /pagerduty", "POST /pagerduty/actions/{action}"},
    "responses": {"GET /responses", "GET /responses/{id}", "GET /responses/{id}/report"}
    | {
        f"POST /responses/{{id}}/{verb}"
        for verb in (
            *("abort", "acknowledge", "approve", "complaints"),
            *("meeting", "no-complaints", "restore-flags", "resume"),
        )
    },
    "slack": {"POST /slack"},
}
UNRESTRICTABLE = ("ec2:", "rds:Describe", "ses:GetAccount", "xray:")
"""The beginnings of actions that AWS does not let restrict to a resource."""


def test_cfn_lint_finds_nothing(template: Template) -> None:
    """Leave out that osls writes dependencies that references imply (W3005)."""
    program = Path(sys.executable).with_name("cfn-lint")
    command = [str(program), "--ignore-checks", "W3005", "--", str(template.path)]
    found = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (found.returncode, found.stdout) == (0, "")


def test_public_are_the_routes_of_the_design_and_no_more(template: Template) -> None:
    routes = {name: {r for r, owner in template.routes.items() if owner == name} for name in ROUTES}

    assert routes == ROUTES
    assert set(template.routes.values()) == set(ROUTES)
    assert template.kind("AWS::Lambda::Url") == {}


def test_the_worker_and_the_sweep_are_called_by_the_queue_and_the_clock_alone(template: Template) -> None:
    called_by: dict[str, set[str]] = {}
    for permission in template.kind("AWS::Lambda::Permission").values():
        name = permission["FunctionName"]["Fn::GetAtt"][0].removesuffix("LambdaFunction").lower()
        called_by.setdefault(name, set()).add(permission["Principal"])

    assert called_by.pop("sweep") == {"events.amazonaws.com"}
    assert called_by == {name: {"apigateway.amazonaws.com"} for name in ROUTES}
    [source] = template.kind("AWS::Lambda::EventSourceMapping").values()
    assert source["FunctionName"]["Fn::GetAtt"][0] == "AdvanceLambdaFunction"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    [rule] = template.kind("AWS::Events::Rule").values()
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")


def test_each_function_has_a_role_of_its_own(template: Template) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in template.functions.values()]

    assert len(set(roles)) == len(roles)
    assert set(roles) == set(template.kind("AWS::IAM::Role"))


def test_every_right_names_its_action_and_its_resource(template: Template) -> None:
    for name in template.functions:
        for action, resource in template.rights(name):
            assert "*" not in action, f"{name}: {action}"
            assert resource != "*" or action.startswith(UNRESTRICTABLE), f"{name}: {action} on {resource}"


def test_a_function_reads_the_secrets_that_it_looks_up(running: Deployed) -> None:
    loaded = settings.load(str(CONFIG))
    granted = secrets_of(loaded)
    for name in running.template.functions:
        refs = {r for r in running.template.rights(name) if r[0].startswith(("ssm:", "secretsmanager:"))}
        assert {resource.partition("backout/")[2] for _, resource in refs} == {
            ref.partition("backout/")[2] for ref in granted[name]
        }
    assert granted["doctor"] == set(references(loaded))
    assert {name for name, refs in granted.items() if any("alice" in ref for ref in refs)} == {
        "doctor",
        "freeze",
        "gates",
        "invoke",
        "responses",
    }


def test_a_message_is_hidden_six_times_as_long_as_a_worker_may_take(template: Template) -> None:
    queue = template.kind("AWS::SQS::Queue")["Queue"]

    assert queue["VisibilityTimeout"] >= 6 * template.functions["advance"]["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] <= 5


def test_sweeps_run_one_at_a_time_and_workers_as_many_as_are_configured(template: Template) -> None:
    [source] = template.kind("AWS::Lambda::EventSourceMapping").values()

    assert template.functions["sweep"]["ReservedConcurrentExecutions"] == 1
    workers = template.functions["advance"]["ReservedConcurrentExecutions"]
    assert source["ScalingConfig"]["MaximumConcurrency"] == workers


def test_every_log_ends_some_day(template: Template) -> None:
    groups = template.kind("AWS::Logs::LogGroup")

    assert len(groups) == len(template.functions)
    assert all(group["RetentionInDays"] > 0 for group in groups.values())


def test_every_alarm_is_told_to_the_topic(template: Template) -> None:
    alarms = template.kind("AWS::CloudWatch::Alarm")
    dashboard = template.kind("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]["Fn::Sub"]

    assert all(alarm["AlarmActions"] == [{"Ref": "Alarms"}] for alarm in alarms.values())
    assert all(f"${{{name}.Arn}}" in dashboard for name in alarms)
    assert json.loads(dashboard)["widgets"]


def test_names_differ_between_stages(template: Template) -> None:
    """Take the name of the stage away: what is left may not name anything."""
    named = (
        "TableName",
        "QueueName",
        "TopicName",
        "AlarmName",
        "DashboardName",
        "FunctionName",
        "LogGroupName",
    )
    kinds = ("DynamoDB", "SQS", "SNS", "CloudWatch", "Logs")
    for resource in template.resources.values():
        if resource["Type"].split("::")[1] in kinds:
            names = [value for key, value in resource["Properties"].items() if key in named]
            assert all("backout-dev" in name for name in names), resource


def test_what_cannot_be_worked_on_goes_to_the_dead_letters(running: Deployed, stand_in: Aws) -> None:
    client = stand_in.client("sqs")
    told = client.get_queue_attributes(QueueUrl=running.poller.queue_url, AttributeNames=["All"])[
        "Attributes"
    ]

    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"].endswith(":backout-dev-dead-letters")


@pytest.mark.parametrize("name", sorted({*ROUTES, "advance"}))
def test_a_function_is_a_file_of_functions(name: str) -> None:
    assert (ROOT / "functions" / f"{name}.py").is_file()
