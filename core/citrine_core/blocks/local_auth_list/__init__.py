"""Functional block D, Local authorization list: the tokens that stations keep."""

__all__: list[str] = []
