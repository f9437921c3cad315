"""A backup with all files: a plain tar of the database, the pictures and the checkpoints."""

from __future__ import annotations

import tarfile
from pathlib import Path

from db.errors import BackupRefused
from db.home import Home

DATABASE_IN_ARCHIVE = "maskpose.db"
_FOLDERS = ("images", "checkpoints")


def write_archive(home: Home, database: Path, target: Path) -> int:
    """Write the archive; files that an image or model row needs are never removed meanwhile."""
    count = 0
    with tarfile.open(target, "w") as archive:
        archive.add(database, DATABASE_IN_ARCHIVE)
        for folder in _FOLDERS:
            for path in sorted((home.root / folder).rglob("*")):
                if path.is_file() and path.suffix != ".part":
                    archive.add(path, path.relative_to(home.root).as_posix())
                    count += 1
    return count


def extract_database(source: Path, scratch: Path) -> Path:
    """The database of an archive all of whose entries are where a backup has them."""
    try:
        with tarfile.open(source, "r:") as archive:
            for member in archive:
                if member.name != DATABASE_IN_ARCHIVE and not _is_ours(member):
                    raise BackupRefused(
                        f"{source.name} holds {member.name!r}, which no backup does: not restored"
                    )
            archive.extract(DATABASE_IN_ARCHIVE, scratch, filter="data")
    except (tarfile.TarError, KeyError, OSError) as error:
        raise BackupRefused(f"{source.name} is no backup of MaskPose Studio ({error})") from error
    return scratch / DATABASE_IN_ARCHIVE


def extract_files(source: Path, home: Home) -> int:
    """Add the files of an archive where none is yet. BackupRefused says what stopped it."""
    count = 0
    with tarfile.open(source, "r:") as archive:
        for member in archive:
            target = home.root / member.name
            same = target.is_file() and target.stat().st_size == member.size
            if member.name != DATABASE_IN_ARCHIVE and not same:
                _extract(archive, member, home)
                count += 1
    return count


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, home: Home) -> None:
    try:
        archive.extract(member, home.root, filter="data")
    except (tarfile.TarError, OSError) as error:
        (home.root / member.name).unlink(missing_ok=True)  # half a picture
        raise BackupRefused(
            f"{member.name} could not be unpacked ({error}); the database is as it was: make room "
            "and restore again"
        ) from error


def _is_ours(member: tarfile.TarInfo) -> bool:
    """A plain file in one of our folders, by the straight way."""
    parts = member.name.split("/")
    return member.isfile() and parts[0] in _FOLDERS and not {"", ".", ".."} & set(parts)
