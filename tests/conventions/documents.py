"""Writes the pages that are made from code and from the contract: `make docs`."""

from tests.conventions import api_reference, console_texts, fleets, metrics, ocpp16, requirements, roles, settings

__all__ = ["PAGES"]

PAGES = (requirements, settings, metrics, fleets, ocpp16, roles, console_texts)
"""Modules with a DOCUMENT and the `page()` that belongs there."""

if __name__ == "__main__":
    for one in PAGES:
        one.DOCUMENT.parent.mkdir(exist_ok=True)
        one.DOCUMENT.write_text(one.page(), encoding="utf-8")
    api_reference.write()
