"""Edges: how a function is reached. One Flask app behind functions-framework, API Gateway and waitress.

A function is its `respond(door, request)`. Importing one reads no environment: the app and the door are
made with the first request.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from flask import Flask, Request, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, RoutingException

from functions import answers
from shared import bootstrap
from shared.bootstrap import Door
from shared.intake.bodies import MAX_BYTES, check_size

Respond = Callable[[Door, Request], Response]
LambdaHandler = Callable[[dict[str, Any], object], dict[str, Any]]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def app_of(respond: Respond, door: Callable[[], Door] = bootstrap.deployed_door) -> Flask:
    """Return an app that has every call answered by `respond`, and every error told as a problem."""
    app = Flask("backout", static_folder=None)
    # werkzeug cuts a body of unknown length off at its limit; one byte above ours, `body` notices.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + 1
    app.url_map.merge_slashes = False
    app.register_error_handler(Exception, answers.of_error)

    def view(**_: object) -> Response:
        answered = respond(door(), request)
        if isinstance(answered, answers.Accepted):
            door().metrics.add(answered.measures)
        return answered

    for rule in ("/", "/<path:path>"):
        app.add_url_rule(rule, "any", view, methods=_METHODS, provide_automatic_options=False)
    return app


def target(respond: Respond) -> Callable[[Request], Response]:
    """Return the functions-framework target of a function."""
    app = cache(lambda: app_of(respond))

    def main(request: Request) -> Response:
        """Answer a request that functions-framework received."""
        return cast(Response, Response.from_app(app(), request.environ))

    return main


def lambda_handler(respond: Respond) -> LambdaHandler:
    """Return the AWS Lambda handler of a function, for API Gateway's payloads 1.0 and 2.0."""

    @cache
    def made() -> LambdaHandler:
        from apig_wsgi import make_lambda_handler

        return make_lambda_handler(app_of(respond))

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answer a request that API Gateway received."""
        return made()(event, context)

    return handler


def routed(routes: Map, door: Door, request: Request) -> Response:
    """Answer by the rule that fits path and method; its endpoint is called with what the path holds.

    Raises NotFound and MethodNotAllowed.
    """
    adapter = routes.bind_to_environ(request.environ)
    try:
        call, arguments = adapter.match()
    except (NotFound, RoutingException) as error:
        raise NotFound(f"There is nothing at {request.path}.") from error
    answered: Response = call(door, request, **arguments)
    return answered


def body(request: Request) -> bytes:
    """Return the body, of 5 MiB at most; raises InvalidRequest (413), if possible before reading it."""
    check_size(request.content_length or 0)
    read = request.get_data(cache=False)
    check_size(len(read))
    return read
