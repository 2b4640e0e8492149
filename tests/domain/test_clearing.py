"""Which alerts are about a service, and how they stand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.domain.alerts import AlertDigest
from shared.domain.clearing import StandingAlert, about, evidence, filters
from shared.domain.evidence import Standing
from shared.domain.response import Heard
from shared.domain.services import Catalogue, Service
from shared.domain.workloads import WorkloadRef
from tests.domain.examples import NOW, a_response

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
RESPONSE = a_response()
REF = RESPONSE.workload
NOBODY = Service("", WorkloadRef(REF.cluster, "", "", ""))
OWN = {"namespace": REF.namespace, REF.kind: REF.name}


def catalogue(*services: Service) -> Catalogue:
    return Catalogue(REF.cluster, services, NOBODY, (REF.namespace,))


def an_alert(name: str = "HighErrorRate", suppressed: str = "", **labels: str) -> StandingAlert:
    return StandingAlert(f"fp-{name}", name, {"alertname": name, **labels}, AT, suppressed)


def test_a_label_of_several_names_is_asked_for_by_each() -> None:
    service = Service("checkout", REF, match={**OWN, "team": "shop"})

    asked = filters(service, catalogue(service))

    assert asked[0] == {"team": "shop", "namespace": REF.namespace}
    assert {"team": "shop", "exported_namespace": REF.namespace} in asked
    assert len(asked) == 4


def test_labels_of_one_name_are_asked_for_at_once() -> None:
    service = Service("checkout", REF, match={"team": "shop", "app": "checkout"})

    assert filters(service, catalogue(service)) == ({"team": "shop", "app": "checkout"},)


def test_a_service_without_an_entry_is_asked_for_by_its_namespace_and_is_found_by_its_labels() -> None:
    known = catalogue()
    found = known.of_workload(REF)
    assert found is not None

    assert filters(found, known)[0] == {"namespace": REF.namespace}
    mine, other = an_alert(**OWN), an_alert("Other", namespace=REF.namespace)
    assert about(RESPONSE, known, [mine, other]) == [mine]


def test_an_alert_that_came_to_the_response_is_its_own_whatever_its_labels() -> None:
    heard = AlertDigest(f"fp-HighErrorRate/{NOW.isoformat()}", "HighErrorRate", "alertmanager", NOW, True)
    response = replace(RESPONSE, heard=Heard(alerts=(heard,), alert_count=1))

    assert about(response, catalogue(), [an_alert(), an_alert("Other")]) == [an_alert()]


def test_an_alert_of_another_cluster_is_none_of_ours() -> None:
    there, here = an_alert(**OWN, cluster="elsewhere"), an_alert("Other", **OWN, cluster=REF.cluster)

    assert about(RESPONSE, catalogue(), [there, here]) == [here]


@pytest.mark.parametrize(
    ("alerts", "standing", "words"),
    [
        ([], Standing.PASS, "no alert"),
        ([an_alert()], Standing.FAIL, "active in Alertmanager: HighErrorRate"),
        ([an_alert(suppressed="silenced")], Standing.ASKED, "firing: HighErrorRate (silenced)"),
        ([an_alert(), an_alert("Other", "inhibited")], Standing.FAIL, "Other (inhibited)"),
    ],
)
def test_what_fires_and_is_kept_quiet_is_not_cleared(
    alerts: list[StandingAlert], standing: Standing, words: str
) -> None:
    found = evidence(alerts)

    assert found.standing is standing
    assert words in found.said
