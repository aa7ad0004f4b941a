"""Fixtures that all tests may use."""

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.support.garbage",
    "tests.conformance.report",
    "tests.support.progress",
    "tests.support.quick",
    "tests.support.order",
    "tests.support.databases",
    "tests.support.core",
    "tests.support.quick_commands",
    "tests.support.api",
]

# A shell has what it starts in the background ignore Ctrl-C, and so have what that starts; tests send it to commands.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is: no test is about that.
settings.register_profile("citrine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("citrine")
