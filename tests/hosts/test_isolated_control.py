from processes import test_control as original
from processes.test_control import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
