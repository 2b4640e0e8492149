"""Loading: from a file to settings, or to one error that tells all that is wrong."""

from pathlib import Path

from shared.errors import ConfigurationError
from shared.settings import schema
from shared.settings.building import build
from shared.settings.conforming import Problems, conform
from shared.settings.documents import read
from shared.settings.model import Settings


def load(path: str | Path) -> Settings:
    """Load the configuration file. Raises ConfigurationError with every problem that was found."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The configuration {path} cannot be read: {error}") from error
    return parse(text, named=str(path))


def parse(text: str, *, named: str = "configuration") -> Settings:
    """Parse a configuration. The environment is not looked at: secrets are looked up when they are used."""
    problems: Problems = []
    document = conform(read(text, named=named), schema.Document, "", problems)
    settings = build(document, problems) if isinstance(document, schema.Document) else None
    if problems or settings is None:
        raise ConfigurationError("\n- ".join([f"{named} is not valid:", *problems]))
    return settings
