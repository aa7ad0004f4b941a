"""Fixtures that all tests may use."""

import signal

from hypothesis import HealthCheck, settings

from tests.support.examples import MORE

pytest_plugins = [
    "tests.support.closed_loops",
    "tests.support.garbage",
    "tests.support.root_logger",
    "tests.conformance.report",
    "tests.support.progress",
    "tests.support.turns",
    "tests.support.quick",
    "tests.support.order",
    "tests.support.databases",
    "tests.support.core",
    "tests.support.quick_commands",
    "tests.support.api",
]

# A shell has what it starts in the background ignore Ctrl-C, and so have what that starts; tests send it to commands.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is: no test is about that. Examples are the same in each run, so
# that one fails by a change and not by chance; `make explore` looks for others.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("citrine", _CALM, derandomize=True)
settings.register_profile("explore", _CALM, max_examples=100 * MORE, print_blob=True)
settings.load_profile("citrine")
