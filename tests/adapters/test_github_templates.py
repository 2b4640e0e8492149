import pytest

from shared.adapters.github_templates import parse
from shared.ports import Section, Template

FORM = """
name: Incident
description: x
title: "[Incident]: "
labels: "bug, triage"
assignees: octocat
body:
  - {type: markdown, attributes: {value: "Hello"}}
  - type: textarea
    id: timeline
    attributes: {label: Timeline, value: "- ..."}
  - type: dropdown
    attributes: {label: Severity, options: [P0, 1, null], multiple: true}
  - type: checkboxes
    attributes: {label: Done, options: [{label: Told, required: true}, {label: Paged}]}
  - {type: upload, id: files, attributes: {label: Screenshots}}
"""
MARKDOWN = """---
name: Incident
about: Something is broken
title: '[Incident] '
labels: incident, triage
assignees: '@alice'
---
Read this first.

## Summary
What happened?

### Root cause ##

<!-- later -->
"""


def test_a_form_is_read_as_github_would_render_it() -> None:
    assert parse("incident.yml", FORM) == Template(
        "[Incident]: ",
        ("bug", "triage"),
        ("octocat",),
        (
            Section("Timeline", "timeline", "- ..."),
            Section("Severity", "", "", ("P0", "1")),
            Section("Done", "", "- [ ] Told\n- [ ] Paged"),
            Section("Screenshots", "files"),
        ),
    )


def test_a_markdown_template_is_read_with_its_front_matter() -> None:
    assert parse("incident.md", MARKDOWN) == Template(
        "[Incident] ",
        ("incident", "triage"),
        ("alice",),
        (
            Section("", text="Read this first."),
            Section("Summary", text="What happened?"),
            Section("Root cause", text="<!-- later -->"),
        ),
    )


def test_markdown_without_front_matter_is_a_template_too() -> None:
    assert parse("incident.md", "# Summary\n") == Template(sections=(Section("Summary"),))


@pytest.mark.parametrize(
    "text", ["", "just text", "[1, 2]", "labels: {a: b}", "body: [", "\x00", "title: [x]"]
)
def test_what_is_no_form_is_no_template(text: str) -> None:
    assert parse("incident.yml", text) is None


def test_a_form_with_nothing_in_it_asks_for_nothing() -> None:
    assert parse("incident.yaml", "name: x") == Template()
