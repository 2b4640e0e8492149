"""The demo: a good version, a bad one, an alert, and the rollback, with everything real that is here."""

from cli.demo.telling import run

__all__ = ["run"]
