"""`citrine certificate`: certificates of authorities, and what each is used for."""

import re
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.certificate_store_pb2 import (
    CERTIFICATE_USE_UNSPECIFIED,
    CertificateUse,
    CreateStoredCertificateRequest,
    DeleteStoredCertificateRequest,
    GetStoredCertificateRequest,
    ListStoredCertificatesRequest,
    StoredCertificate,
    UpdateStoredCertificateRequest,
)
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.commands.certificate_orders import add_order_commands
from citrine_cli.commands.installed_certificates import (
    delete_certificate,
    get_installed,
    install_certificate,
    list_installed,
)
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import CliError, NotThere, UsageError
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.words import time_word

__all__ = ["build"]

_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

_USES = words_of(CertificateUse.items(), "CERTIFICATE_USE_")

Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="SHA-256 of the certificate, or how that begins.")
]
Uses = Annotated[
    list[str], typer.Option("--use", metavar="USE", help=f"What for: {', '.join(_USES)}. May be repeated.")
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="For people.")]


def build() -> typer.Typer:
    """Return the commands of `citrine certificate`."""
    app = typer.Typer(
        help="Certificates of authorities; those that stations order, and those that they have installed."
    )
    client_command(app, "add")(add_certificates)
    client_command(app, "set")(set_certificate)
    client_command(app, "list")(list_certificates)
    client_command(app, "show")(show_certificate)
    client_command(app, "remove")(remove_certificate)
    add_order_commands(app)
    client_command(app, "install")(install_certificate)
    client_command(app, "installed")(list_installed)
    client_command(app, "get")(get_installed)
    client_command(app, "delete")(delete_certificate)
    return app


async def add_certificates(
    client: Client,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificates in PEM.")],
    uses: Uses,
    description: Description = None,
) -> None:
    """Store the certificates of a file."""
    chosen = [choice("--use", _USES, use) for use in uses]
    created = []
    for pem in _read(file):
        certificate = StoredCertificate(pem=pem, uses=chosen, description=description or "")
        request = CreateStoredCertificateRequest(certificate=certificate)
        created.append(await client.citrine.certificate_store.CreateStoredCertificate(request))
    if client.out.as_json:
        client.out.messages(created)
        return
    for one in created:
        client.out.line(f"certificate {one.fingerprint} of {one.subject} stored")


async def set_certificate(
    client: Client,
    fingerprint: Fingerprint,
    uses: Uses = [],  # noqa: B006  # typer takes a list as its own
    description: Description = None,
) -> None:
    """Change what a certificate is used for, and its description."""
    found = await _find(client, fingerprint)
    changed = StoredCertificate(fingerprint=found.fingerprint, etag=found.etag)
    fields = []
    if uses:
        changed.uses.extend(choice("--use", _USES, use) for use in uses)
        fields.append("uses")
    if description is not None:
        changed.description = description
        fields.append("description")
    if not fields:
        raise UsageError("nothing is given to change")
    request = UpdateStoredCertificateRequest(certificate=changed, update_mask=FieldMask(paths=fields))
    _print(client, await client.citrine.certificate_store.UpdateStoredCertificate(request))


async def list_certificates(
    client: Client,
    use: Annotated[str, typer.Option("--use", metavar="USE", help=f"Used for this: {', '.join(_USES)}.")] = "",
    limit: Limit = 0,
) -> None:
    """List certificates, those first that expire first."""
    request = ListStoredCertificatesRequest(use=choice("--use", _USES, use) if use else CERTIFICATE_USE_UNSPECIFIED)
    pages = collect(client.citrine.certificate_store.ListStoredCertificates, request, limit)
    found = [one async for page in pages for one in page.certificates]
    if client.out.as_json:
        client.out.messages(found)
        return
    rows = (
        [PrefixId(one.fingerprint), one.subject, _uses(one), time_word(one, "valid_to"), one.description]
        for one in found
    )
    client.out.table(["fingerprint", "subject", "uses", "valid until", "description"], rows, empty="no certificates")


async def show_certificate(client: Client, fingerprint: Fingerprint) -> None:
    """Show a certificate. With --json also its PEM."""
    _print(client, await _find(client, fingerprint))


async def remove_certificate(client: Client, fingerprint: Fingerprint, yes: Yes = False) -> None:
    """Remove a certificate: nothing is trusted because of it any more."""
    found = await _find(client, fingerprint)

    async def look() -> None:
        # It was found already.
        return

    question = f"remove certificate {found.fingerprint} of {found.subject}? It is used for: {_uses(found)}."
    await ask_consent(question, yes=yes, look=look)
    request = DeleteStoredCertificateRequest(fingerprint=found.fingerprint)
    answer = await client.citrine.certificate_store.DeleteStoredCertificate(request)
    if client.out.as_json:
        client.out.message(answer)
        return
    client.out.line(f"certificate {found.fingerprint} removed")


async def _find(client: Client, fingerprint: str) -> StoredCertificate:
    """Return the certificate whose fingerprint begins so."""
    given = fingerprint.replace(":", "").lower()
    if len(given) == 64:
        return await client.citrine.certificate_store.GetStoredCertificate(
            GetStoredCertificateRequest(fingerprint=given)
        )
    pages = collect(client.citrine.certificate_store.ListStoredCertificates, ListStoredCertificatesRequest(), 0)
    found = [one async for page in pages for one in page.certificates if one.fingerprint.startswith(given)]
    if not found or not given:
        raise NotThere("certificate", fingerprint)
    if len(found) > 1:
        raise CliError(f"several certificates begin with {given}; give more of it")
    return found[0]


def _print(client: Client, found: StoredCertificate) -> None:
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "fingerprint": found.fingerprint,
            "subject": found.subject,
            "issuer": "itself" if found.root else found.issuer,
            "serial number": found.serial_number,
            "uses": _uses(found),
            "valid from": time_word(found, "valid_from"),
            "valid until": time_word(found, "valid_to"),
            "description": found.description,
            "stored": time_word(found, "create_time"),
        }
    )


def _uses(found: StoredCertificate) -> str:
    return " ".join(word for word, use in _USES.items() if use in found.uses)


def _read(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"file {path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    if "PRIVATE KEY-----" in text:
        raise CliError(f"file {path} holds a private key; give the certificates alone")
    found = _PEM.findall(text)
    if not found:
        raise CliError(f"file {path} holds no certificate in PEM")
    return found
