"""The behaviours of streams again, in processes of which each has a VM of its own."""

from hosts.isolated import isolated
from stream import test_stream as original
from stream.test_stream import *  # noqa: F403

isolation = isolated(original)
