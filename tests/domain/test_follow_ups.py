from shared.domain.follow_ups import LISTS, Term, unticked

BODY = """Owner: @alice

### Within 24 hours: by Tue 2026-03-03 13:06 CET

- [x] Finish the root cause analysis
- [ ] Open the pull request with the fix
  - [ ] ask bob
* [ ] Something that people added
- [X] Look at how it was deployed

### Within a week: by Mon

- [ ] Hold the retrospective with the team\r
- a line that is no box

## Notes

- [ ] not of any list
"""


def test_each_list_has_the_runbooks_four_items() -> None:
    assert {term: len(texts) for term, texts in LISTS.items()} == {Term.SHORT: 4, Term.LONG: 4}


def test_what_is_not_ticked_is_open_also_what_people_added() -> None:
    assert unticked(BODY, Term.SHORT) == [
        "Open the pull request with the fix",
        "ask bob",
        "Something that people added",
    ]
    assert unticked(BODY, Term.LONG) == ["Hold the retrospective with the team"]


def test_a_list_that_people_took_out_has_nothing_open() -> None:
    assert unticked("nothing here", Term.SHORT) == []
