from processes import test_channels as original
from processes.test_channels import *  # noqa: F403

from .isolated import isolated

isolation = isolated(original)
