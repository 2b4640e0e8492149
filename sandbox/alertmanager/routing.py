"""Groups of alerts on their way to the webhook: wait, flush, retry, and again."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from sandbox.alertmanager.alerts import Alert, merge, utc_now
from sandbox.alertmanager.notifications import (
    Sent,
    Snapshot,
    quoted_labels,
    reason_to_send,
    webhook_body,
)

_FIRST_PAUSE_SECONDS = 0.5
_PAUSE_GROWTH = 1.5
_PAUSE_SPREAD = 0.5
_LONGEST_PAUSE_SECONDS = 60.0
_LEAST_FLUSH_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where alerts go and how they are bundled. `token` is sent as a bearer credential."""

    webhook_url: str
    token: str | None = None
    receiver: str = "webhook"
    group_by: tuple[str, ...] = ("alertname", "namespace", "deployment")
    group_wait_seconds: float = 0.0
    group_interval_seconds: float = 5.0
    repeat_interval_seconds: float = 4 * 3600.0


@dataclass
class Dispatcher:
    """The groups that hold alerts, each flushed by a task of its own; used from one event loop only."""

    route: Route
    external_url: str
    client: httpx.AsyncClient
    _groups: dict[str, dict[str, Alert]] = field(default_factory=dict)
    _sent: dict[str, Sent] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def alerts(self) -> list[Alert]:
        """List what fires now."""
        now = utc_now()
        return [
            alert for group in self._groups.values() for alert in group.values() if not alert.resolved(now)
        ]

    def add(self, alert: Alert) -> None:
        """Put an alert into its group; the first of a group starts the group's rhythm."""
        labels = {name: alert.labels[name] for name in self.route.group_by if name in alert.labels}
        key = quoted_labels(labels)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = {}
            task = asyncio.create_task(self._run(key, labels, waited=utc_now() - alert.starts_at))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        old = group.get(alert.fingerprint)
        group[alert.fingerprint] = merge(old, alert) if old else alert

    async def close(self) -> None:
        """End every group's task."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, key: str, labels: Mapping[str, str], *, waited: timedelta) -> None:
        """Flush after `group_wait`, then every `group_interval`, until the group is empty."""
        await asyncio.sleep(max(0.0, self.route.group_wait_seconds - waited.total_seconds()))
        loop = asyncio.get_running_loop()
        while self._groups[key]:
            due = loop.time() + self.route.group_interval_seconds
            await self._flush(key, labels)
            await asyncio.sleep(max(0.0, due - loop.time()))
        del self._groups[key]

    async def _flush(self, key: str, labels: Mapping[str, str]) -> None:
        """Tell the receiver if there is a reason; only what it took is remembered as told."""
        group = self._groups[key]
        snapshot = Snapshot(list(group.values()), utc_now())
        repeat_interval = timedelta(seconds=self.route.repeat_interval_seconds)
        reason = reason_to_send(snapshot, self._sent.get(key), repeat_interval=repeat_interval)
        if reason is not None:
            body = webhook_body(
                snapshot,
                reason=reason,
                receiver=self.route.receiver,
                group_labels=labels,
                external_url=self.external_url,
            )
            if not await self._deliver(body):
                return
            self._sent[key] = snapshot.as_sent()
        for alert in snapshot.alerts:
            if alert.resolved(snapshot.now) and group.get(alert.fingerprint) is alert:
                del group[alert.fingerprint]

    async def _deliver(self, body: dict[str, object]) -> bool:
        """Post until it is taken; give up on any answer but 2xx and 5xx, or when the flush's time is over."""
        try:
            async with asyncio.timeout(max(self.route.group_interval_seconds, _LEAST_FLUSH_SECONDS)):
                pause = _FIRST_PAUSE_SECONDS
                while (status := await self._post(body)) is None or status >= 500:
                    await asyncio.sleep(pause * random.uniform(1 - _PAUSE_SPREAD, 1 + _PAUSE_SPREAD))
                    pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE_SECONDS)
        except TimeoutError:
            return False
        return 200 <= status < 300

    async def _post(self, body: dict[str, object]) -> int | None:
        headers = {"User-Agent": "Alertmanager/sandbox"}
        if self.route.token is not None:
            headers["Authorization"] = f"Bearer {self.route.token}"
        try:
            answer = await self.client.post(self.route.webhook_url, json=body, headers=headers)
        except httpx.HTTPError:
            return None
        return answer.status_code
