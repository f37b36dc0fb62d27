from processes import test_events as original
from processes.test_events import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
