"""Module tariffs: what charging costs, as partners are shown it."""

from citrine_ocpi.modules.tariffs.mapping import Expressed, NotExpressible, express
from citrine_ocpi.modules.tariffs.module import TariffsModule

__all__ = ["Expressed", "NotExpressible", "TariffsModule", "express"]
