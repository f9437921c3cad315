"""Training on a Ray cluster: a real one of two CPUs, with authentication. Minutes, not seconds."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import wait_for

from db.database import connect
from db.home import Home
from db.models import list_models
from db.runs import Run, metric_names, submit_run
from tests.ray_files import ray_cluster
from tests.retraining_files import (
    TINY,
    crown,
    kill_one_and_see_it_go_on,
    make_home,
    now,
    train_champion,
)
from tests.training_files import write_mask_set
from trainer.jobs import ray_stage
from trainer.jobs.devices import RAY, RAY_ADDRESS, UnknownDevice, find_devices
from trainer.jobs.local import LocalJobs
from trainer.jobs.ray_cluster import NoCluster, RayJobs, jobs_on, open_client
from trainer.jobs.run_files import RunFiles
from trainer.recipes import find_recipe
from trainer.redistill import RetrainingConfig, prepare
from trainer.train import TrainingRequest


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


@pytest.fixture
def jobs_api() -> Iterator[JobsApi]:
    pytest.importorskip("ray")
    api = JobsApi()
    yield api
    api.go()


def test_a_cluster_that_is_out_of_reach_for_a_while_is_waited_for(jobs_api, monkeypatch, capsys):
    from ray.job_submission import JobSubmissionClient

    monkeypatch.setattr(ray_stage, "SILENCE_S", 1.0)
    answers = ray_stage._follow(JobSubmissionClient(jobs_api.address), "job")
    assert next(answers) == "RUNNING"
    jobs_api.go()
    assert [next(answers), next(answers)] == [None, None]
    jobs_api.come()
    assert next(answers) == "RUNNING"
    assert capsys.readouterr().out == "step 1\n"
    jobs_api.go()
    assert next(answers) is None
    time.sleep(1.1)
    with pytest.raises(NoCluster, match="does not answer any more"):
        next(answers)


def test_a_leader_that_cannot_reach_its_job_starts_no_second_one(jobs_api, monkeypatch, tmp_path):
    from ray.job_submission import JobSubmissionClient

    monkeypatch.setattr(ray_stage, "GRACE_S", 1.0)
    files, client = RunFiles(tmp_path), JobSubmissionClient(jobs_api.address)
    for file in (files.ray_job, files.leader):
        file.write_text("job")
    assert ray_stage._running_job(client, files) == "job"
    jobs_api.go()
    with pytest.raises(NoCluster, match="does not say whether job goes on"):
        ray_stage._running_job(client, files)
    ray_stage._stop(client, "job", files)  # what it can: the job misses its leader
    assert not files.leader.exists()


def test_a_cluster_in_trouble_is_not_one_that_does_not_know_the_job(jobs_api, tmp_path):
    """A second job was begun on the same checkpoint while the first went on."""
    from ray.job_submission import JobSubmissionClient

    files, client = RunFiles(tmp_path), JobSubmissionClient(jobs_api.address)
    files.ray_job.write_text("job")
    jobs_api.is_in_trouble = True
    with pytest.raises(NoCluster, match=r"whether job goes on: .* status code 500"):
        ray_stage._running_job(client, files)
    jobs_api.is_in_trouble = False
    assert ray_stage._running_job(client, files) == "job"
    files.ray_job.write_text("of an earlier cluster")
    assert ray_stage._running_job(client, files) is None


def test_a_job_is_begun_once_though_the_answer_is_lost(jobs_api, home, tmp_path, monkeypatch):
    from ray.job_submission import JobSubmissionClient

    monkeypatch.setattr(ray_stage, "_ROOT", tmp_path / "program")
    (tmp_path / "program").mkdir()
    with connect(home) as db:
        run = submit_run(db, recipe="quick", config={}, device=RAY)
    files, client = RunFiles.of(home, run.id), JobSubmissionClient(jobs_api.address)
    jobs_api.loses_requests = True  # or the leader was killed before it sent one
    with pytest.raises(NoCluster, match="did not take maskpose-run-1-"):
        ray_stage._submit(client, home, run)
    job = files.ray_job.read_text()
    assert jobs_api.jobs == {"job": "RUNNING"} and ray_stage._running_job(client, files) is None
    jobs_api.loses_requests, jobs_api.loses_answers = False, True
    with pytest.raises(NoCluster, match="did not take"):
        ray_stage._submit(client, home, run)
    jobs_api.loses_answers = False
    assert ray_stage._running_job(client, files) == job  # taken all the same
    jobs_api.jobs[job] = "FAILED"
    assert ray_stage._running_job(client, files) is None
    assert ray_stage._submit(client, home, run) == files.ray_job.read_text() != job
    assert len(jobs_api.jobs) == 3


def test_a_champion_that_was_copied_in_part_is_not_used(home, champion):
    config = prepare(home, RetrainingConfig(changes=TINY)).to_json()
    with connect(home) as db:
        run = submit_run(db, recipe="quick", config=config, device=RAY)
    shared = RunFiles.of(home, run.id).root / "champion.safetensors"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # as where the disk is full
    try:
        with pytest.raises(OSError, match="File too large"):
            ray_stage.describe(home, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(shared.parent.iterdir())
    ray_stage.describe(home, run)
    assert shared.read_bytes() == champion.read_bytes()


@pytest.mark.parametrize("faces, gpus, workers", [(3, 8, 1), (40, 8, 2), (90, 8, 4), (90, 0, 1)])
def test_a_cluster_starts_no_more_processes_than_there_are_faces_for(
    tmp_path, faces, gpus, workers
):
    """Eight GPUs and three labelled faces: four processes began, two of them with nothing."""
    pytest.importorskip("ray")
    from trainer.cluster_job import workers_for

    data = [write_mask_set(tmp_path / "mask", train=faces, val=1)]
    recipe = replace(find_recipe("student", "quick"), batch_size=64)
    request = TrainingRequest(task="student", recipe=recipe, data=data, out=tmp_path / "run")
    assert workers_for(request, gpus) == workers


class JobsApi:
    """A Jobs API at which a job runs; it can go and come back at the same address."""

    def __init__(self) -> None:
        self._port = 0
        self.jobs = {"job": "RUNNING"}
        self.is_in_trouble = self.loses_requests = self.loses_answers = False
        self.come()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def come(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self._port), Jobs)
        self._server.api = self
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def go(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Jobs(Anybody):
    def do_GET(self) -> None:
        api, words = self.server.api, self.path.split("/")
        if words[2] != "jobs":  # the version; whether a package is there, which it is
            return self.say(200, {"version": "4", "ray_version": "2.60.0", "ray_commit": ""})
        if api.is_in_trouble or words[3] not in api.jobs:
            return self.say(500 if api.is_in_trouble else 404, {})
        if words[-1] == "logs":
            return self.say(200, {"logs": "step 1\n"})
        job = {"type": "SUBMISSION", "entrypoint": "", "submission_id": words[3]}
        self.say(200, job | {"status": api.jobs[words[3]]})

    def do_POST(self) -> None:
        api = self.server.api
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["submission_id"]
        if api.loses_requests:
            return
        if job in api.jobs:
            return self.say(500, {})
        api.jobs[job] = "RUNNING"
        if not api.loses_answers:
            self.say(200, {"job_id": job, "submission_id": job})

    def say(self, code: int, answer: Mapping[str, str]) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


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


def test_a_cluster_run_goes_on_when_a_rank_of_it_is_killed(home, here):
    run = submit(home, epochs=500)
    kill_one_and_see_it_go_on(home, run, ranks)


def ranks() -> list[int]:
    """The workers of Ray Train, which Ray names after what they do; only those that we started."""
    parents, found = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            after_name = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(folder.name)] = int(after_name[1])
            if b"RayTrainWorker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))

    def is_ours(pid: int) -> bool:
        return pid == os.getpid() or (pid in parents and is_ours(parents[pid]))

    return sorted(filter(is_ours, found))
