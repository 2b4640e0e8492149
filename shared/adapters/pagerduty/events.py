"""PagerDuty's Events API, whose credential is the routing key in each event."""

from shared.adapters.json_api import JsonApi


def events_api(url: str, routing_key: str, *, seconds: float, name: str = "PagerDuty events") -> JsonApi:
    """Return the API; a routing key that it does not know is answered 400, as is an event it cannot read."""
    secrets, rejections = [routing_key], (400, 401, 403)
    return JsonApi(name, url, secrets=secrets, seconds=seconds, rejections=rejections)
