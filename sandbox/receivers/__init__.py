"""Stand-ins of the systems that people are told through.

Each checks what it is sent as the real one would, so that a wrong call fails a test; remembers it; and
breaks when it is asked to.
"""

from sandbox.receivers.github import GitHub
from sandbox.receivers.pagerduty import PagerDuty
from sandbox.receivers.slack import Slack
from sandbox.receivers.status_endpoint import StatusEndpoint
from sandbox.receivers.statuspage import Statuspage

__all__ = ["GitHub", "PagerDuty", "Slack", "StatusEndpoint", "Statuspage"]
