"""Answers a press: a word that only the person who pressed sees."""

import http.client
import logging

_log = logging.getLogger("backout.slack")

_TIMEOUT_SECONDS = 0.5


def answer_press(response_url: str, text: str) -> None:
    """Post the text to a press's response URL, within a second; what fails is logged, and no more.

    Slack ignores the body of the answer to a press, so this is the only way to say something to one person
    alone. The URL is a credential: no log names it.
    """
    from slack_sdk.errors import SlackClientError
    from slack_sdk.webhook import WebhookClient

    quiet = logging.getLogger("backout.slack.sdk")
    client = WebhookClient(response_url, retry_handlers=[], logger=quiet)
    client.timeout = _TIMEOUT_SECONDS  # type: ignore[assignment]  # urllib takes fractions too
    try:
        answer = client.send(text=text, response_type="ephemeral", replace_original=False)
    except (OSError, http.client.HTTPException, SlackClientError, ValueError, LookupError) as error:
        _log.warning("a press could not be answered: %s", type(error).__name__)
        return
    if answer.status_code != http.client.OK:
        _log.warning("a press could not be answered: Slack answered %d", answer.status_code)
