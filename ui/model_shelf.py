"""The models a studio answers with: loaded one after the other, beside the pages.

The pages are there before the models are. Whoever asks too early gets a ``ModelsNotReady`` that
says what is going on in one sentence.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from db.database import connect
from db.home import Home
from db.models import get_model, list_models, model_in_use
from ui.champion_states import start_following
from ui.model_files import why_not_servable
from ui.served_models import Role, ShelfModel, loaded, quickened

if TYPE_CHECKING:
    from core.detector import FaceDetector

#: How soon a promoted student answers.
_LOOK_FOR_PROMOTIONS_S = 5.0

_LOG = logging.getLogger(__name__)
NO_STUDENT = (
    "No student model is on this computer yet, so nothing can be answered. Train one with "
    "`python launch.py train student …`, or start with `python launch.py serve --model FILE`."
)


class ModelsNotReady(RuntimeError):
    """Nothing can be answered now; the message is one sentence for the person who asked."""


class ModelShelf:
    """The student and its teachers. Thread-safe; ``start`` returns at once.

    ``student`` overrides the champion of the database, which overrides the shipped weights;
    ``teachers`` come in place of the shipped ones.
    """

    def __init__(
        self,
        home: Home,
        student: Path | None = None,
        teachers: Sequence[Path] | None = None,
        device: str = "auto",
    ) -> None:
        self._home = home
        self._student = student
        self._teachers = teachers
        self._device = device
        self._lock = threading.Lock()
        self._models: tuple[ShelfModel, ...] = ()
        self._detector: FaceDetector | None = None
        self._looked = threading.Event()  # the files are known
        self._student_done = threading.Event()
        self._all_done = threading.Event()
        self._stopping = threading.Event()
        self._versions: dict[str, ShelfModel] = {}  # other students, loaded because somebody asked
        self._failure = ""  # why nothing at all, or no promoted student, could be loaded
        self._refused: Path | None = None  # the promoted student that could not be loaded

    def start(self) -> None:
        """Begin to load in a thread of its own, which then follows promotions.

        In another one the stored faces follow them, whatever student was given.
        """
        threading.Thread(target=self._run, name="model-shelf", daemon=True).start()
        start_following(self._home, self._stopping)

    def stop(self) -> None:
        """Follow promotions no longer; what is loaded goes on answering.

        For programs that outlive a shelf, as tests do. The app's threads end with it.
        """
        self._stopping.set()

    @property
    def models(self) -> tuple[ShelfModel, ...]:
        """All models, the student first, each with its state at this moment."""
        with self._lock:
            return self._models

    @property
    def has_given_student(self) -> bool:
        """Whether a student was given that answers whatever is promoted."""
        return self._student is not None

    @property
    def failure(self) -> str:
        """Why nothing at all, or no promoted student, could be loaded; empty where that is not."""
        return self._failure

    @property
    def is_settled(self) -> bool:
        """Whether every model is either ready or failed."""
        return self._all_done.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether the student can answer and nothing failed."""
        models = self.models
        return (
            bool(models)
            and not self._failure
            and models[0].role == "student"
            and all(model.state == "ready" for model in models)
        )

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until everything is loaded; False where that took longer than ``timeout_s``."""
        return self._all_done.wait(timeout_s)

    def status(self) -> str:
        """The state of the models in one sentence."""
        if not self._looked.is_set():
            return "The models are loading …"
        loading = [model.name for model in self.models if model.state == "loading"]
        failed = [
            f"{model.name}: {model.error}" for model in self.models if model.state == "failed"
        ]
        if loading:
            return f"Loading {loading[0]} ({len(self.models) - len(loading)} of {len(self.models)})"
        if failed:
            return f"{len(failed)} model(s) could not be loaded. {failed[0]}"
        if self._failure:
            return self._failure
        if not any(model.role == "student" for model in self.models):
            return NO_STUDENT
        teachers = len(self.models) - 1
        return f"Ready: the student and {teachers or 'no'} teacher{'s' * (teachers != 1)}"

    def student(self, timeout_s: float = 0.0, version: str | None = None) -> ShelfModel:
        """The student that serves, or the registered one called ``version``, ready to answer.

        Waits up to ``timeout_s`` while models load. Raises ModelsNotReady.
        """
        self._student_done.wait(timeout_s)
        if version and all(version != model.name for model in self.models):
            return self._version(version)
        model = next((model for model in self.models if model.role == "student"), None)
        if model is None:
            raise ModelsNotReady(self.status())
        if model.state == "failed":
            raise ModelsNotReady(f"The student could not be loaded: {model.error}")
        if model.predictor is None:
            raise ModelsNotReady("The student is still loading; try again in a few seconds.")
        return model

    def teachers(self) -> list[ShelfModel]:
        """The teachers that are ready now."""
        return [m for m in self.models if m.role == "teacher" and m.state == "ready"]

    def detector(self) -> FaceDetector:
        """The face detector that all models share. Raises ModelsNotReady."""
        if self._detector is None:
            raise ModelsNotReady("The face detector is still loading; try again in a few seconds.")
        return self._detector

    def versions(self) -> list[str]:
        """The names of all students that can answer, the one that serves first."""
        with connect(self._home, read_only=True) as db:
            registered = list_models(db, "student")
        serving = [model.name for model in self.models if model.role == "student"]
        others = [model for model in registered if model.name not in serving]
        return serving + [one.name for one in others if not why_not_servable(self._home, one)]

    def _version(self, name: str) -> ShelfModel:
        with self._lock:
            known = self._versions.get(name)
        if known is None:
            with connect(self._home, read_only=True) as db:
                model = get_model(db, name)
            if fault := why_not_servable(self._home, model):
                raise ModelsNotReady(f"{fault}.")
            path = self._home.root / model.path
            known = self._loaded(ShelfModel(name=name, role="student", path=path))
            if known.state == "failed":
                raise ModelsNotReady(f"{name} could not be loaded: {known.error}")
            with self._lock:
                self._versions[name] = known
        return known

    def _run(self) -> None:
        try:
            self._load_all()
            self._quicken()
        except Exception as error:  # without it the pages would say that there is no student
            _LOG.exception("cannot load the models")
            self._failure = f"The models could not be loaded: {' '.join(str(error).split())}"
        finally:
            for done in (self._looked, self._student_done, self._all_done):
                done.set()
        while self._student is None and not self._stopping.wait(_LOOK_FOR_PROMOTIONS_S):
            try:
                self._follow_champion()
            except Exception:  # such as a busy database: the next look is soon
                _LOG.exception("cannot look for a promoted student")

    def _load_all(self) -> None:
        from core.detector import FaceDetector
        from core.predictor import STUDENT, TEACHERS, WEIGHTS

        self._detector = FaceDetector()
        files = _student_files(self._student, self._champion(), STUDENT)
        teachers = self._teachers
        if teachers is None:
            teachers = sorted(WEIGHTS.glob(TEACHERS))
        with self._lock:
            self._models = _entries(files, "student") + _entries(teachers, "teacher")
        self._looked.set()
        for index, model in enumerate(self.models):
            self._settle(index, self._loaded(model, at_start=True))
            if model.role == "student":
                self._student_done.set()
        self._student_done.set()
        self._all_done.set()

    def _quicken(self) -> None:
        """Now that everything answers, look for something faster to answer with."""
        for index, model in enumerate(self.models):
            self._settle(index, quickened(model, self._device))

    def _follow_champion(self) -> None:
        """Load a newly promoted student beside the old one, which serves until it is ready."""
        path = self._champion()
        now = next((model for model in self.models if model.role == "student"), None)
        if path in (None, self._refused):
            return
        if now is not None and now.path == path:
            if self._refused is not None:  # rolled back
                self._refused, self._failure = None, ""
            return
        model = self._loaded(ShelfModel(name=path.stem, role="student", path=path))
        if model.state == "failed" and now is not None:
            self._refused = path
            self._failure = f"The promoted student could not be loaded: {model.error}"
            return
        self._refused, self._failure = None, ""
        with self._lock:
            self._models = (model, *(one for one in self._models if one.role == "teacher"))
        self._settle(0, quickened(model, self._device))

    def _champion(self) -> Path | None:
        with connect(self._home) as db:
            champion = model_in_use(db, "champion")
        path = self._home.root / champion.path if champion else None
        return path if path is not None and path.is_file() else None

    def _loaded(self, model: ShelfModel, *, at_start: bool = False) -> ShelfModel:
        return loaded(self._home, model, self._device, self._detector, at_start=at_start)

    def _settle(self, index: int, model: ShelfModel) -> None:
        with self._lock:
            self._models = (*self._models[:index], model, *self._models[index + 1 :])


def _student_files(*candidates: Path | None) -> list[Path]:
    """The first that was named; of ours (the last) only if it is there."""
    *named, shipped = candidates
    given = [path for path in named if path is not None]
    if given:
        return given[:1]
    return [shipped] if shipped is not None and shipped.is_file() else []


def _entries(paths: Iterable[Path], role: Role) -> tuple[ShelfModel, ...]:
    return tuple(ShelfModel(name=path.stem, role=role, path=path) for path in paths)
