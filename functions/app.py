"""All functions in one app, as `backout serve` runs them."""

from collections.abc import Mapping
from functools import partial

from flask import Flask, Request, Response, request
from werkzeug.exceptions import NotFound

from functions import (
    alertmanager,
    decide,
    doctor,
    edges,
    freeze,
    gates,
    github,
    health,
    invoke,
    pagerduty,
    responses,
    slack,
)
from functions.doors import BOUND_TO
from functions.edges import Respond
from shared.bootstrap import Door, Engine
from shared.domain.metrics import REQUESTS, Measure

ENDPOINTS: Mapping[str, str] = {
    "/alertmanager": "POST, credential auth.alertmanager",
    "/slack": "POST, signed with auth.slack",
    "/invoke": "POST, credential auth.invoke",
    "/github": "POST, signed with auth.github",
    "/pagerduty": "POST, signed with auth.pagerduty",
    "/pagerduty/actions/{action}": "POST, secret auth.pagerduty_actions",
    "/responses": "GET, credential auth.read",
    "/responses/{id}": "GET, credential auth.read",
    "/responses/{id}/report": "GET, credential auth.read",
    "/responses/{id}/approve": "POST, credential auth.invoke",
    "/responses/{id}/abort": "POST, credential auth.invoke",
    "/responses/{id}/acknowledge": "POST, credential auth.invoke",
    "/responses/{id}/resume": "POST, credential auth.invoke",
    "/responses/{id}/restore-flags": "POST, credential auth.invoke",
    "/responses/{id}/meeting": "POST, credential auth.invoke",
    "/responses/{id}/complaints": "POST, credential auth.invoke",
    "/responses/{id}/no-complaints": "POST, credential auth.invoke",
    "/gates": "GET, credential auth.read",
    "/gates/{service}": "GET, credential auth.read; DELETE, credential auth.invoke",
    "/freeze[/{scope}]": "GET, credential auth.read; PUT, DELETE, credential auth.invoke",
    "/decide/{token}": "GET a page, POST the answer; the signed token is the credential",
    "/doctor": "GET, credential auth.read",
    "/healthz": "GET",
    "/readyz": "GET",
    "/metrics": "GET, credential auth.read",
}
"""What there is, for people."""


def create(
    door: Door, *, engine: Engine | None = None, bound_to: str = "", kubeconfig: str | None = None
) -> Flask:
    """Return the app. `engine` serves dry runs and the doctor, who looks at the cluster of `kubeconfig`.

    `bound_to` is the address that the server listens on.
    """
    functions: Mapping[str, Respond] = {
        "alertmanager": alertmanager.respond,
        "invoke": partial(invoke.respond, engine=engine),
        "pagerduty": pagerduty.respond,
        "slack": slack.respond,
        "responses": responses.respond,
        "freeze": freeze.respond,
        "gates": gates.respond,
        "github": github.respond,
        "decide": decide.respond,
        "doctor": partial(doctor.respond, engine=engine, kubeconfig=kubeconfig),
        "healthz": health.respond,
        "readyz": health.respond,
        "metrics": health.respond,
    }

    def respond(door: Door, request: Request) -> Response:
        function = functions.get(_first(request))
        if function is None:
            raise NotFound(f"There is nothing at {request.path}.")
        return function(door, request)

    def counted(response: Response) -> Response:
        endpoint = _first(request) if _first(request) in functions else "none"
        door.metrics.add([Measure(REQUESTS, (endpoint, str(response.status_code)))])
        return response

    app = edges.app_of(respond, lambda: door)
    app.config[BOUND_TO] = bound_to
    app.after_request(counted)
    return app


def _first(request: Request) -> str:
    return request.path.split("/")[1]
