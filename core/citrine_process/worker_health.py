"""Health and metrics of several processes, asked of each and shown as one."""

import asyncio
from collections.abc import Iterator, Mapping

__all__ = ["ask", "merged"]

TIMEOUT = 3.0
"""Seconds that a process has to answer. One that does not is as good as gone."""


async def ask(address: tuple[str, int], path: str) -> tuple[int, bytes]:
    """Return status and body of a GET request; status 0: there was no answer in time."""
    writer = None
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n".encode())
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
            return int(head.split(b" ", 2)[1]), body
    except (TimeoutError, OSError, IndexError, ValueError):
        return 0, b""
    finally:
        if writer is not None:
            writer.close()


def merged(texts: Mapping[int, bytes]) -> bytes:
    """Return the metrics of several processes as one text, with the label `worker` that says whose a sample is.

    Args:
        texts: The metrics of each process in the text format of Prometheus, by its number.
    """
    families: dict[str, list[str]] = {}
    for number, text in texts.items():
        seen = dict.fromkeys(families)
        lines: list[str] = []
        for line in text.decode().splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ", 3)[2]
                lines = families.setdefault(name, [])
            if not line.startswith("#"):
                lines.append(_labelled(line, number))
            elif name not in seen:
                # The header of a family stands once, before the samples of all.
                lines.append(line)
    return "".join(f"{line}\n" for line in _all(families)).encode()


def _all(families: Mapping[str, list[str]]) -> Iterator[str]:
    for lines in families.values():
        yield from lines


def _labelled(sample: str, number: int) -> str:
    name = sample[: min(place for mark in "{ " if (place := sample.find(mark)) > 0)]
    rest = sample[len(name) :]
    if rest.startswith("{"):
        return f'{name}{{worker="{number}",{rest[1:]}'
    return f'{name}{{worker="{number}"}}{rest}'
