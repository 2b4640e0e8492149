"""Evidence is kept with the task that found it, and never makes that too large to be stored."""

from shared.domain.clearing import StandingAlert
from shared.domain.clearing import evidence as of_alerts
from shared.domain.evidence import LONGEST, Evidence, Standing, facts, worst
from tests.domain.examples import NOW


def test_thousands_of_alerts_are_told_in_a_line_that_can_be_kept() -> None:
    alerts = [StandingAlert(str(n), f"Alert{n}" * 20, {}, NOW) for n in range(5000)]
    kept = facts({"alerts": of_alerts(alerts)})
    assert kept["alerts"] == "fail"
    assert str(kept["alerts_said"]).startswith("active in Alertmanager: Alert0")
    assert len(str(kept["alerts_said"])) == LONGEST


def test_examples_are_cut_one_by_one() -> None:
    found = worst([Evidence(Standing.ASKED, "two", ("12:00:00Z https://a.example/" + "x" * 5000, "short"))])
    long, short = str(facts({"logs": found})["logs_details"]).split("\n")
    assert (len(long), short) == (LONGEST, "short")
