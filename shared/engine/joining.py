"""Joins: what alerts and people add to a live response, whoever holds its lease."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from uuid import uuid4

from shared.domain import complaints, meetings
from shared.domain.alerts import Alert, AlertDigest
from shared.domain.changes import Scalar
from shared.domain.reasons import Reason
from shared.domain.response import KEPT_ALERTS, Event, Heard, Response, Step, Word
from shared.domain.signals import Reading, Readings, Signal
from shared.engine.hands import TasksFor, numbered
from shared.errors import TemporaryError
from shared.ports import Clock, Commit, Queue, Records, State

KEPT_WORDS = 30


def worst(alerts: Sequence[Alert], signals: Readings) -> dict[Signal, Reading]:
    """Return the readings that alerts and an order carried; of several of one signal the worst number."""
    found: dict[Signal, Reading] = dict(signals)
    for alert in alerts:
        if alert.signal is not None:
            found[alert.signal] = _worse(found.get(alert.signal), alert.reading)
    return found


def _worse(known: Reading | None, other: Reading) -> Reading:
    if known is None or known.value is None:
        return other if other.value is not None or known is None else known
    return other if other.value is not None and other.value > known.value else known


def heard(before: Heard, alerts: Sequence[Alert], carried: Readings, words: Sequence[Word] = ()) -> Heard:
    """Return what has been heard with these added; equal to `before` when they add nothing.

    A firing that is known is replaced when it has resolved; the first 50 firings are kept, all new ones
    that come before those are full are counted.
    """
    kept = {digest.episode: digest for digest in before.alerts}
    count = before.alert_count
    for alert in alerts:
        known = kept.get(alert.episode)
        if known is not None:
            if known.firing and not alert.firing:
                kept[alert.episode] = replace(known, firing=False)
            continue
        if not alert.firing:
            continue
        if len(kept) < KEPT_ALERTS:
            kept[alert.episode] = AlertDigest.of(alert)
            count += 1
        elif before.alert_count < KEPT_ALERTS:
            count += 1
    readings = dict(before.carried)
    for signal, reading in carried.items():
        readings[signal] = _worse(readings.get(signal), reading)
    said = [w for w in words if not any(_same(w, known) for known in before.words)]
    references = dict(before.references)
    for alert in alerts:
        references = {**alert.references, **references}
    return Heard(tuple(kept.values()), count, readings, _bounded((*before.words, *said)), references)


def _bounded(words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words without the oldest of those that may be said again and again; the history has them all.

    Else a response would outgrow what can be stored, and no word could open its gate any more.
    """
    spare = [word for word in words if word.verb in _REPEATABLE][:-KEPT_WORDS]
    return tuple(word for word in words if word not in spare)


def _same(word: Word, known: Word) -> bool:
    if word.verb in _REPEATABLE:
        return word == known
    return (word.verb, word.question) == (known.verb, known.question) and (
        word.verb != "order" or word.by == known.by
    )


def facts(alerts: Sequence[Alert]) -> Mapping[str, Scalar]:
    """Return what the history says of joined alerts."""
    return {
        "alerts": len(alerts),
        "firing": sum(a.firing for a in alerts),
        "names": ", ".join(sorted({a.name for a in alerts}))[:200],
    }


def join(state: State, after: Heard, event: Event, now: datetime) -> Commit:
    """Return the commit that adds to a response; a live one that nobody works on becomes due at once."""
    events = numbered([event], version=state.version, last_event=state.last_event)
    joined = replace(
        state,
        response=replace(state.response, heard=after),
        version=events[-1].number,
        last_event=events[-1].number,
        due_at=now if state.response.live and state.lease.owner is None else state.due_at,
        commit_id=uuid4().hex,
    )
    return Commit(joined, state.version, state.lease.owner, events)


class Said(Enum):
    """What became of a person's word."""

    TAKEN = auto()
    REPEATED = auto()  # the same word had been said before
    NOT_ASKED = auto()  # an approval where nothing is asked, something else is, or someone has said no
    ENDED = auto()
    UNKNOWN = auto()  # no such response


@dataclass(frozen=True)
class Listener:
    """Takes people's words on a response: approve, abort, now (not wait any longer), acknowledge, resume."""

    records: Records
    queue: Queue
    clock: Clock
    tasks_for: TasksFor

    def say(
        self, response_id: str, verb: str, *, by: str, reason: str = "", question: str | None = None
    ) -> Said:
        """Record a word; the first of its kind wins.

        An approval counts for the question that is asked now, and for no other; `question` is the one that
        the person was shown, where that is known, or chose where there are several. ``now`` ends a hold, and
        is an approval where one is asked.
        An acknowledgement counts after the end too: somebody is on it, and nobody else need be called.
        ``resume`` counts only then, where the response has left an owner stopped; ``restore-flags`` too, and
        whether customers complain, of which the newest word counts, and what is said of a meeting (`question`
        is then when it is to be), unless it was the last that was said.
        """

        def word(response: Response, now: datetime) -> Word | Said:
            if verb == "resume" and (response.live or response.suspended is None):
                return Said.NOT_ASKED
            if verb in {"restore-flags", *_SAID_OF_THE_END} and response.live:
                return Said.NOT_ASKED
            if verb in meetings.WORDS:
                return _of_meeting(Word(verb, by, now, reason, question or ""), response)
            if verb not in _ANSWERS:
                return Word(verb, by, now, reason)
            asked = response.questions
            if (question is None and len(asked) > 1) or (question is not None and question not in asked):
                return Said.NOT_ASKED
            counts_as = _counts_as(verb, response)
            if any(response.heard.word(counts_as or verb, each) for each in asked):
                return Said.REPEATED
            if not counts_as or response.heard.word("abort"):
                return Said.NOT_ASKED
            return Word(counts_as, by, now, reason, question or asked[0])

        return self._add(response_id, word)

    def refuse(self, response_id: str, verb: str, *, by: str) -> Said:
        """Record that someone without the right to it wanted to say a word; once for each person and word."""
        return self._add(response_id, lambda _, now: Word("refused", by, now, verb, question=f"{verb} {by}"))

    def _add(self, response_id: str, word_on: Callable[[Response, datetime], Word | Said]) -> Said:
        for _ in range(50):
            state = self.records.read(responses=[response_id]).states.get(response_id)
            if state is None:
                return Said.UNKNOWN
            response = state.response
            now = self.clock()
            word = word_on(response, now)
            if not response.live and not (isinstance(word, Word) and word.verb in _COUNT_AFTERWARDS):
                return Said.ENDED
            if isinstance(word, Said):
                return word
            after = heard(response.heard, (), {}, (word,))
            if after == response.heard:
                return Said.REPEATED
            facts: dict[str, Scalar] = {"reason": word.reason} if word.reason else {}
            if word.verb in meetings.WORDS:
                facts |= {"at": word.question} if word.question else {"cancel": True}
            event = Event(0, 0, now, response.phase, word.verb, word.by, facts)
            commit = join(state, after, event, now)
            tasks = tuple(task for e in commit.events for task in self.tasks_for(response, e))
            if self.records.commit(replace(commit, tasks=tasks)) is not None:
                continue
            if response.live and commit.state.lease.owner is None:
                self._wake(response_id)
            return Said.TAKEN
        raise TemporaryError(f"response {response_id} is contended; say it again", reason=Reason.INTERNAL)

    def _wake(self, response_id: str) -> None:
        try:
            self.queue.send(response_id)
        except TemporaryError:
            return


_SAID_OF_THE_END = frozenset({complaints.SOME, complaints.NONE, *meetings.WORDS})

_REPEATABLE = frozenset({"resume", "restore-flags"}) | _SAID_OF_THE_END
"""Words that may be said again and again."""

_COUNT_AFTERWARDS = frozenset({"acknowledge", "resume", "restore-flags", "ungate"}) | _SAID_OF_THE_END
"""Words that are heard of a response that has ended."""

_ANSWERS = frozenset({"approve", "now"})
"""Words that answer a question, so that each counts for one only."""


def _of_meeting(word: Word, response: Response) -> Word | Said:
    """Return the word; the one before it where it says the same, so that one sent twice moves nothing."""
    if response.live:
        return Said.NOT_ASKED
    said = [known for known in response.heard.words if known.verb in meetings.WORDS]
    same = bool(said) and (said[-1].verb, said[-1].question) == (word.verb, word.question)
    return said[-1] if same else word


def _counts_as(verb: str, response: Response) -> str:
    """Return as which word an answer counts in the phase that the response is in; empty where as none."""
    if response.phase == Step.APPROVE and not (verb == "now" and response.offers):
        return "approve"
    return "now" if response.phase == Step.HOLD and verb == "now" else ""
