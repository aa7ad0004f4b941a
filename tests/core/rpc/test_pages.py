"""Pages of lists."""

from datetime import UTC, datetime

import pytest

from citrine.api.v1.stations_pb2 import ListStationsRequest
from citrine.api.v1.tokens_pb2 import ListTokensRequest
from citrine_core.errors import InvalidArgument
from citrine_core.rpc import open_page

KEY = ("a-station", 12, datetime(2025, 1, 31, 12, 0, 0, 123456, tzinfo=UTC))


def token_of(request: ListStationsRequest) -> str:
    page = open_page(request)
    return page.close([KEY] * (page.size + 1), lambda row: row)[1]


def test_a_page_may_be_limited_further() -> None:
    assert open_page(ListStationsRequest(), most=50).size == 50
    assert open_page(ListStationsRequest(page_size=20), most=50).size == 20
    assert open_page(ListStationsRequest(page_size=60), most=50).size == 50


@pytest.mark.parametrize(
    ("asked", "size"),
    [pytest.param(0, 100, id="default"), pytest.param(7, 7, id="asked"), pytest.param(5000, 1000, id="most")],
)
def test_size_of_a_page(asked: int, size: int) -> None:
    assert open_page(ListStationsRequest(page_size=asked)).size == size


def test_negative_size_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="page_size"):
        open_page(ListStationsRequest(page_size=-1))


def test_next_page_begins_after_the_last_key_that_was_shown() -> None:
    token = token_of(ListStationsRequest(page_size=2))

    page = open_page(ListStationsRequest(page_size=5, page_token=token))

    assert page.after == KEY


def test_token_of_the_first_release_is_still_read_and_given() -> None:
    token = "WyJhYzkzNWQwZjdlYjRhNjhjIiwiYS1zdGF0aW9uIiwxMix7InRpbWUiOiIyMDI1LTAxLTMxVDEyOjAwOjAwLjEyMzQ1NiswMDowMCJ9XQ"

    assert open_page(ListStationsRequest(page_token=token, connected_only=True)).after == KEY
    assert token_of(ListStationsRequest(connected_only=True)) == token


def test_last_page_has_no_token() -> None:
    page = open_page(ListStationsRequest(page_size=2))

    assert page.close([KEY, KEY], lambda row: row) == ([KEY, KEY], "")


def test_row_too_many_is_not_shown() -> None:
    shown, token = open_page(ListStationsRequest(page_size=2)).close([KEY, KEY, KEY], lambda row: row)

    assert len(shown) == 2
    assert token


def test_token_of_another_request_is_refused() -> None:
    token = token_of(ListStationsRequest())

    with pytest.raises(InvalidArgument, match="page_token"):
        open_page(ListStationsRequest(page_token=token, connected_only=True))
    with pytest.raises(InvalidArgument, match="page_token"):
        open_page(ListTokensRequest(page_token=token))


@pytest.mark.parametrize("token", ["x", "!!!!", "e30", "W10", "bnVsbA", "Ww", "\u00e4", "A" * 1000])
def test_text_that_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument, match="page_token"):
        open_page(ListStationsRequest(page_token=token))
