"""Fuzzing: frames that no station should send, to a system of real processes."""
