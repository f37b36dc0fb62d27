from processes import test_spawn as original
from processes.test_spawn import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
