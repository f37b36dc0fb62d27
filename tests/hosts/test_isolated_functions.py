from processes import test_functions as original
from processes.test_functions import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
