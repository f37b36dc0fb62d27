"""The behaviours of groups again, between processes of which each has a VM of its own."""

from hosts.isolated import isolated
from pg import test_pg as original
from pg.test_pg import *  # noqa: F403

isolation = isolated(original)
