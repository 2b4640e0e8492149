"""A stand-in for AWS Lambda: the Runtime API, a process for each function, and what calls them.

The process is started as Lambda starts it, with AWS's own runtime client, in the folder of what was packaged
and with nothing else to import. Shapes: AWS's guides to Lambda, API Gateway, SQS and EventBridge.
"""

from sandbox.awslambda.events import http_event, scheduled_event, sqs_event
from sandbox.awslambda.function import LambdaFunction
from sandbox.awslambda.gateway import HttpApi
from sandbox.awslambda.polling import Poller
from sandbox.awslambda.runtime_api import FunctionFailed

__all__ = [
    "FunctionFailed",
    "HttpApi",
    "LambdaFunction",
    "Poller",
    "http_event",
    "scheduled_event",
    "sqs_event",
]
