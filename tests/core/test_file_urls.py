"""URLs to which stations are sent for files."""

import pytest

from citrine_core.errors import InvalidArgument
from citrine_core.file_urls import check_file_url


@pytest.mark.parametrize(
    "url",
    [
        "https://firmware.example/one-2.0.bin",
        "ftp://10.1.2.3/firmware/one.bin",
        "sftp://user:p%40ss@logs.example:2222/upload/",
        "ftps://[2001:db8::1]:990/one.bin",
        "https://bucket.example/one.bin?X-Amz-Signature=abc&X-Amz-Expires=600",
    ],
)
def test_urls_that_stations_can_use_are_let_through(url: str) -> None:
    check_file_url("location", url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        pytest.param("", "must not be empty", id="empty"),
        pytest.param("https://h/" + "a" * 2000, "1 to 2000", id="long"),
        pytest.param("firmware.bin", "must be a URL", id="no scheme"),
        pytest.param("https:///one.bin", "must be a URL", id="no host"),
        pytest.param("file:///etc/passwd", "must be a URL", id="file"),
        pytest.param("javascript://h/x", "must be a URL", id="another scheme"),
        pytest.param("https://h/one two.bin", "blanks", id="blank"),
        pytest.param("https://h/one\r\nX: y", "blanks", id="line break"),
        pytest.param("https://h/würfel.bin", "blanks", id="not ASCII"),
        pytest.param("ftp://user:pa/ss@h/one.bin", "host or port", id="slash in a password"),
        pytest.param("ftp://user:p@ss@h/one.bin", "percent-encoded", id="at in a password"),
        pytest.param("https://h:99999/one.bin", "host or port", id="port"),
        pytest.param("https://[::1/one.bin", "host or port", id="bracket"),
        pytest.param("https://h/one.bin#part", "fragment", id="fragment"),
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem) as refused:
        check_file_url("location", url)

    assert refused.value.field == "location"
    assert "ss@" not in str(refused.value)
