from pathlib import Path

import msgspec
import pytest
import yaml

from shared.settings import load
from shared.settings.references import SecretRef
from shared.settings.schema import Document

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_loads_without_a_warning(path: Path) -> None:
    assert load(path).warnings == ()


def test_the_first_example_says_what_its_comments_say() -> None:
    settings = load(ROOT / "examples" / "backout.yaml")

    (checkout,) = settings.services
    assert settings.auth.invoke is not None
    assert settings.auth.invoke.named == {"me": (SecretRef("env:BACKOUT_TOKEN"),)}
    assert {row.name: row.threshold for row in checkout.matrix.rows}["error_rate_raised"] == 0.03
    assert (checkout.targets.error_rate, checkout.targets.latency_p95) == (0.005, 0.8)


def test_the_example_of_many_services_measures_each_in_its_way() -> None:
    settings = load(ROOT / "examples" / "many-services.yaml")

    (ledger,) = settings.services
    assert settings.defaults.profile == "istio"
    assert (ledger.profile, set(ledger.queries)) == ("none", {"error_rate", "traffic"})
    assert ledger.match == {"namespace": "payments", "statefulset": "ledger"}
    assert ledger.queries["error_rate"].window_seconds == 120
    assert "latency_p95" not in {row.name for row in ledger.matrix.rows}


def test_the_example_of_everything_has_every_part_that_can_be_added() -> None:
    said = yaml.safe_load((ROOT / "examples" / "everything.yaml").read_text())

    tuning = {"labels", "alerts", "matrix", "timing", "defaults", "ignored_annotations"}
    instead = {"people", "kubernetes"}  # a webhook where there is no Slack; the pod's own cluster
    every = {field.encode_name for field in msgspec.structs.fields(Document)}
    assert every - set(said) == tuning | instead
