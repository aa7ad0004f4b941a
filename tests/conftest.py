"""Fixtures that all tests may use."""

pytest_plugins = ["tests.conformance.report", "tests.support.databases", "tests.support.core", "tests.support.api"]
