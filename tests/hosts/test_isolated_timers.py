from processes import test_timers as original
from processes.test_timers import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
