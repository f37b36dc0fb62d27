from processes import test_messages as original
from processes.test_messages import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
