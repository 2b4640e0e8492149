"""Papers: the words of reports and follow-ups in the places that the configuration names, and their tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.bootstrap.channels import zone_of
from shared.domain import paperwork
from shared.domain.changes import Scalar
from shared.domain.paperwork import Place
from shared.domain.response import Event, Response, Task
from shared.domain.services import Catalogue
from shared.messages import filing, follow_ups, report
from shared.ports import NewIssue, Records, Shelf, Template, Tracker
from shared.settings import Settings
from shared.tasks.follow_up import FollowUp
from shared.tasks.overdue import Overdue
from shared.tasks.report import Report

if TYPE_CHECKING:
    from shared.domain.owed import TaskKind
    from shared.tasks.resume import Tell


@dataclass(frozen=True)
class Papers:
    """What is filed of a response, and where: the words, in the places that the configuration names."""

    settings: Settings
    catalogue: Catalogue

    def place(self, response: Response) -> Place:
        """Return where the report's issue belongs; the repository is empty where none is known."""
        configured = self.settings.report.github
        if configured is None:
            return Place("")
        return Place(configured.repository or self._own(response), configured.template, configured.labels)

    def word(self, response: Response, events: Sequence[Event], tasks: Sequence[Task]) -> str:
        """Return the report."""
        return report.report(response, events, tasks, links=self.settings.links)

    def draft(
        self,
        response: Response,
        events: Sequence[Event],
        tasks: Sequence[Task],
        template: Template | None,
    ) -> NewIssue:
        """Return the report as an issue."""
        place, links = self.place(response), self.settings.links
        return filing.issue(response, events, tasks, place=place, template=template, links=links)

    def to_do(self, response: Response, facts: Mapping[str, Scalar], reported: str) -> NewIssue | None:
        """Return the issue of the follow-ups; None where they are only told."""
        configured, team = self.settings.follow_ups, self.settings.teams.get(response.team)
        if self.settings.github is None or configured is None or not configured.in_github:
            return None
        repository = configured.repository or self._own(response)
        if not repository:
            return None
        return follow_ups.issue(
            response,
            str(facts.get("item") or ""),
            str(facts.get("term") or ""),
            place=Place(repository, labels=configured.labels),
            owner=team.owner if team is not None else "",
            zone=zone_of(self.settings, response.team),
            report=reported,
        )

    def lines(self, response: Response) -> Mapping[str, Scalar]:
        """Return the follow-ups in words, on the team's clock."""
        return follow_ups.lines(response, zone_of(self.settings, response.team))

    def _own(self, response: Response) -> str:
        service = self.catalogue.of(response.service, response.workload)
        return service.repository if service is not None else ""


def task_kinds(
    papers: Papers, records: Records, *, tracker: Tracker, shelf: Shelf, tell: "Tell"
) -> "Mapping[str, TaskKind]":
    """Return the kinds of tasks by which papers are filed and watched."""
    return {
        paperwork.REPORT: Report(records, tracker, shelf, papers, tell),
        paperwork.FOLLOW_UP: FollowUp(records, tracker, papers, tell),
        paperwork.OVERDUE: Overdue(records, tracker, tell),
    }
