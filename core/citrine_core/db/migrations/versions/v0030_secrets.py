"""Space for encrypted secrets, and for several passwords that were sent to a station. Cores encrypt what is stored."""

import sqlalchemy as sa
from alembic import op

from citrine.api.v1.firmware_campaigns_pb2 import FirmwareCampaign
from citrine.ocpp.secrets import mask_secrets

__all__ = ["down_revision", "downgrade", "revision", "upgrade"]

revision = "0030"
down_revision = "0029"

_MASK = "********"

_CAMPAIGNS = sa.table(
    "firmware_campaigns",
    sa.column("tenant_id", sa.String),
    sa.column("campaign_id", sa.String),
    sa.column("definition", sa.LargeBinary),
    sa.column("secret_location", sa.Text),
)

_SETTINGS = sa.table("authorization_settings", sa.column("authorizer_credential", sa.Text))

_STATIONS = sa.table(
    "stations",
    sa.column("tenant_id", sa.String),
    sa.column("station_id", sa.String),
    sa.column("next_password_hash", sa.Text),
)


def upgrade() -> None:
    """Add a column for locations of firmware with a password, fill it, and allow longer texts."""
    op.add_column("firmware_campaigns", sa.Column("secret_location", sa.Text(), nullable=True))
    with op.batch_alter_table("authorization_settings") as table:
        table.alter_column("authorizer_credential", type_=sa.Text(), existing_type=sa.String(1000))
    with op.batch_alter_table("stations") as table:
        table.alter_column("next_password_hash", type_=sa.Text(), existing_type=sa.String(200))
    for key, definition, _ in _rows():
        location = definition.firmware.location
        shown = {"location": location}
        if mask_secrets(shown, _MASK):
            definition.firmware.location = shown["location"]
            _change(key, definition, location)


def downgrade() -> None:
    """Undo it. What is encrypted can't be, and of the passwords that were sent to a station the last stays."""
    encrypted = sa.update(_SETTINGS).where(_SETTINGS.c.authorizer_credential.startswith("$aes-256-gcm$"))
    op.get_bind().execute(encrypted.values(authorizer_credential=""))
    sent = op.get_bind().execute(sa.select(_STATIONS).where(_STATIONS.c.next_password_hash.contains(" ")))
    for row in sent.all():
        of_row = (_STATIONS.c.tenant_id == row.tenant_id, _STATIONS.c.station_id == row.station_id)
        last = row.next_password_hash.rpartition(" ")[2]
        op.get_bind().execute(sa.update(_STATIONS).where(*of_row).values(next_password_hash=last))
    for key, definition, location in _rows():
        if location is not None and not location.startswith("$"):
            definition.firmware.location = location
            _change(key, definition, None)
    with op.batch_alter_table("stations") as table:
        table.alter_column("next_password_hash", type_=sa.String(200), existing_type=sa.Text())
    with op.batch_alter_table("authorization_settings") as table:
        table.alter_column("authorizer_credential", type_=sa.String(1000), existing_type=sa.Text())
    op.drop_column("firmware_campaigns", "secret_location")


def _rows() -> list[tuple[tuple[str, str], FirmwareCampaign, str | None]]:
    rows = op.get_bind().execute(sa.select(_CAMPAIGNS))
    return [
        ((row.tenant_id, row.campaign_id), FirmwareCampaign.FromString(row.definition), row.secret_location)
        for row in rows
    ]


def _change(key: tuple[str, str], definition: FirmwareCampaign, location: str | None) -> None:
    of_row = (_CAMPAIGNS.c.tenant_id == key[0], _CAMPAIGNS.c.campaign_id == key[1])
    values = {"definition": definition.SerializeToString(), "secret_location": location}
    op.get_bind().execute(sa.update(_CAMPAIGNS).where(*of_row).values(values))
