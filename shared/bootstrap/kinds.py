"""Kinds: the registry of what responses owe beside their steps."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from shared.adapters.searching import searching
from shared.bootstrap import channels, meetings, papers
from shared.bootstrap.doors import Door
from shared.bootstrap.outsides import Outside
from shared.domain import aftercare, evidence
from shared.domain.meetings import MEET
from shared.domain.owed import TaskKind
from shared.domain.response import Response, Task
from shared.domain.steps import Facts
from shared.intake.links import make_link
from shared.messages import invitation, wording
from shared.tasks.check import Check
from shared.tasks.digest import Arm
from shared.tasks.escalate import Escalate
from shared.tasks.flag import Flag
from shared.tasks.gate import Gate
from shared.tasks.meet import Meet
from shared.tasks.recheck import Recheck
from shared.tasks.remind import Remind
from shared.tasks.resume import Resume
from shared.tasks.resume import Tell as Telling
from shared.tasks.revert import Revert
from shared.tasks.tell import Tell


def telling(door: Door) -> Telling:
    """Return what owes the messages of a piece of news that is no event."""

    def tell(response: Response, code: str, facts: Facts, name: str, at: datetime) -> list[Task]:
        return door.routing.tasks(response, code, facts, name=name, at=at)

    return tell


def of(outside: Outside, door: Door) -> Mapping[str, TaskKind]:
    """Return the registry of kinds of tasks."""

    def call(response: Response, facts: Facts, name: str, at: datetime) -> list[Task]:
        tasks = door.routing.tasks(response, "alerts_again", facts, name=name, at=at)
        return tasks + door.escalation.tasks(response, "alerts_again", facts, name=name, at=at)

    settings, tell = door.settings, telling(door)
    word = wording.Wording(settings.links, _answering(door), door.aftercare.invited).word
    kinds: dict[str, TaskKind] = {
        "tell": Tell(door.records, outside.channels, word),
        "recheck": Recheck(door.records, outside.signals, door.catalogue, call),
        aftercare.RESUME: Resume(door.records, outside.owners, outside.repositories, tell),
        aftercare.REMIND: Remind(door.records, tell),
        aftercare.FLAG: Flag(door.records, outside.flags, tell),
        aftercare.GATE: Gate(door.records, outside.barriers, door.catalogue, door.gates.closing, tell),
        aftercare.REVERT: Revert(door.records, outside.repositories, tell),
        MEET: Meet(
            door.records,
            outside.meetings,
            partial(meetings.attendance, settings),
            partial(invitation.compose, links=settings.links),
            tell,
        ),
        evidence.CHECK: Check(
            door.records,
            outside.workloads,
            door.catalogue,
            tell,
            searching,
            outside.logs,
            outside.alerts,
            outside.complaints,
        ),
        "arm": Arm(channels.digest_channels(settings), partial(channels.zone_of, settings)),
        **papers.task_kinds(
            papers.Papers(settings, door.catalogue),
            door.records,
            tracker=outside.tracker,
            shelf=outside.shelf,
            tell=tell,
        ),
    }
    if outside.caller is not None:
        kinds["escalate"] = Escalate(
            door.records,
            outside.workloads,
            outside.signals,
            door.escalation,
            outside.caller,
            word,
        )
    return kinds


def _answering(door: Door) -> Callable[[Response, str], str] | None:
    """Return what makes a link at which a response's question is answered; None where none is configured.

    Whoever has the link may answer, so it goes with calls to one contact alone: a mention in Slack stands in
    a channel, past the team's approvers, and gets none. Remedies are not answered by links.
    """
    configured = door.settings.approval_links
    if configured is None:
        return None

    def answer(response: Response, level: str) -> str:
        team = door.settings.teams.get(door.escalation.team_of(response))
        contact = team.escalation.get(level) if team is not None else None
        if contact is None or contact.slack or response.offers:
            return ""
        service = door.catalogue.of(response.service, response.workload)
        seconds = service.timing.approve if service is not None else 900.0
        return make_link(
            configured.url,
            door.secrets.value(configured.secret),
            response.id,
            question=response.question,
            to=level,
            expires_at=response.step_started_at + timedelta(seconds=seconds),
        )

    return answer
