"""A deploy gate, end to end: a job of GitHub Actions asks by webhook, and is answered as an app."""

import httpx

from shared.domain.response import Outcome
from tests.e2e.installation import SECRETS, installed


def test_a_rollback_has_githubs_job_rejected_until_a_person_opens_the_gate() -> None:
    with installed() as shop:
        assert shop.deploying().verdict == "approved"

        response_id = shop.alerted(value=0.25)
        assert shop.ended(response_id).phase == Outcome.COMPLETED
        run = shop.deploying()
        assert run.verdict == "rejected"
        assert f"response {response_id} rolled it back (gate_closed)" in run.comment

        headers = {"Authorization": f"Bearer {SECRETS['INVOKE']}"}
        assert httpx.delete(f"{shop.url}/gates/checkout", headers=headers).json()["opened"] is True
        assert shop.deploying().verdict == "approved"
