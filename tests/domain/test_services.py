from datetime import UTC, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import services
from shared.domain.services import DEFAULT_ALIASES, QUERYABLE, Catalogue, MaintenanceWindow, Mode, Service
from shared.domain.signals import NEVER_QUERIED, Signal
from shared.domain.workloads import WorkloadRef
from tests.domain.examples import CHECKOUT, a_service

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY, SATURDAY, SUNDAY = 0, 5, 6
LABELS = {"namespace": "production", "deployment": "checkout"}
SEARCH = WorkloadRef("prod", "production", "statefulset", "search")
OPTED_IN = {"backout.dev/mode": "approve"}
FOUND = a_service(discovered=True, mode=Mode.AUTO)
TEMPLATE = Service(name="", workload=WorkloadRef("prod", "", "", ""), mode=Mode.AUTO, team="platform")


def a_window(start: str, end: str, *days: int, **fields: tuple[str, ...]) -> MaintenanceWindow:
    every = frozenset(days or range(7))
    return MaintenanceWindow(every, time.fromisoformat(start), time.fromisoformat(end), BERLIN, **fields)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def a_catalogue(*entries: Service) -> Catalogue:
    return Catalogue(cluster="prod", services=entries, template=TEMPLATE, namespaces=("production",))


class TestMatching:
    def test_a_service_matches_when_the_labels_fulfil_its_whole_match(self) -> None:
        strict = a_service(match={**LABELS, "severity": "critical"})
        wide = a_service(match=LABELS)
        assert services.matching({**LABELS, "job": "web"}, [strict, wide], DEFAULT_ALIASES) == [wide]
        assert services.matching({**LABELS, "severity": "critical"}, [strict, wide], {}) == [strict, wide]

    def test_an_empty_match_matches_nothing(self) -> None:
        assert services.matching(LABELS, [a_service(match={})], DEFAULT_ALIASES) == []

    @pytest.mark.parametrize(
        "labels",
        [
            {"namespace": "production", "deployment": "checkout"},
            {"exported_namespace": "production", "destination_workload": "checkout"},
            {"k8s_namespace_name": "production", "k8s_deployment_name": "checkout"},
            {"namespace": "", "exported_namespace": "production", "deployment": "checkout"},
        ],
    )
    def test_a_label_is_found_under_its_aliases(self, labels: dict[str, str]) -> None:
        found = a_service(match=LABELS)
        assert services.matching(labels, [found], DEFAULT_ALIASES) == [found]

    def test_the_first_alias_that_is_there_wins(self) -> None:
        labels = {"exported_namespace": "production", "namespace": "monitoring"}
        assert services.canonical(labels, DEFAULT_ALIASES)["namespace"] == "monitoring"
        swapped = {"namespace": ("exported_namespace", "namespace")}
        assert services.canonical(labels, swapped)["namespace"] == "production"

    def test_labels_without_an_alias_stay_as_they_are(self) -> None:
        assert services.canonical({"severity": "critical"}, DEFAULT_ALIASES) == {"severity": "critical"}

    @given(st.randoms(use_true_random=False))
    def test_the_order_of_labels_changes_nothing(self, chance: Random) -> None:
        entry = a_service(match=LABELS)
        labels = [*LABELS.items(), ("exported_namespace", "x"), ("destination_workload", "y")]
        chance.shuffle(labels)
        assert a_catalogue(entry).find(dict(labels)) == [entry]


class TestDiscovery:
    @pytest.mark.parametrize("kind", ["deployment", "statefulset", "daemonset"])
    def test_the_labels_name_a_workload_of_any_kind(self, kind: str) -> None:
        [found] = a_catalogue().find({"namespace": "production", kind: "search"})
        assert found.workload == WorkloadRef("prod", "production", kind, "search")
        assert (found.name, found.discovered, found.team) == ("search", True, "platform")

    @pytest.mark.parametrize(
        "labels",
        [
            {"deployment": "search"},
            {"namespace": "staging", "deployment": "search"},
            {"namespace": "production"},
            {"namespace": "production", "deployment": ""},
            {"namespace": "production", "pod": "search-5d8f-x"},
        ],
    )
    def test_nothing_is_discovered_without_an_allowed_namespace_and_a_workload(
        self, labels: dict[str, str]
    ) -> None:
        assert a_catalogue().find(labels) == []

    def test_every_entry_that_matches_is_found(self) -> None:
        entries = (a_service(match=LABELS), a_service(name="cart", workload=SEARCH, match=LABELS))
        assert a_catalogue(*entries).find(LABELS) == list(entries)

    def test_an_entry_whose_match_is_not_fulfilled_is_not_found_by_its_workloads_labels(self) -> None:
        entry = a_service(match={"severity": "critical"}, mode=Mode.OBSERVE)
        assert a_catalogue(entry).find({**LABELS, "severity": "warning"}) == []
        assert a_catalogue(entry).find({**LABELS, "severity": "critical"}) == [entry]

    def test_a_workload_has_a_service_in_allowed_namespaces_or_by_an_entry(self) -> None:
        elsewhere = a_service(workload=WorkloadRef("prod", "staging", "deployment", "checkout"))
        catalogue = a_catalogue(elsewhere)
        assert catalogue.of_workload(elsewhere.workload) == elsewhere
        assert catalogue.of_workload(WorkloadRef("prod", "staging", "deployment", "cart")) is None
        discovered = catalogue.of_workload(SEARCH)
        assert discovered is not None
        assert discovered.discovered

    def test_an_entry_is_found_by_its_name(self) -> None:
        entry = a_service()
        assert a_catalogue(entry).named("checkout") == entry
        assert a_catalogue(entry).named("search") is None

    def test_the_service_of_a_response_is_its_entry_as_it_is_now(self) -> None:
        entry = a_service(mode=Mode.APPROVE)
        assert a_catalogue(entry).of("checkout", CHECKOUT) == entry

    def test_an_entry_that_now_runs_elsewhere_is_not_the_responses(self) -> None:
        moved = a_service(workload=SEARCH)
        found = a_catalogue(moved).of("checkout", CHECKOUT)
        assert found is not None
        assert (found.workload, found.discovered) == (CHECKOUT, True)

    def test_of_two_entries_of_one_workload_the_responses_own_is_found(self) -> None:
        first, second = a_service(match=LABELS), a_service(name="checkout-web", match=LABELS)
        assert a_catalogue(first, second).of("checkout-web", CHECKOUT) == second


class TestAnnotations:
    def annotated(self, **annotations: str) -> Service:
        named = {f"backout.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        found = services.annotated(FOUND, {**OPTED_IN, **named})
        assert found is not None
        return found

    def test_a_workload_that_says_no_mode_has_not_opted_in(self) -> None:
        assert services.annotated(FOUND, {"backout.dev/team": "shop", "mode": "auto"}) is None

    def test_configuration_beats_annotations(self) -> None:
        entry = a_service(mode=Mode.OBSERVE)
        assert services.annotated(entry, {"backout.dev/mode": "auto"}) is entry

    @pytest.mark.parametrize("mode", list(Mode))
    def test_the_mode_is_the_workloads(self, mode: Mode) -> None:
        assert self.annotated(mode=f" {mode} ").mode is mode

    @pytest.mark.parametrize(
        ("name", "value", "allowed"),
        [
            ("mode", "automatic", "observe, approve, auto"),
            ("mode", "", "observe, approve, auto"),
            ("customer-facing", "yes", "true, false"),
        ],
    )
    def test_a_value_that_is_not_allowed_is_named_with_what_is(
        self, name: str, value: str, allowed: str
    ) -> None:
        annotations = {**OPTED_IN, f"backout.dev/{name}": value}
        with pytest.raises(
            ValueError, match=f"annotation backout.dev/{name} is '{value}'; allowed: {allowed}"
        ):
            services.annotated(FOUND, annotations)

    def test_what_no_annotation_says_stays(self) -> None:
        found = a_service(
            discovered=True,
            team="shop",
            health=("http://a",),
            profile="istio",
            selector="x",
            customer_facing=True,
        )
        assert services.annotated(found, {"backout.dev/mode": "auto"}) == found

    def test_every_annotation_is_taken(self) -> None:
        found = self.annotated(
            team="shop",
            health="http://a/health, http://b/health,",
            profile="istio",
            selector='app="checkout"',
            customer_facing="true",
        )
        assert found.team == "shop"
        assert found.health == ("http://a/health", "http://b/health")
        assert (found.profile, found.selector, found.customer_facing) == ("istio", 'app="checkout"', True)

    def test_a_service_may_say_that_it_does_not_face_customers(self) -> None:
        assert not self.annotated(customer_facing="false").customer_facing


class TestMaintenance:
    @pytest.mark.parametrize(
        ("now", "closes_at"),
        [
            ("2026-03-02T07:59:59", None),
            ("2026-03-02T08:00", "2026-03-02T10:00"),
            ("2026-03-02T09:59:59", "2026-03-02T10:00"),
            ("2026-03-02T10:00", None),
            ("2026-03-03T09:00", None),
        ],
    )
    def test_a_window_is_open_from_its_start_to_before_its_end_on_its_days(
        self, now: str, closes_at: str | None
    ) -> None:
        closes = a_window("08:00", "10:00", MONDAY).closes_at(berlin(now), "production")
        assert closes == (berlin(closes_at) if closes_at else None)

    @pytest.mark.parametrize(
        ("now", "closes_at"),
        [
            ("2026-02-28T21:59", None),
            ("2026-02-28T22:00", "2026-03-01T06:00"),
            ("2026-03-01T00:00", "2026-03-01T06:00"),
            ("2026-03-01T05:59", "2026-03-01T06:00"),
            ("2026-03-01T06:00", None),
            ("2026-03-01T22:30", None),
        ],
    )
    def test_a_window_over_midnight_belongs_to_the_day_on_which_it_opens(
        self, now: str, closes_at: str | None
    ) -> None:
        closes = a_window("22:00", "06:00", SATURDAY).closes_at(berlin(now), "production")
        assert closes == (berlin(closes_at) if closes_at else None)

    def test_a_window_that_ends_as_it_starts_lasts_a_day(self) -> None:
        window = a_window("08:00", "08:00", MONDAY)
        assert window.closes_at(berlin("2026-03-03T07:00"), "production") == berlin("2026-03-03T08:00")
        assert window.closes_at(berlin("2026-03-03T08:00"), "production") is None

    def test_a_window_is_for_its_namespaces_or_for_all(self) -> None:
        now = berlin("2026-03-02T09:00")
        assert a_window("08:00", "10:00").closes_at(now, "production") is not None
        assert a_window("08:00", "10:00", namespaces=("batch",)).closes_at(now, "production") is None
        assert a_window("08:00", "10:00", namespaces=("batch",)).closes_at(now, "batch") is not None

    def test_a_window_over_a_change_of_the_clock_closes_by_the_clock(self) -> None:
        window = a_window("22:00", "06:00", SATURDAY)
        spring, autumn = berlin("2026-03-28T22:00"), berlin("2026-10-24T22:00")
        lasts = [(window.closes_at(at, "x") or at) - at for at in (spring, autumn)]
        assert lasts == [timedelta(hours=7), timedelta(hours=9)]

    @pytest.mark.parametrize(("fold", "utc"), [(0, "2026-10-25T00:45+00:00"), (1, "2026-10-25T01:45+00:00")])
    def test_an_end_that_the_clock_shows_twice_is_the_next_to_come(self, fold: int, utc: str) -> None:
        now = berlin("2026-10-25T02:30", fold)
        closes = a_window("02:15", "02:45", SUNDAY).closes_at(now, "production")
        assert closes == datetime.fromisoformat(utc)

    def test_an_end_that_the_clock_skips_is_still_to_come(self) -> None:
        now = berlin("2026-03-29T01:45")
        closes = a_window("01:30", "02:30", SUNDAY).closes_at(now, "production")
        assert closes is not None
        assert now < closes <= now + timedelta(hours=1)
        assert a_window("01:30", "02:30", SUNDAY).closes_at(berlin("2026-03-29T03:05"), "production") is None

    @given(
        at=st.datetimes(datetime(2026, 3, 27), datetime(2026, 3, 31))  # noqa: DTZ001 made aware below
        | st.datetimes(datetime(2026, 10, 23), datetime(2026, 10, 27)),  # noqa: DTZ001
        start=st.times(),
        end=st.times(),
        days=st.frozensets(st.integers(0, 6)),
    )
    def test_an_open_window_always_closes_later_and_within_a_day(
        self, at: datetime, start: time, end: time, days: frozenset[int]
    ) -> None:
        now = at.replace(tzinfo=UTC)
        closes = MaintenanceWindow(days, start, end, BERLIN).closes_at(now, "production")
        if closes is not None:
            assert closes.tzinfo is UTC
            assert now < closes <= now + timedelta(hours=25)


def test_what_is_measured_by_a_query_is_all_but_flags_and_the_regression() -> None:
    assert set(QUERYABLE) == set(Signal) - NEVER_QUERIED - {Signal.LATENCY_REGRESSION}


def test_a_service_touches_nothing_unless_it_says_so() -> None:
    assert Service(name="checkout", workload=CHECKOUT).mode is Mode.OBSERVE
