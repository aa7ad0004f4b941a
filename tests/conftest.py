"""Fixtures that all tests may use."""

pytest_plugins = [
    "tests.conformance.report",
    "tests.support.progress",
    "tests.support.quick",
    "tests.support.databases",
    "tests.support.core",
    "tests.support.api",
]
