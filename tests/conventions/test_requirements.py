"""The page of the requirements is as the code and the tests cite them."""

from tests.conventions.requirements import DOCUMENT, page


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(), "make requirements"
