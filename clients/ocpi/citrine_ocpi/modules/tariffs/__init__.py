"""Module tariffs: what charging costs, as partners are shown it."""

from citrine_ocpi.modules.tariffs.mapping import Expressed, NotExpressible, express

__all__ = ["Expressed", "NotExpressible", "express"]
