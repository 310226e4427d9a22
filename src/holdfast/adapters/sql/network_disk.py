"""Is a path on a network file system? SQLite's locks cannot be relied on there (https://www.sqlite.org/faq.html#q5), so the user is told."""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["file_system_of", "is_network"]

NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "9p",
        "afs",
        "ceph",
        "lustre",
        "glusterfs",
    }
)


def file_system_of(path: str, mounts: str) -> str | None:
    """Return the type of file system that `path` (absolute) stands on, by the text of `/proc/self/mounts`; None when it does not say.

    The mount with the longest matching directory counts, and of equal ones the last: it covers the others.
    """
    found: tuple[int, str] | None = None
    parts = PurePosixPath(path).parts
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = PurePosixPath(fields[1].replace("\\040", " ")).parts
        if parts[: len(point)] == point and (found is None or len(point) >= found[0]):
            found = (len(point), fields[2])
    return None if found is None else found[1]


def is_network(path: str, mounts: str) -> bool:
    """Whether `path` stands on a network file system, as far as the mounts tell."""
    return file_system_of(path, mounts) in NETWORK
