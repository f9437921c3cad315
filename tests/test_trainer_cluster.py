"""Training on a Ray cluster: a real one of two CPUs, with authentication. Minutes, not seconds."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from waiting import wait_for

from db.database import connect
from db.home import Home
from db.models import list_models
from db.runs import Run, get_run, metric_names
from tests.ray_files import ray_cluster
from tests.retraining_files import TINY, crown, make_home, train_champion
from trainer.jobs.devices import RAY, RAY_ADDRESS, UnknownDevice, find_devices
from trainer.jobs.local import LocalJobs
from trainer.jobs.ray_cluster import NoCluster, RayJobs, jobs_on, open_client
from trainer.jobs.run_files import RunFiles
from trainer.redistill import RetrainingConfig, prepare


@pytest.fixture(scope="module")
def cluster() -> Iterator[Mapping[str, str]]:
    pytest.importorskip("ray", reason='ray is not installed: pip install "ray[data,default,train]"')
    with ray_cluster() as environment:
        yield environment


@pytest.fixture
def here(cluster, monkeypatch) -> None:
    """The app has been told where the cluster is."""
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def champion(tmp_path_factory) -> Path:
    return train_champion(tmp_path_factory.mktemp("champion"), epochs=1)


@pytest.fixture
def home(tmp_path, champion) -> Home:
    home = make_home(tmp_path / "home", faces=40)
    crown(home, champion)
    return home


def submit(home: Home, **changes) -> Run:
    config = RetrainingConfig(changes=TINY | changes, loader_processes=0, cluster_workers=2)
    return jobs_on(home, RAY).submit(prepare(home, config).to_json(), device=RAY)


def now(home: Home, run: Run) -> Run:
    with connect(home) as db:
        return get_run(db, run.id)


# --- without a cluster --------------------------------------------------------------------------


def test_a_device_has_one_backend(tmp_path):
    home = Home.at(tmp_path)
    assert type(jobs_on(home, "cuda:0,cuda:1")) is LocalJobs
    assert type(jobs_on(home, RAY)) is RayJobs
    for wrong in ("gpu", "cuda", "../cpu", "http://elsewhere"):
        with pytest.raises(UnknownDevice, match="there is no device"):
            jobs_on(home, wrong)


def test_a_cluster_is_offered_only_where_its_address_is_given(monkeypatch):
    monkeypatch.delenv(RAY_ADDRESS, raising=False)
    assert RAY not in [device.name for device in find_devices()]
    with pytest.raises(NoCluster, match=f"set {RAY_ADDRESS}"):
        open_client()
    monkeypatch.setenv(RAY_ADDRESS, "http://head:8265")
    assert find_devices()[-1].text() == "ray · Ray cluster at http://head:8265"


def test_a_cluster_that_lets_anybody_in_is_refused(monkeypatch):
    pytest.importorskip("ray")
    server = http.server.HTTPServer(("127.0.0.1", 0), Anybody)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(RAY_ADDRESS, f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(NoCluster, match="lets anybody run code on it"):
        open_client()
    server.shutdown()
    server.server_close()
    with pytest.raises(NoCluster, match="no cluster answers"):
        open_client()


class Anybody(http.server.BaseHTTPRequestHandler):
    """A Jobs API without authentication."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_words) -> None:
        """Print nothing."""


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setenv(RAY_ADDRESS, "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(NoCluster, match="pip install"):
        open_client()


# --- with a real one ------------------------------------------------------------------------------


def test_a_wrong_token_does_not_get_in(cluster):
    code = "from trainer.jobs.ray_cluster import open_client; open_client()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | cluster | {"RAY_AUTH_TOKEN": "x" * 40},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode and "does not let us in" in done.stderr


def test_two_workers_of_a_cluster_train_one_student(home, here):
    run = submit(home)
    wait_for(lambda: now(home, run).status not in ("queued", "running"))
    done, log = now(home, run), LocalJobs(home).logs(run.id, 100)
    assert (done.status, done.error, done.backend) == ("finished", None, RAY), log
    assert "training on 2 workers" in log
    with connect(home) as db:
        model, _champion = list_models(db)
        assert model.run_id == run.id and "accuracy" in metric_names(db, run.id)
    assert list((home.root / "cache").glob("soft_labels-*.npz"))  # written by Ray Data


def test_a_cluster_run_is_cancelled_with_its_checkpoint_and_goes_on(home, here):
    run = submit(home, epochs=500)
    files = RunFiles.of(home, run.id)
    wait_for(lambda: (files.training / "metrics.jsonl").exists())
    LocalJobs(home).cancel(run.id)
    wait_for(lambda: now(home, run).status == "cancelled", 60)
    client, job = open_client(), files.ray_job.read_text()
    wait_for(lambda: client.get_job_status(job).is_terminal(), 60)
    assert (files.training / "state.pt").exists() and not files.model.exists()
    LocalJobs(home).resume(run.id)
    wait_for(lambda: "resuming at step" in LocalJobs(home).logs(run.id, 200))
    LocalJobs(home).cancel(run.id)
    wait_for(lambda: now(home, run).status == "cancelled", 60)
