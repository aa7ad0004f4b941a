"""Installs the example plug-in for the time of a test, as pip would: by a dist-info with an entry point."""

from pathlib import Path

import pytest

__all__ = ["install_example_block"]


def install_example_block(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the example plug-in's metadata into a folder, and that in the path."""
    info = folder / "citrine_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: citrine-example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[citrine.blocks]\nexample = tests.support.example_block:block\n")
    monkeypatch.syspath_prepend(str(folder))
