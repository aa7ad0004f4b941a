"""Fixtures that all tests may use."""

pytest_plugins = ["tests.support.databases", "tests.support.core", "tests.support.api"]
