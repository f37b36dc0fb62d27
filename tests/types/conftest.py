from __future__ import annotations

import pytest
from type_app import types


@pytest.fixture(scope="session")
def t():
    with types() as found:
        yield found
