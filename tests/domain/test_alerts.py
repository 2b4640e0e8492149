from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.alerts import Alert, AlertDigest
from shared.domain.decisions import decide
from shared.domain.matrix import Matrix
from shared.engine import joining
from tests.domain import strategies
from tests.domain.examples import NOW, an_alert

ALERTS = st.lists(
    st.builds(
        an_alert,
        st.none() | strategies.signals,
        strategies.values,
        fingerprint=st.sampled_from(["f1", "f2", "f3"]),
        firing=st.booleans(),
    ),
    max_size=8,
)


def test_an_episode_is_one_firing_of_one_alert() -> None:
    first = an_alert()
    assert an_alert(firing=False, summary="resolved").episode == first.episode
    assert an_alert(fingerprint="beef").episode != first.episode
    assert an_alert(starts_at=first.starts_at + timedelta(minutes=9)).episode != first.episode


def test_an_alert_without_a_value_carries_an_unknown_reading() -> None:
    bare = Alert("grafana", "f00d", NOW, firing=True, name="Down", labels={})
    assert bare.reading.is_unknown
    assert bare.signal is None


def test_a_digest_keeps_what_names_the_firing() -> None:
    alert = an_alert(summary="errors", url="https://prometheus.example.com/graph")
    digest = AlertDigest.of(alert)
    assert digest.episode == alert.episode
    assert (digest.name, digest.source, digest.starts_at, digest.firing, digest.summary, digest.url) == (
        alert.name,
        alert.source,
        alert.starts_at,
        True,
        "errors",
        "https://prometheus.example.com/graph",
    )


def test_a_digest_is_small_however_long_the_alert_is() -> None:
    digest = AlertDigest.of(an_alert(summary="x" * 10_000, url="https://" + "y" * 10_000))
    assert (len(digest.summary), len(digest.url)) == (300, 1000)


@given(ALERTS, st.randoms(use_true_random=False))
def test_the_order_of_alerts_changes_no_decision(alerts: list[Alert], chance: Random) -> None:
    shuffled = list(alerts)
    chance.shuffle(shuffled)
    one, other = (decide(Matrix(), joining.worst(found, {})) for found in (alerts, shuffled))
    assert one == other
