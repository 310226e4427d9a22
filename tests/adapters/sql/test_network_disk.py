"""SQLite on a network file system: found, and told once."""

from __future__ import annotations

import logging

import pytest

from holdfast.adapters.sql import database
from holdfast.adapters.sql.network_disk import file_system_of, is_network

MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
filer:/export /srv/my\\040share nfs4 rw 0 0
/dev/vdb /srv/my\\040share/local xfs rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/var/lib/holdfast.db", "ext4", id="root"),
        pytest.param("/tmp/holdfast.db", "tmpfs", id="mounted below"),
        pytest.param("/tmpfile.db", "ext4", id="same beginning, other directory"),
        pytest.param("/srv/my share/holdfast.db", "nfs4", id="blank in the name"),
        pytest.param("/srv/my share/local/holdfast.db", "xfs", id="local disk inside a share"),
    ],
)
def test_the_longest_mount_tells_the_file_system(path: str, expected: str) -> None:
    """A file stands on the file system of the longest mount above it."""
    assert expected == file_system_of(path, MOUNTS)


def test_a_share_is_a_network_disk_and_a_disk_inside_it_is_not() -> None:
    """Only network file systems are warned of."""
    answers = [is_network(f"/srv/my share/{name}", MOUNTS) for name in ("holdfast.db", "local/holdfast.db")]

    assert [True, False] == answers


def test_opening_a_file_on_a_share_warns(caplog: pytest.LogCaptureFixture) -> None:
    """A database on a network file system is opened with a warning that says what may go wrong."""
    with caplog.at_level(logging.WARNING, logger="holdfast.store"):
        database.warn_of_network_disk("/srv/my share/holdfast.db", MOUNTS)
        database.warn_of_network_disk("/var/lib/holdfast.db", MOUNTS)

    assert ["/srv/my share/holdfast.db"] == [str(record.args[0]) for record in caplog.records if record.args]
