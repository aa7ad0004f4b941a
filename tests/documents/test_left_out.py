"""What documents ask for and no test runs: only for a reason that is listed here."""

from tests.support.documents import DOCUMENTS, read_steps, read_tables

BLOCKS = "docs/blocks.md"

REASONS = {
    "a test runs the programs of this page and kills them",
    "it is for an installation",
    "it needs a provider",
    "it needs certificates",
    "it takes the places of the demo",
    "needs a certificate",
    "needs a cost as high",
    "needs a cost that was corrected",
    "needs a meter that jumps",
    "needs a partner",
    "needs a reservation that expired",
    "needs a station that is not registered",
    "needs a station that reserves any EVSE",
    "needs a station that uses an id again",
    "needs a transaction that is not settled",
    "needs a vehicle of ISO 15118",
    "needs an authorizer and its credential",
    "needs the certificate and signature of a manufacturer",
    "needs the roots of a contract operator",
    "needs the specification",
    "the test has its own copy",
    "they are the tests",
    "they are tools of those who change Citrine",
    "other tests build and run the examples",
    "other tests make these calls",
    "other tests run these fleets",
}


def test_what_is_left_out_has_a_reason_that_is_known() -> None:
    left_out = [one for document in DOCUMENTS for one in read_steps(document)[1]]
    left_out += read_tables(BLOCKS)[1]
    assert {one.reason for one in left_out} == REASONS


def test_commands_of_documents_are_found() -> None:
    steps, _ = read_tables(BLOCKS)
    assert len(steps) > 200
    assert all(len(read_steps(document)[0]) > 10 for document in ("README.md", "docs/tutorial.md"))
