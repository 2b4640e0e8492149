"""Logs: plain where a person looks on, else one JSON object a line that names response, workload and step."""

import json
import logging
import sys
from datetime import UTC, datetime

from shared import subjects

_NAMES = ("response", "workload", "step", "task")


class JsonLines(logging.Formatter):
    """One JSON object for each record: time, level, logger, message, what it is about, and any traceback.

    What it is about comes with the record, or from the call in which it was logged.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        present = subjects.present().told()
        named = {name: getattr(record, name, "") or present.get(name, "") for name in _NAMES}
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in named.items() if value},
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def to_stderr(*, as_json: bool) -> None:
    """Send the program's own logs from INFO on, and everybody else's warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", datefmt="%H:%M:%S")
    handler.setFormatter(JsonLines() if as_json else plain)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("backout").setLevel(logging.INFO)
