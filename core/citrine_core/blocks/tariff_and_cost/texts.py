"""The text of a tariff for drivers."""

from collections.abc import Iterator, Mapping
from fractions import Fraction

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.ocpp.v2.types_pb2 import MessageContent, MessageFormatEnum
from citrine_core.blocks.tariff_and_cost.money import decimal_text
from citrine_core.blocks.tariff_and_cost.rules import Component, Element, Rules, read_rules

__all__ = ["LONGEST", "message_of", "text_of"]

LONGEST = 512
"""Most characters of a message (MessageContent of OCPP 2.0.1)."""

_ENGLISH = "en"

_NAMES: Mapping[int, tuple[str, str]] = {
    pb.TARIFF_DIMENSION_ENERGY: ("energy", "/kWh"),
    pb.TARIFF_DIMENSION_CHARGING_TIME: ("charging", "/h"),
    pb.TARIFF_DIMENSION_IDLE_TIME: ("idle", "/h"),
    pb.TARIFF_DIMENSION_FLAT: ("start", ""),
}

_DAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def message_of(tariff: pb.Tariff, language: str = "") -> MessageContent:
    """Return a tariff as the message that a station displays; in a language, if it has a text in that language."""
    text, of_language = text_of(tariff, language)
    content = MessageContent(format=MessageFormatEnum.MESSAGE_FORMAT_ENUM_UTF8, content=text[:LONGEST])
    if of_language:
        content.language = of_language
    return content


def text_of(tariff: pb.Tariff, language: str = "") -> tuple[str, str]:
    """Return the text of a tariff for drivers, and the language of the text.

    It is the text in the requested language ("de" also for "de-AT"), else the first text, else one generated from its
    prices, with tax.
    """
    wanted = language.lower()
    for one in tariff.texts:
        if one.language.lower() == wanted:
            return one.text, one.language
    for one in tariff.texts:
        if one.language.lower().partition("-")[0] == wanted.partition("-")[0]:
            return one.text, one.language
    if tariff.texts:
        return tariff.texts[0].text, tariff.texts[0].language
    return "; ".join(_prices(read_rules(tariff))) or f"0 {tariff.currency}", _ENGLISH


def _prices(rules: Rules) -> Iterator[str]:
    for element in rules.elements:
        prices = [_price(rules, kind, element.components[kind]) for kind in sorted(element.components)]
        limits = " ".join(_limits(element))
        reserved = "reserving: " if element.reservation else ""
        yield f"{reserved}{', '.join(prices)}{f' ({limits})' if limits else ''}"
    for word, (net, gross) in (("at least", rules.least), ("at most", rules.most)):
        limit = net if gross is None else gross
        if limit is not None:
            without_tax = " before tax" if gross is None else ""
            yield f"{word} {decimal_text(limit, rules.digits, least=rules.digits)} {rules.currency}{without_tax}"


def _price(rules: Rules, kind: int, component: Component) -> str:
    name, unit = _NAMES[kind]
    price = component.price if rules.gross else component.price * component.tax_factor
    return f"{name} {decimal_text(price, 4, least=rules.digits)} {rules.currency}{unit}"


def _limits(element: Element) -> Iterator[str]:
    if element.days:
        yield ",".join(_DAYS[day] for day in sorted(element.days))
    if element.start_minute is not None or element.end_minute is not None:
        yield f"{_clock(element.start_minute or 0)}-{_clock(element.end_minute or 0)}"
    if element.start_date is not None:
        yield f"from {element.start_date}"
    if element.end_date is not None:
        yield f"before {element.end_date}"
    for name, unit, (least, most), size in (
        ("", "kWh", element.energy, 1_000_000),
        ("", "kW", element.power, 1),
        ("", "A", element.current, 1),
        ("time", "min", element.duration, 60_000_000),
        ("charging", "min", element.charged, 60_000_000),
        ("idle", "min", element.idled, 60_000_000),
    ):
        if least is not None:
            yield f"{name} from {decimal_text(Fraction(least) / size, 3)} {unit}".strip()
        if most is not None:
            yield f"{name} below {decimal_text(Fraction(most) / size, 3)} {unit}".strip()


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
