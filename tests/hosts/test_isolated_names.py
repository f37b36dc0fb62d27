from processes import test_names as original
from processes.test_names import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
