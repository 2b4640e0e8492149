"""Issues in memory, by the rules of their port, and files in memory."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from shared.errors import BackoutError, PermanentError
from shared.ports import Issue, NewIssue, Template

HOST = "https://github.com"


@dataclass
class FakeTracker:
    """Issues can be made in `repositories`; `filed` are those that were, by their references, as wanted.

    `templates` are by repository and path.
    """

    templates: dict[str, Template] = field(default_factory=dict)
    repositories: Collection[str] = ("shop/checkout", "shop/incidents")
    filed: dict[str, NewIssue] = field(default_factory=dict)
    issues: dict[str, Issue] = field(default_factory=dict)
    errors: list[BackoutError] = field(default_factory=list)

    def template(self, repository: str, path: str) -> Template | None:
        self._fail()
        return self.templates.get(f"{repository}/{path}")

    def file(self, issue: NewIssue) -> Issue:
        self._fail()
        for reference, before in self.filed.items():
            if (before.repository, before.key) == (issue.repository, issue.key):
                return self.issues[reference]
        if issue.repository not in self.repositories:
            raise PermanentError(f"there is no repository {issue.repository}")
        number = 201 + len(self.filed)
        reference = f"{issue.repository}#{number}"
        self.filed[reference] = issue
        made = Issue(reference, f"{HOST}/{issue.repository}/issues/{number}", issue.body)
        self.issues[reference] = made
        return made

    def look(self, reference: str) -> Issue | None:
        self._fail()
        if reference not in self.filed:
            raise PermanentError(f"there is no issue {reference}, or it may not be seen")
        return self.issues.get(reference)

    def tick(self, reference: str, text: str) -> None:
        """Tick an item off, as a person does."""
        issue = self.issues[reference]
        self.issues[reference] = replace(issue, body=issue.body.replace(f"- [ ] {text}", f"- [x] {text}"))

    def close(self, reference: str) -> None:
        """Close an issue, as a person does."""
        self.issues[reference] = replace(self.issues[reference], open=False)

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)


@dataclass
class FakeShelf:
    """Files by their names."""

    files: dict[str, str] = field(default_factory=dict)
    errors: list[BackoutError] = field(default_factory=list)

    def put(self, name: str, text: str) -> str:
        if self.errors:
            raise self.errors.pop(0)
        self.files[name] = text
        return f"/reports/{name}"
