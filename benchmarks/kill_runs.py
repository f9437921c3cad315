"""Kills server, worker and trainer at random moments, then counts what is left over.

    python -m benchmarks.kill_runs --kills 20

Drawn faces, a student of 32 px, one run. In the end the run must be finished, no label changed, no
process left, and the registry whole.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from core.checkpoint import load_checkpoint
from db.database import connect
from db.home import Home
from db.models import aliases, list_models
from db.runs import Run, get_run
from tests.retraining_files import TINY, crown, make_home, train_champion
from trainer.jobs.local import LocalJobs, tend
from trainer.redistill import RetrainingConfig, prepare

ROOT = Path(__file__).parents[1]
MODULES = {"trainer.worker": "worker", "trainer.redistill": "trainer", "trainer.challenge": "judge"}
#: How long the run may take when nobody kills any more.
LAST_LEG_S = 3600.0
#: Submits or resumes a run and then sleeps, as a server would go on.
SERVER = (
    "import json, sys, time; from pathlib import Path; from db.home import Home;"
    "from trainer.jobs.local import LocalJobs; jobs = LocalJobs(Home(Path(sys.argv[1])));"
    "jobs.resume(int(sys.argv[2])) if sys.argv[2] != '0' else"
    " jobs.submit(json.loads(sys.argv[3]), device='cpu'); time.sleep(3600)"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=12.0, help="pause before a kill, seconds")
    parser.add_argument("--epochs", type=float, default=40, help="long enough for all kills")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    random.seed(args.seed)
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        result = endure(Path(folder), args.kills, args.longest, args.epochs)
        print(json.dumps(result, indent=1))


def endure(folder: Path, kills: int, longest_s: float, epochs: float) -> dict[str, object]:
    """One run through so many kills; what was killed and what is left."""
    home = make_home(folder / "home")
    crown(home, train_champion(folder / "champion", epochs=1))
    before = labels(home)
    changes = TINY | {"epochs": epochs}
    config = prepare(home, RetrainingConfig(changes=changes, loader_processes=1)).to_json()
    began = time.monotonic()
    server = start_server(home, 0, config)
    killed: Counter[str] = Counter()
    run_id = 1
    while sum(killed.values()) < kills and not is_over(home, run_id):
        await_moment(home, run_id, longest_s)
        server = revive(home, run_id, server)
        victims = processes(home)
        if not victims:  # the run is about to be found again
            continue
        victims[server.pid] = "server"
        pid = random.choice(list(victims))
        killed[victims[pid]] += 1
        print(f"killed {victims[pid]} in phase {state(home, run_id).phase}", file=sys.stderr)
        os.kill(pid, signal.SIGKILL)
        server = revive(home, run_id, server)
    deadline = time.monotonic() + LAST_LEG_S
    while not is_over(home, run_id) and time.monotonic() < deadline:
        time.sleep(1)
        server = revive(home, run_id, server)
    server.kill()
    server.wait()
    time.sleep(15)
    return {"killed": killed, "seconds": round(time.monotonic() - began)} | rest(
        home, run_id, before
    )


def await_moment(home: Home, run_id: int, longest_s: float) -> None:
    """Some seconds; every other time from the moment on that a training or comparison goes on."""
    if random.random() < 0.5:
        deadline = time.monotonic() + 180
        while not at_work(home, run_id) and time.monotonic() < deadline:
            tend(home)  # as every open page does
            time.sleep(0.5)
    time.sleep(random.uniform(0.1, longest_s))


def at_work(home: Home, run_id: int) -> bool:
    run = state(home, run_id)
    return run.status != "running" or (run.phase or "").startswith(("training", "comparing"))


def rest(home: Home, run_id: int, before: list[tuple]) -> dict[str, object]:
    """What is left when everything is over."""
    with connect(home) as db:
        models, in_use = list_models(db), aliases(db)
    return {
        "run": state(home, run_id).status,
        "error": state(home, run_id).error,
        "labels intact": labels(home) == before,
        "orphan processes": len(processes(home)),
        "models of the run": sum(model.run_id == run_id for model in models),
        "registry whole": all(
            load_checkpoint(home.root / model.path).sha256 == model.sha256 for model in models
        ),
        "aliases": {alias: model.name for alias, model in in_use.items()},
    }


def start_server(home: Home, run_id: int, config: dict) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SERVER, str(home.root), str(run_id), json.dumps(config)]
    server = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    while run_id == 0 and not has_run(home):
        time.sleep(0.2)
    return server


def revive(home: Home, run_id: int, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """What a person would do: start the server again, resume what was lost or gave up."""
    if server.poll() is not None:
        server = start_server(home, run_id, {}) if is_stopped(home, run_id) else idle_server(home)
    elif is_stopped(home, run_id):
        LocalJobs(home).resume(run_id)
    return server


def idle_server(home: Home) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])


def is_stopped(home: Home, run_id: int) -> bool:
    tend(home)
    return state(home, run_id).status in ("failed", "paused", "cancelled")


def is_over(home: Home, run_id: int) -> bool:
    return state(home, run_id).status == "finished"


def state(home: Home, run_id: int) -> Run:
    with connect(home) as db:
        return get_run(db, run_id)


def has_run(home: Home) -> bool:
    with connect(home) as db:
        return bool(db["runs"].count)


def labels(home: Home) -> list[tuple]:
    """Everything that people ever said."""
    with connect(home) as db:
        return list(db.execute("SELECT * FROM annotation_events ORDER BY id").fetchall())


def processes(home: Home) -> dict[int, str]:
    """The living processes of this home folder's runs, by their command lines."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it ended meanwhile
            continue
        roles = [MODULES[word] for word in words if word in MODULES]
        if roles and str(home.root) in words:
            found[int(file.parent.name)] = roles[0]
    return found


if __name__ == "__main__":
    main()
