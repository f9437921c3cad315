"""Trainings as jobs: queued, led by a worker, stopped, killed, found again. Real processes.

Most tests let a worker lead small scripts instead of a training, which takes a tenth of a second;
what a real training does in the same situations is tested at the end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from torch.distributed import DistBackendError, DistNetworkError
from waiting import wait_for

from core.checkpoint import load_checkpoint
from db.database import connect
from db.home import Home
from db.migrations import open_home
from db.models import aliases, list_models
from db.runs import Run, metric_names, metrics, submit_run
from tests.job_scripts import script, worker_process
from tests.retraining_files import (
    TINY,
    crown,
    kill_one_and_see_it_go_on,
    make_home,
    now,
    train_champion,
)
from trainer.jobs.device_lock import device_lock
from trainer.jobs.devices import cuda_devices
from trainer.jobs.lifeline import EXIT_OVERDUE
from trainer.jobs.local import LOST, LocalJobs, find_lost_runs, tend
from trainer.jobs.run_files import RunFiles
from trainer.redistill import RetrainingConfig, explain, prepare
from trainer.worker import work

#: Leaves what a training would; the second run fails at its comparison.
ONE_OF_TWO_FAILS = """
files.training.mkdir(exist_ok=True)
for name in ('model.safetensors', 'state.pt'): (files.training / name).touch()
if (module, run) == ('trainer.challenge', '2'):
    files.fail(kind='refused', message='no'); sys.exit(1)
"""
#: Trains until it is stopped, with a child of its own; both process ids are left in a file.
ENDLESS = """
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
(files.root / "pids").write_text(f"{os.getpid()} {child.pid}")
stop.wait()
sys.exit(1)
"""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def home(tmp_path) -> Home:
    return open_home(tmp_path / "home")


def queue(home: Home, device: str = "cpu") -> Run:
    """A run that waits for a worker."""
    with connect(home) as db:
        return submit_run(db, recipe="quick", config={"preset": "quick"}, device=device)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_of(home: Home, run: Run) -> list[int]:
    file = RunFiles.of(home, run.id).root / "pids"
    wait_for(lambda: file.exists() and len(file.read_text().split()) == 2)
    return [int(pid) for pid in file.read_text().split()]


def test_runs_of_a_device_are_done_one_after_the_other_in_order(home):
    first, second = queue(home), queue(home)
    note = "with (files.root.parent / 'order').open('a') as file: file.write(run + module[8] + ' ')"
    assert work(home, "cpu", script(note)) == 2
    assert (home.root / "runs" / "order").read_text() == "1r 1c 2r 2c "
    assert [now(home, run).status for run in (first, second)] == ["finished", "finished"]


def test_a_finished_run_frees_what_it_would_resume_from_and_a_failed_one_keeps_it(home):
    """Each finished run kept its model, which lies among the checkpoints too."""
    finished, failed = queue(home), queue(home)
    work(home, "cpu", script(ONE_OF_TWO_FAILS))
    assert [now(home, run).status for run in (finished, failed)] == ["finished", "failed"]
    assert not any(RunFiles.of(home, finished.id).training.iterdir())
    assert len(list(RunFiles.of(home, failed.id).training.iterdir())) == 2


def test_a_worker_frees_what_another_was_killed_before_it_could(home, monkeypatch):
    """Between the end of the run and that, a kill left five times the model's size for ever."""
    finished, failed = queue(home), queue(home)
    with monkeypatch.context() as killed:
        killed.setattr(RunFiles, "forget_training", lambda files: None)
        work(home, "cpu", script(ONE_OF_TWO_FAILS))
    trainings = [RunFiles.of(home, run.id).training for run in (finished, failed)]
    assert [len(list(folder.iterdir())) for folder in trainings] == [2, 2]
    assert work(home, "cpu") == 0  # nothing is queued
    assert [len(list(folder.iterdir())) for folder in trainings] == [0, 2]


def test_two_workers_never_take_the_same_run(home):
    run = queue(home)
    code = "(files.root / f'by-{os.getppid()}').touch(); time.sleep(1)"
    workers = [worker_process(home, code) for _ in range(3)]
    assert [worker.wait(120) for worker in workers] == [0, 0, 0]
    assert now(home, run).status == "finished"
    assert len(list(RunFiles.of(home, run.id).root.glob("by-*"))) == 1


def test_cancel_reaches_every_child_within_20_seconds(home):
    run = queue(home)
    leader = threading.Thread(target=work, args=(home, "cpu", script(ENDLESS)))
    leader.start()
    pids = pids_of(home, run)
    began = time.monotonic()
    LocalJobs(home).cancel(run.id)
    leader.join(60)
    assert time.monotonic() - began < 20
    assert not any(is_alive(pid) for pid in pids)
    assert now(home, run).status == "cancelled"


def test_a_process_that_ignores_the_word_to_stop_is_killed(home, monkeypatch):
    monkeypatch.setattr("trainer.jobs.supervisor.GRACE_S", 0.5)
    run = queue(home)
    code = ENDLESS.replace("stop.wait()", "time.sleep(300)")
    leader = threading.Thread(target=work, args=(home, "cpu", script(code)))
    leader.start()
    pids = pids_of(home, run)
    LocalJobs(home).pause(run.id)
    leader.join(60)
    assert not any(is_alive(pid) for pid in pids) and now(home, run).status == "paused"


def test_a_killed_worker_leaves_no_process_and_its_run_is_offered_for_resuming(home):
    run = queue(home)
    worker = worker_process(home, ENDLESS.replace("300", "3"))
    pids = pids_of(home, run)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids), 20)
    assert [lost.id for lost in find_lost_runs(home)] == [run.id]
    assert (now(home, run).status, now(home, run).error) == ("failed", LOST)


def test_a_waiting_run_whose_worker_never_came_gets_one(home, monkeypatch):
    started = []
    monkeypatch.setattr("trainer.jobs.local.start_worker", lambda *place: started.append(place))
    queue(home)
    with device_lock(home, "cpu"):
        tend(home)
    assert started == []  # somebody works on that device
    tend(home)
    assert started == [(home, "cpu")]


def test_a_run_whose_training_still_ends_is_not_taken_for_lost(home):
    run = queue(home)
    leader = threading.Thread(target=work, args=(home, "cpu", script(ENDLESS)))
    leader.start()
    pids_of(home, run)
    assert find_lost_runs(home) == [] and now(home, run).status == "running"
    LocalJobs(home).cancel(run.id)
    leader.join(60)


def test_a_killed_training_is_started_again_a_few_times(home):
    run = queue(home)
    count = "with (files.root / 'starts').open('a') as file: file.write('x')\n"
    work(home, "cpu", script(count + "os.kill(os.getpid(), 9)"))
    assert (RunFiles.of(home, run.id).root / "starts").read_text() == "xxx"
    failed = now(home, run)
    assert failed.status == "failed" and "killed by SIGKILL" in (failed.error or "")


def test_out_of_memory_halves_the_batch_and_says_so(home):
    run = queue(home)
    code = """
import json
size = files.batch_size() or 64
if module == "trainer.redistill":
    files.training.mkdir(exist_ok=True)
    (files.training / "config.json").write_text(
        json.dumps({"recipe": {"epochs": 1, "batch_size": size}}))
    (files.training / "batch.png").touch()
    if size > 16:
        files.fail(kind="out of memory", message="no memory")
        sys.exit(1)
    (files.training / "metrics.jsonl").write_text('{"step": 1, "epoch": 1.0, "loss": 0.5}\\n')
"""
    work(home, "cpu", script(code))
    log = LocalJobs(home).logs(run.id)
    assert "out of memory with batches of 64: going on with 32" in log
    assert "out of memory with batches of 32: going on with 16" in log
    assert now(home, run).status == "finished"
    with connect(home) as db:
        assert list(metrics(db, run.id, "loss")) == [(1, 0.5)]


def test_memory_that_never_suffices_is_a_clear_failure(home):
    run = queue(home)
    files = RunFiles.of(home, run.id)
    files.set_batch_size(4)
    files.training.mkdir()
    (files.training / "batch.png").touch()
    work(home, "cpu", script("files.fail(kind='out of memory', message='no'); sys.exit(1)"))
    assert "not even for small batches" in (now(home, run).error or "")


def test_out_of_memory_before_the_first_batch_leaves_the_batch_as_it_is(home):
    """It was halved five times, each time for nothing."""
    run = queue(home)
    starts = "with (files.root / 'starts').open('a') as file: file.write('x')\n"
    config = (
        "import json; files.training.mkdir(exist_ok=True)\n"
        "config = json.dumps({'recipe': {'epochs': 1, 'batch_size': 64}})\n"
        "(files.training / 'config.json').write_text(config)\n"
    )
    fail = "files.fail(kind='out of memory', message='no'); sys.exit(1)"
    work(home, "cpu", script(starts + config + fail))
    files = RunFiles.of(home, run.id)
    assert (files.root / "starts").read_text() == "x" and files.batch_size() is None
    assert "to read the faces and to ask the teachers" in (now(home, run).error or "")


def test_a_gpu_that_is_not_there_is_a_clear_failure(home):
    run = queue(home, "cuda:63")
    work(home, "cuda:63", script(""))
    assert (now(home, run).error or "").startswith("cuda:63 is not there any more")


def test_failures_are_explained_in_one_line():
    lost = RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA")
    assert explain(lost)[0] == "device lost" and "\n" not in explain(lost)[1]
    for text in ("DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"):
        assert explain(RuntimeError(text))[0] == "out of memory"
    assert explain(ValueError("no such folder")) == ("refused", "no such folder")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(
            "[third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer "
            "[127.0.0.1]:31919. This is typically caused by a remote worker crashing."
        ),
        DistBackendError(
            "NCCL error in: ProcessGroupNCCL.cpp:3690, remote process exited or there was a network"
            " error, NCCL version 2.27.5\nncclRemoteError: A call failed possibly due to a network "
            "error or a remote process exiting prematurely."
        ),
        DistNetworkError("The client socket has failed to connect to any network address"),
        RuntimeError("DataLoader worker (pid 4960) is killed by signal: Killed. "),
        RuntimeError("DataLoader worker (pid(s) 4960) exited unexpectedly"),
    ],
)
def test_the_death_of_another_process_is_not_this_ones_failure(error):
    kind, message = explain(error)
    assert kind == "killed" and message.startswith("another process of this training ended: ")


def test_a_device_is_free_again_when_its_last_holder_dies(home):
    with device_lock(home, "cpu") as locks:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, pass_fds=locks)
    with device_lock(home, "cpu") as taken:
        assert taken is None
    child.kill()
    child.communicate()
    with device_lock(home, "cuda:0,cpu") as free:
        assert len(free) == 2


def test_of_several_processes_the_first_to_fail_says_why(home):
    files = RunFiles.of(home, 1)
    files.fail(kind="out of memory", message="the cause")
    files.fail(kind="device lost", message="the consequence")
    failure = files.take_failure()
    assert failure and failure["message"] == "the cause" and files.take_failure() is None
    files.fail(kind="killed", message="another process ended")
    files.fail(kind="out of memory", message="what ended it")
    files.fail(kind="killed", message="another process ended")
    failure = files.take_failure()
    assert failure and failure["message"] == "what ended it"


def test_cuda_devices_are_those_that_this_program_may_use():
    listing = (
        "0, GPU-aaaa-1, 80000, 81559, 3, NVIDIA H100, 80GB\n"
        "1, GPU-bbbb-2, [N/A], 81559, [N/A], NVIDIA H100\n"
        "No devices were found\n"
    )
    first, second = cuda_devices(listing, None)
    assert first.text() == "cuda:0 · NVIDIA H100, 80GB · 78 of 80 GiB free · 3 % busy"
    assert second.text() == "cuda:1 · NVIDIA H100"
    assert cuda_devices(listing, "1") == cuda_devices(listing, "GPU-bbbb") == [second]
    assert cuda_devices(listing, "") == []


def test_a_leader_on_another_machine_is_missed(tmp_path):
    file = tmp_path / "leader"
    for silent_s, act in ((300, file.unlink), (2, lambda: None)):
        file.write_text("1")
        process = follow_leader(file, silent_s)
        time.sleep(1)
        act()
        assert process.communicate(timeout=60)[0] == b"watching\nsaving\n"
        assert process.returncode == EXIT_OVERDUE


def test_a_leader_whose_file_cannot_be_read_is_silent_not_gone(tmp_path):
    """Any error of a network file system ended the watch: the job outlived its dead leader."""
    file, loop = tmp_path / "leader", tmp_path / "loop"
    for silent_s in (300, 4):
        file.write_text("1")
        process = follow_leader(file, silent_s)
        assert process.stdout is not None and process.stdout.readline() == b"watching\n"
        loop.symlink_to(file.name)
        os.replace(loop, file)  # a link to itself: OSError, too many levels of symbolic links
        time.sleep(2.5)
        assert process.poll() is None
        if silent_s == 300:
            file.unlink()
        assert process.communicate(timeout=60)[0] == b"saving\n"
        assert process.returncode == EXIT_OVERDUE
        file.unlink(missing_ok=True)


def follow_leader(file: Path, silent_s: float) -> subprocess.Popen[bytes]:
    """A process that prints ``saving`` when its leader is gone, and would then go on for long."""
    code = (
        "import sys, time; from pathlib import Path; import trainer.jobs.lifeline as lifeline\n"
        "lifeline.LEADER_SILENT_S, lifeline.GRACE_S = float(sys.argv[2]), 0.5\n"
        "stop = lifeline.watch_leader(Path(sys.argv[1])); print('watching', flush=True)\n"
        "stop.wait(); print('saving', flush=True); time.sleep(300)\n"
    )
    command = [sys.executable, "-c", code, str(file), str(silent_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])


# --- with real trainings ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def champion(tmp_path_factory) -> Path:
    return train_champion(tmp_path_factory.mktemp("champion"), epochs=1)


@pytest.fixture
def labelled(tmp_path, champion) -> Home:
    home = make_home(tmp_path / "labelled")
    crown(home, champion)
    return home


def submit(home: Home, **changes) -> Run:
    """A real training, with a worker of its own."""
    config = prepare(home, RetrainingConfig(changes=TINY | changes, loader_processes=0))
    return LocalJobs(home).submit(config.to_json(), device="cpu")


def test_labels_become_a_registered_model_by_one_run(labelled):
    run = submit(labelled)
    wait_for(lambda: now(labelled, run).status not in ("queued", "running"), 500)
    done = now(labelled, run)
    log = LocalJobs(labelled).logs(run.id)
    assert (done.status, done.error, done.progress) == ("finished", None, 1.0), log
    with connect(labelled) as db:
        model, champion = list_models(db)
        names = metric_names(db, run.id)
    assert model.run_id == run.id and champion.run_id is None
    assert load_checkpoint(labelled.root / model.path).model_id == model.name
    assert {"accuracy", "epoch"} <= set(names)
    files = RunFiles.of(labelled, run.id)
    wait_for(lambda: not files.model.exists() and not (files.training / "state.pt").exists(), 20)


def test_a_cancelled_training_keeps_its_checkpoint_and_is_resumed_to_its_end(labelled):
    run = submit(labelled, epochs=200)
    files = RunFiles.of(labelled, run.id)
    wait_for(lambda: (files.training / "metrics.jsonl").exists(), 300)
    LocalJobs(labelled).cancel(run.id)
    wait_for(lambda: now(labelled, run).status == "cancelled", 20)
    assert (files.training / "state.pt").exists() and not files.model.exists()
    assert "stopped at step" in LocalJobs(labelled).logs(run.id)
    with connect(labelled) as db:
        assert len(list_models(db)) == 1 and set(aliases(db)) == {"champion"}
    LocalJobs(labelled).resume(run.id)
    wait_for(lambda: "resuming at step" in LocalJobs(labelled).logs(run.id), 300)
    LocalJobs(labelled).cancel(run.id)
    wait_for(lambda: now(labelled, run).status == "cancelled", 20)


def test_a_training_on_two_devices_leaves_no_rank_behind_when_its_worker_is_killed(labelled):
    config = prepare(labelled, RetrainingConfig(changes=TINY | {"epochs": 500}))
    run = LocalJobs(labelled).submit(config.to_json(), device="cpu,cpu")
    files = RunFiles.of(labelled, run.id)
    wait_for(lambda: (files.training / "metrics.jsonl").exists(), 300)
    family = processes_of(labelled)
    assert sum("trainer.redistill" in words for words in family.values()) >= 3  # torchrun, 2 ranks
    os.kill(now(labelled, run).pid or 0, signal.SIGKILL)
    wait_for(lambda: not any(is_alive(pid) for pid in family), 60)
    assert [lost.id for lost in find_lost_runs(labelled)] == [run.id]
    assert (files.training / "state.pt").exists()


def test_a_training_goes_on_when_one_of_its_ranks_is_killed(labelled):
    config = RetrainingConfig(changes=TINY | {"epochs": 500}, loader_processes=0)
    run = LocalJobs(labelled).submit(prepare(labelled, config).to_json(), device="cpu,cpu")
    kill_one_and_see_it_go_on(labelled, run, lambda: trainings_of(labelled))


def test_a_training_goes_on_when_its_loader_is_killed(labelled):
    """As the kernel does when the memory of the machine is full."""
    config = RetrainingConfig(changes=TINY | {"epochs": 500}, loader_processes=1)
    run = LocalJobs(labelled).submit(prepare(labelled, config).to_json(), device="cpu")
    files = RunFiles.of(labelled, run.id)
    wait_for((files.training / "state.pt").exists)

    def kill_loader() -> bool:  # one of an epoch may be gone before it is hit
        for loader in trainings_of(labelled)[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(loader, signal.SIGKILL)
        return "going on from what is saved" in LocalJobs(labelled).logs(run.id, 1000)

    wait_for(kill_loader, 60)
    wait_for(lambda: "resuming at step" in LocalJobs(labelled).logs(run.id, 1000))
    assert "another process of this training ended: DataLoader worker" in LocalJobs(labelled).logs(
        run.id, 1000
    )
    LocalJobs(labelled).cancel(run.id)
    wait_for(lambda: now(labelled, run).status == "cancelled", 60)


def trainings_of(home: Home) -> list[int]:
    """The processes that train, and after each those that load faces for it, without torchrun."""
    return sorted(
        pid
        for pid, words in processes_of(home).items()
        if "trainer.redistill" in words and "torch.distributed.run" not in words
    )


def processes_of(home: Home) -> dict[int, list[str]]:
    """The words of every command line that names this home folder."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            words = file.read_bytes().decode(errors="replace").split("\0")
            if str(home.root) in words:
                found[int(file.parent.name)] = words
    return found
