"""Log lines."""

import logging

from citrine_process.logs import FieldFormatter


def test_fields_stand_behind_the_sentence() -> None:
    record = logging.makeLogRecord(
        {
            "name": "citrine_edge.session",
            "levelname": "INFO",
            "msg": "socket closed",
            "station_id": "CS\n1",
            "code": 1000,
        }
    )

    line = FieldFormatter().format(record)

    assert line.endswith("INFO citrine_edge.session: socket closed station_id='CS\\n1' code=1000")
