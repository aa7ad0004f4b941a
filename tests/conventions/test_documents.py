"""The pages that are made from code are as the code says."""

from types import ModuleType

import pytest

from tests.conventions.documents import PAGES


@pytest.mark.parametrize("subject", PAGES, ids=lambda module: module.DOCUMENT.name)
def test_the_page_is_current(subject: ModuleType) -> None:
    assert subject.DOCUMENT.read_text(encoding="utf-8") == subject.page(), "make docs"
