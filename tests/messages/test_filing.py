import pytest

from shared.domain.paperwork import Place
from shared.domain.response import Response, Word
from shared.messages import filing
from shared.ports import NewIssue, Section, Template
from tests.messages.test_report import EVENTS, NASTY, TASKS, at, completed

PLACE = Place("shop/incidents", "incident.yml", ("incident", "backout"))


def filed(*sections: Section, response: Response | None = None, **fields: object) -> NewIssue:
    template = Template(sections=sections, **fields)  # type: ignore[arg-type]
    known = response or completed()
    return filing.issue(known, EVENTS, TASKS, place=PLACE, template=template, links={})


def field(issue: NewIssue, label: str) -> str:
    return issue.body.partition(f"### {label}\n\n")[2].partition("\n\n### ")[0].partition("\n\n---")[0]


def test_without_a_template_it_is_the_report() -> None:
    issue = filing.issue(completed(), EVENTS, TASKS, place=PLACE, template=None, links={})
    assert (issue.repository, issue.title) == ("shop/incidents", "checkout: rolled back, completed (P0)")
    assert issue.key == f"report:{completed().id}"
    assert (issue.labels, issue.assignees) == (("incident", "backout"), ())
    assert issue.body.startswith(f"Response `{completed().id}`. Times are UTC.\n\n## What happened\n\nOn ")
    assert "## Verification checklist\n\n- [x] " in issue.body


def test_title_labels_and_assignees_are_the_templates_first() -> None:
    issue = filed(title="[Incident] ", labels=("triage", "incident"), assignees=("alice",))
    assert issue.title == "[Incident] checkout: rolled back, completed (P0)"
    assert issue.labels == ("triage", "incident", "backout")
    assert issue.assignees == ("alice",)


@pytest.mark.parametrize(
    ("section", "begins"),
    [
        (Section("Tell us", "summary"), "On 2026-03-02 12:00:00Z 1 alert"),
        (Section("What happened?"), "On 2026-03-02 12:00:00Z 1 alert"),
        (Section("Description of the incident"), "On 2026-03-02"),
        (Section("Impact"), "| signal |"),
        (Section("Customer impact", "field-3"), "| signal |"),
        (Section("Time line"), "```mermaid\n"),
        (Section("Severity"), "P0"),
        (Section("How bad", "severity", "", ("P1 - high", "P0 - critical")), "P0 - critical"),
        (Section("Affected service"), "checkout"),
        (Section("Environment"), "prod, production/deployment/checkout"),
        (Section("Started at"), "2026-03-02 12:00:00Z"),
        (Section("Ended at"), "2026-03-02 12:06:12Z"),
        (Section("Actions taken"), "- 12:00:40Z Argo CD"),
        (Section("Resolution"), "- 12:00:40Z Argo CD"),
        (Section("Verification"), "- ["),
    ],
    ids=lambda value: getattr(value, "label", ""),
)
def test_what_is_known_goes_where_the_template_asks_for_it(section: Section, begins: str) -> None:
    assert field(filed(section), section.label).startswith(begins)


@pytest.mark.parametrize(
    ("section", "stays"),
    [
        (Section("Root cause"), filing.NOTHING),
        (Section("What caused it?", "root-cause"), filing.NOTHING),
        (Section("Impact of the root cause"), filing.NOTHING),
        (Section("Lessons learned", "", "- "), "- "),
        (Section("Favourite colour"), filing.NOTHING),
        (Section("Who was told", "", "- [ ] The team"), "- [ ] The team"),
        (Section("Severity", "", "", ("SEV1", "SEV2")), filing.NOTHING),
    ],
    ids=lambda value: getattr(value, "label", ""),
)
def test_what_is_peoples_or_not_known_stays_as_the_template_has_it(section: Section, stays: str) -> None:
    assert (
        field(filed(section), section.label) == stays.strip() or field(filed(section), section.label) == stays
    )


def test_the_rest_of_the_report_comes_after_the_form() -> None:
    body = filed(Section("Summary"), Section("Verification")).body
    assert body.index("### Summary") < body.index("\n---\n") < body.index("## Timeline")
    assert "\n## What happened" not in body
    assert body.count("- [x] All pods running") == 1


def test_what_does_not_fit_is_left_out_whole_and_named() -> None:
    words = tuple(Word("approve", f"{NASTY}{n}", at(n), NASTY * 4) for n in range(400))
    response = completed()
    heard = type(response.heard)(alerts=response.heard.alerts, alert_count=1, words=words)
    issue = filed(Section("Summary"), response=completed(heard=heard))
    assert len(issue.body) <= filing.LONGEST
    assert "## Who said what" not in issue.body
    assert "## Verification checklist" in issue.body
    assert issue.body.endswith(f"`backout report {response.id}` has the whole.")
