"""A Ray cluster to train on: where it is, whether it lets us in, and its job backend.

Opt-in: ``RAY_API_SERVER_ADDRESS=http://HEAD:8265`` names the cluster, ``RAY_AUTH_MODE=token`` and
Ray's own token file or ``RAY_AUTH_TOKEN`` let us in. ``docs/cluster.md`` tells how to get one.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from db.errors import StudioError
from db.home import Home
from db.runs import Run
from trainer.jobs.backend import JobBackend
from trainer.jobs.devices import RAY, RAY_ADDRESS, backend_of
from trainer.jobs.local import LocalJobs

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

ANSWER_WITHIN_S = 10.0


class NoCluster(StudioError):
    "There is no Ray cluster that could train"


class RayJobs(LocalJobs):
    """A ``JobBackend`` of a Ray cluster: the same queue and worker; Ray trains.

    A worker on this machine submits a Ray job for each run, passes its log and figures on, and
    stops it (``trainer.jobs.ray_stage``). So everything else is as with a local run.
    """

    def submit(self, config: Mapping[str, Any], *, device: str, recipe: str | None = None) -> Run:
        """Queue a training, once the cluster has answered. Raises NoCluster."""
        open_client()
        return super().submit(config, device=device, recipe=recipe)


def jobs_on(home: Home, device: str) -> JobBackend:
    """The backend that trains on ``device``. Raises UnknownDevice."""
    return RayJobs(home) if backend_of(device) == RAY else LocalJobs(home)


def open_client() -> JobSubmissionClient:
    """A connection to the Jobs API of the cluster. Raises NoCluster with what to do."""
    address = os.environ.get(RAY_ADDRESS)
    if not address:
        raise NoCluster(f"no cluster is named: set {RAY_ADDRESS}=http://HEAD:8265 for the app")
    try:
        from ray.exceptions import RayError
        from ray.job_submission import JobSubmissionClient
    except ImportError as error:
        raise NoCluster(
            'ray is not installed here: pip install "ray[data,default,train]>=2.55,<3"'
        ) from error
    _require_authentication(address)
    try:
        return JobSubmissionClient(address)
    except (ConnectionError, RuntimeError, RayError) as error:
        why = " ".join(str(error).split())[:300]
        raise NoCluster(f"the cluster at {address} does not let us in: {why}") from error


def _require_authentication(address: str) -> None:
    """Refuse a cluster that runs anybody's code: by default, Ray asks for no token."""
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/api/jobs/", timeout=ANSWER_WITHIN_S).close()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            return
        raise NoCluster(f"{address} answers with status {error.code}: is that Ray?") from error
    except (OSError, ValueError) as error:
        raise NoCluster(f"no cluster answers at {address}: {error}") from error
    raise NoCluster(
        f"the cluster at {address} lets anybody run code on it: start Ray with RAY_AUTH_MODE=token"
    )
