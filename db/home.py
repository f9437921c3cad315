"""Where everything is kept: one folder outside the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class Home:
    """The home folder and what lies where in it. Paths in the database are relative to ``root``."""

    root: Path

    @classmethod
    def at(cls, root: Path | None) -> Home:
        """The home folder at ``root``, or the platform's folder for the data of this program."""
        if root is None:
            root = Path(platformdirs.user_data_dir("maskpose-studio", appauthor=False))
        return cls(root.expanduser().resolve())

    @property
    def database_path(self) -> Path:
        return self.root / "maskpose.db"

    @property
    def images_dir(self) -> Path:
        return self.root / "images"

    @property
    def checkpoints_dir(self) -> Path:
        return self.root / "checkpoints"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def backups_dir(self) -> Path:
        return self.root / "backups"

    @property
    def work_dir(self) -> Path:
        """Of work under way: see ``db.work_folders``."""
        return self.root / "work"

    def make_folders(self) -> None:
        """Create what is missing, readable by its owner only: these are people's faces."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.images_dir, self.checkpoints_dir, self.logs_dir, self.backups_dir):
            folder.mkdir(mode=0o700, exist_ok=True)

    def last_backup(self) -> Path | None:
        """The newest database in the backups folder."""
        backups = [path for path in self.backups_dir.glob("*.db") if path.is_file()]
        return max(backups, key=lambda path: path.stat().st_mtime, default=None)
