"""The story: lines with the seconds since the beginning, and the waiting for what has to come."""

import time
from collections import deque
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from shared.errors import ConfigurationError
from shared.ports import Message


class Story:
    """Tells who did what, and when."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self.heard: deque[str] = deque()

    def begin(self) -> None:
        """Count from now on."""
        self.began = time.monotonic()

    def say(self, who: str, text: str) -> None:
        """Print a line with the time, in the markup of rich."""
        named = Text.from_markup(who)
        named.pad_right(9 - named.cell_len)
        at = Text(f"{time.monotonic() - self.began:5.1f} s  ", style="dim")
        hang(self.console, Text.assemble(at, named, " "), Text.from_markup(text))

    def told(self, message: Message) -> None:
        """Remember what people are told; the events that it is about are printed first."""
        self.heard.append(message.title)

    def flush(self) -> None:
        """Print what people were told, after the events that they were told of."""
        while self.heard:
            self.say("[magenta]people[/magenta]", escape(self.heard.popleft()))


def hang(console: Console, head: Text, text: Text) -> None:
    """Print a text beside a head, and what does not fit into one line below its beginning."""
    first, *more = text.wrap(console, max(20, console.width - head.cell_len))
    for before, line in [(head, first), *((Text(" " * head.cell_len), line) for line in more)]:
        line.rstrip()
        console.print(Text.assemble(before, line))


def until(
    done: Callable[[], bool], what: str, seconds: float, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Wait for something that has to happen; raise ConfigurationError when it does not in time."""
    ends_at = time.monotonic() + seconds
    while not done():
        meanwhile()
        if time.monotonic() > ends_at:
            raise ConfigurationError(f"the demo gave up waiting for {what}")
        time.sleep(0.05)
