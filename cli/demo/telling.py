"""Tells the demo while it happens, and proves its end by the cluster's own count."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.demo.story import Story, until
from shared.domain import aftercare
from shared.domain.response import Event, Outcome
from shared.errors import ConfigurationError
from shared.ports import State

if TYPE_CHECKING:
    from cli.demo.cast import Cast
    from cli.demo.gitops import GitOps
    from cli.demo.people import Part
    from cli.demo.stage import Stage

WARM_UP_SECONDS = 8.0
"""How long the good version is watched first: a query window and some scrapes, for its record."""

LONGEST_SECONDS = 50.0


def run(
    *,
    as_json: bool,
    people: bool = False,
    by_git: bool = False,
    stuck: bool = False,
    prefer_real: bool = True,
) -> int:
    """Play the demo; return 0 only if the good image runs again and the response is completed."""
    console = Console(stderr=as_json, highlight=False)
    try:
        from cli.demo.stage import DEPLOYMENT, STATEFUL_SET, stage

        kind = STATEFUL_SET if stuck else DEPLOYMENT
        console.print("[bold]Backout demo[/bold]: a bad deploy, and how it is undone")
        console.print("[dim]setting up a cluster, a shop, Prometheus, Alertmanager and Backout ...[/dim]")
        story = Story(console)
        with ExitStack() as running:
            cast = running.enter_context(_cast()) if people else None
            playing = running.enter_context(
                stage(tell=story.told, cast=cast, by_git=by_git, kind=kind, prefer_real=prefer_real)
            )
            return _play(playing, console, story, cast, as_json=as_json)
    except ConfigurationError as error:
        console.print(f"[red]{error}[/red]")
        return 1


def _cast() -> "AbstractContextManager[Cast]":
    from cli.demo.cast import cast

    return cast()


def _play(playing: "Stage", console: Console, story: Story, cast: "Cast | None", *, as_json: bool) -> int:
    from cli.demo import afterwards, people, stage

    story.begin()
    source = (
        "the real Prometheus and Alertmanager"
        if playing.monitoring.alert_source == "alertmanager"
        else ("small stand-ins for Prometheus and Alertmanager (their Debian packages are not installed)")
    )
    console.print(f"A stand-in cluster, a shop with 50 requests a second, {source}.\n", soft_wrap=True)
    story.say("deployed", f"{stage.GOOD}  and traffic flows")
    until(playing.rolled_out, "the good version's rollout", 10)
    until(lambda: time.monotonic() - story.began >= WARM_UP_SECONDS, "the good version's record", 20)
    deployed_at = playing.deploy(stage.BAD)
    how = "pushed" if playing.gitops else "deployed"
    story.say(f"[red]{how}[/red]", f"[red]{stage.BAD}[/red]  a quarter of its answers are errors")
    if playing.kind == stage.STATEFUL_SET:
        story.say("", "and its second pod crashes: no rollback alone gets past it")
    part = people.Part(cast, playing.url, story.say) if cast else None
    state = _watched(playing, story, deployed_at, part)
    if state is not None and cast is None:
        until(lambda: _all_told(playing, state), "the last messages", 15)
        story.flush()
    if playing.gitops is not None and state is not None:
        until(lambda: not _suspended(playing, state), "Argo CD to run again", 45, story.flush)
        until(lambda: _all_told(playing, state), "the last messages", 15)
        story.flush()
        _by_git(playing.gitops, console)
    if cast and state is not None:
        afterwards.play(playing, cast, state, story.say)
        people.received(console, cast)
        silent = people.missing(cast)
        if silent:
            console.print(f"\n[red]Missing: {', '.join(silent)}.[/red]")
            return 1
        afterwards.papers(console, cast, state.response.id)
    more = afterwards.as_json(cast) if cast else {}
    return _ended(playing, console, state, more, as_json=as_json)


def _all_told(playing: "Stage", state: State) -> bool:
    """Return whether nothing is owed any more but the timers of what has ended."""
    tasks = playing.door.records.tasks(state.response.id)
    return all(task.due_at is None for task in tasks if task.kind == "tell")


def _suspended(playing: "Stage", state: State) -> list[str]:
    """Return what the response stopped and nobody has started again."""
    tasks = {task.name: task for task in playing.door.records.tasks(state.response.id)}
    still = aftercare.still_stopped(state.response, tasks)
    return [str(state.response.suspended)] if still else []


def _by_git(gitops: "GitOps", console: Console) -> None:
    """Print what the repository holds at the end, and whether Argo CD syncs by itself again."""
    console.print("\nThe branch that Argo CD deploys from, the newest commit first")
    for line in gitops.log():
        console.print(f"  {escape(line)}", soft_wrap=True)
    console.print(f"Argo CD's auto-sync is {'on again' if gitops.syncs_by_itself() else '[red]off[/red]'}")


def _watched(playing: "Stage", story: Story, deployed_at: datetime, part: "Part | None") -> State | None:
    """Tell each event as it is stored; return the response when it has ended or the time is up."""
    from cli.telling import sentence

    told = 0
    state: State | None = None
    ends_at = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < ends_at:
        days = {deployed_at.date().isoformat(), datetime.now(UTC).date().isoformat()}
        found = [s for day in sorted(days) for s in playing.door.records.recent(day)]
        if found:
            if state is None:
                story.say("[yellow]alert[/yellow]", f"arrived at {playing.url}/alertmanager")
            state = found[0]
            events = playing.door.records.events(state.response.id)
            for event in events[told:]:
                story.say(f"[cyan]{event.phase}[/cyan]", escape(sentence(event)))
            told = len(events)
            story.flush()
            if not state.response.live:
                return state
            if part is not None:
                part.play(state.response)
        time.sleep(0.1)
    return state


def _ended(
    playing: "Stage", console: Console, state: State | None, more: dict[str, object], *, as_json: bool
) -> int:
    from cli.demo import stage

    if state is None:
        console.print("[red]No alert arrived in time; nothing was rolled back.[/red]")
        return 1
    response = state.response
    good = playing.images() == [stage.GOOD] and playing.rolled_out()
    ok = good and response.phase == Outcome.COMPLETED and playing.rollbacks() == 1
    events = playing.door.records.events(response.id)
    _proof(playing, console, ok=ok)
    console.print(
        f"\n[bold]{'[green]' if ok else '[red]'}{response.phase}[/]: response {response.id}, "
        f"{len(events)} events, {playing.rollbacks()} rollback by the cluster's count[/bold]",
        soft_wrap=True,
    )
    if as_json:
        choice = response.choice
        print(
            json.dumps(
                {
                    "response_id": response.id,
                    "phase": response.phase,
                    "service": response.service,
                    "from_image": choice.from_image if choice else None,
                    "to_image": choice.to_image if choice else None,
                    "seconds_to_decision": _seconds(events, "assessed"),
                    "seconds_to_rollback": _seconds(events, "rolled_back"),
                    "seconds_to_completed": _seconds(events, "ended"),
                    "rollbacks": playing.rollbacks(),
                    "alert_source": playing.monitoring.alert_source,
                }
                | ({"suspended": _suspended(playing, state)} if playing.gitops is not None else {})
                | more
            )
        )
        sys.stdout.flush()
    return 0 if ok else 1


def _proof(playing: "Stage", console: Console, *, ok: bool) -> None:
    """Print what the cluster itself says: every template change that it accepted, and what runs now."""
    from cli.demo import stage

    console.print("\nThe cluster's own audit: every change of the pod template")
    table = Table(box=SIMPLE)
    for column in ("when", "by", "from", "to"):
        table.add_column(column)
    for entry in playing.cluster.audit:
        if entry.name == stage.NAME and entry.template_changed:
            images = [_short(i) for i in (entry.images_from, entry.images_to)]
            table.add_row(f"{entry.at:%H:%M:%S.%f}"[:-3], entry.field_manager or entry.user_agent, *images)
    console.print(table)
    ready = playing.workload().get("status", {}).get("availableReplicas", 0)
    colour = "green" if ok else "red"
    console.print(f"Running now: [{colour}]{', '.join(playing.images())}[/{colour}] in {ready} ready pods")


def _short(images: Mapping[str, str]) -> str:
    return ", ".join(image.rpartition("/")[2] for image in images.values())


def _seconds(events: Sequence[Event], code: str) -> float | None:
    """Return the seconds from the alert's acceptance to the first event of that code."""
    first = next((e for e in events if e.code == code), None)
    return round((first.at - events[0].at).total_seconds(), 3) if first else None
