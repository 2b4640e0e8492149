from datetime import datetime

from shared.domain.owed import Finished, Later, TaskKind
from shared.domain.response import Response, Task
from tests.domain.examples import NOW, a_response


class Twice:
    """Is done the second time."""

    def run(self, task: Task, response: Response, now: datetime) -> Finished | Later:
        return Finished("done") if task.attempts > 1 else Later(now)


def test_a_task_that_is_done_gives_rise_to_no_other_unless_it_says_so() -> None:
    kind: TaskKind = Twice()
    task = Task("r1", "page", "page", NOW, attempts=2)
    assert kind.run(task, a_response(), NOW) == Finished("done", then=())


def test_a_task_may_ask_to_be_looked_at_again() -> None:
    assert Twice().run(Task("r1", "page", "page", NOW, attempts=1), a_response(), NOW) == Later(NOW)
