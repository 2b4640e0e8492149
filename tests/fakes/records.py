"""Records kept in memory, by the table's own rules, with places for a test to fail, stop or look in."""

import threading
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from shared.adapters.dynamodb import items
from shared.adapters.dynamodb.items import Item, Key
from shared.adapters.dynamodb.views import Asked
from shared.domain.reasons import Reason
from shared.domain.records import Freezes
from shared.domain.response import Event, Task
from shared.domain.workloads import WorkloadRef
from shared.errors import BackoutError, PermanentError, TemporaryError
from shared.ports import Commit, Due, Lost, State, Versioned, View


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"


Hook = Callable[[str, Moment], None]


class FakeRecords:
    """A table in memory; what it holds goes through the real table's items, so it forgets nothing of them.

    `on_call` is called with the name of each call ("read", "commit", ...) before and after it, with no lock
    held: it may raise (a crash; after a commit: one that was stored and whose answer was lost), block, or
    call the fake itself (someone else is faster). `away` makes every call a TemporaryError. `calls` counts.
    """

    def __init__(self, on_call: Hook | None = None) -> None:
        self.on_call: Hook = on_call or (lambda name, moment: None)
        self.away = False
        self.calls: Counter[str] = Counter()
        self._errors: defaultdict[str, deque[BackoutError]] = defaultdict(deque)
        self._lost: deque[Lost] = deque()
        self._items: dict[Key, Item] = {}
        self._lock = threading.RLock()

    def fail(self, name: str, *errors: BackoutError) -> None:
        """Let the next calls of that name raise these errors, one each, and store nothing."""
        self._errors[name].extend(errors)

    def lose(self, *parts: str) -> None:
        """Let the next commit that is not answered otherwise lose on these parts."""
        self._lost.append(Lost(frozenset(parts)))

    def read(
        self,
        *,
        responses: Collection[str] = (),
        workloads: Collection[WorkloadRef] = (),
        deliveries: Collection[tuple[str, str]] = (),
        freezes: bool = False,
        storm: str | None = None,
    ) -> View:
        asked = Asked(responses, workloads, deliveries, freezes, storm)
        with self._call("read"):
            return asked.view({key: self._items[key] for key in asked.keys if key in self._items})

    def commit(self, commit: Commit) -> Lost | None:
        with self._call("commit"):
            if self._lost:
                return self._lost.popleft()
            written, lost = self._judged(commit)
            if len({items.key_of(item) for item in written}) < len(written):
                raise PermanentError("a commit writes an item twice")
            if lost:
                before = any(self._stored_by(item) == commit.state.commit_id for item in written)
                return None if before else Lost(frozenset(lost))
            self._items.update({items.key_of(item): item for item in written})
            return None

    def events(self, response_id: str) -> Sequence[Event]:
        with self._call("events"):
            return [items.event(item) for item in self._items_of(response_id, items.EVENT)]

    def tasks(self, response_id: str) -> Sequence[Task]:
        with self._call("tasks"):
            return [items.task(item).value for item in self._items_of(response_id, items.TASK)]

    def task(self, response_id: str, name: str) -> Versioned[Task] | None:
        with self._call("task"):
            item = self._items.get(items.task_key(response_id, name))
            return items.task(item) if item else None

    def put_task(self, task: Versioned[Task]) -> bool:
        with self._call("put_task"):
            return self._put(items.of_task(task, commit_id=uuid.uuid4().hex), task.version)

    def put_freezes(self, freezes: Versioned[Freezes]) -> bool:
        with self._call("put_freezes"):
            return self._put(items.of_freezes(freezes, commit_id=uuid.uuid4().hex), freezes.version)

    def due(self, now: datetime, *, limit: int = 100) -> Sequence[Due]:
        with self._call("due"):
            owed = [items.due(item) for item in self._items.values() if "due_shard" in item]
        return sorted((due for due in owed if due.due_at <= now), key=lambda due: due.due_at)[:limit]

    def recent(self, day: str, *, service: str = "", limit: int = 100) -> Sequence[State]:
        with self._call("recent"):
            listed = [item for item in self._items.values() if item.get("day") == {"S": day}]
        states = [items.state(item) for item in listed if not service or item["service"] == {"S": service}]
        return sorted(states, key=lambda state: state.response.started_at, reverse=True)[:limit]

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        with self._lock:
            self.calls[name] += 1
        self.on_call(name, Moment.BEFORE)
        with self._lock:
            if self._errors[name]:
                raise self._errors[name].popleft()
            if self.away:
                raise TemporaryError("the table is away", reason=Reason.INTERNAL)
            yield
        self.on_call(name, Moment.AFTER)

    def _judged(self, commit: Commit) -> tuple[list[Item], set[str]]:
        """Return what the commit writes, and the parts whose condition does not hold."""
        id_, by = commit.state.response.id, commit.state.commit_id
        rules: list[tuple[str, Item, int]] = [("state", items.of_state(commit.state), commit.version_before)]
        records = (commit.workload,) if commit.workload is not None else ()
        rules += [("workload", items.of_workload(r), r.version) for r in (*records, *commit.claims)]
        if commit.storm is not None:
            rules.append(("storm", items.of_storm(*commit.storm), commit.storm[1].version))
        rules += [("event", items.of_event(id_, event, commit_id=by), 0) for event in commit.events]
        rules += [("task", items.of_task(Versioned(t, 0), commit_id=by), 0) for t in commit.tasks]
        lost = {part for part, item, version in rules if self._version(items.key_of(item)) != version}
        if commit.version_before and self._owner(id_) != commit.owner_before:
            lost.add("state")
        if commit.freezes_version not in (None, self._version(items.FREEZES_KEY)):
            lost.add("freezes")
        deliveries = [items.of_delivery(commit.delivery)] if commit.delivery else []
        return [item for _, item, _ in rules] + deliveries, lost

    def _version(self, key: Key) -> int | None:
        """Return the stored version: 0 when there is no such item, None when it is there without one."""
        item = self._items.get(key)
        if item is None:
            return 0
        return items.version(item) if "version" in item else None

    def _owner(self, response_id: str) -> str | None:
        item = self._items.get(items.response_key(response_id))
        return items.state(item).lease.owner if item else None

    def _stored_by(self, item: Item) -> str | None:
        stored = self._items.get(items.key_of(item))
        return items.commit_id(stored) if stored else None

    def _put(self, item: Item, version: int) -> bool:
        if self._version(items.key_of(item)) != version:
            return False
        self._items[items.key_of(item)] = item
        return True

    def _items_of(self, response_id: str, prefix: str) -> list[Item]:
        pk, _ = items.response_key(response_id)
        return [self._items[key] for key in sorted(self._items) if key[0] == pk and key[1].startswith(prefix)]
