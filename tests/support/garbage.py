"""Looks for garbage seldom: to look through all that tests consist of again and again costs a quarter of a run."""

import gc

__all__ = ["pytest_collection_finish"]

gc.disable()


def pytest_collection_finish() -> None:
    """Leave alone what is there, and look at the rest after many more objects than by default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
