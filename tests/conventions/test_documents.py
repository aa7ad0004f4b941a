"""The pages that are made from code are as the code says."""

from types import ModuleType

import pytest

from tests.conventions import api_reference
from tests.conventions.documents import PAGES


@pytest.mark.parametrize("subject", PAGES, ids=lambda module: module.DOCUMENT.name)
def test_the_page_is_current(subject: ModuleType) -> None:
    assert subject.DOCUMENT.read_text(encoding="utf-8") == subject.page(), "make docs"


def test_the_reference_of_the_api_is_current() -> None:
    files = [api_reference.INDEX, *api_reference.FOLDER.iterdir()]
    assert {file: file.read_text(encoding="utf-8") for file in files} == api_reference.pages(), "make docs"
