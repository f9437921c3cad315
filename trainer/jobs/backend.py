"""What every place that can run a training offers to the screens, to REST and to scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from db.runs import Run


class JobBackend(Protocol):
    """Submit, watch and steer trainings. All state is in the database, nothing in memory."""

    def submit(self, config: Mapping[str, Any], *, device: str, recipe: str | None = None) -> Run:
        """Queue a training (a ``RetrainingConfig`` as JSON) and see to it that somebody does it.

        ``recipe``: one of ``supervisor.JOBS``, for a job that is no training, with its config.
        """
        ...

    def status(self, run_id: int) -> Run:
        """The run as it is now. Raises NotFound."""
        ...

    def cancel(self, run_id: int) -> Run:
        """Ask the run to stop for good; its checkpoint is kept."""
        ...

    def pause(self, run_id: int) -> Run:
        """Ask the run to stop for now and free its device."""
        ...

    def resume(self, run_id: int) -> Run:
        """Queue a paused, cancelled or failed run again: it goes on from its last checkpoint."""
        ...

    def logs(self, run_id: int, lines: int = 50) -> str:
        """The last lines that the run's processes printed."""
        ...
