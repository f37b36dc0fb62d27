from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FAKE = Path(__file__).with_name("fake_app.py")

INDEX = """\
version: "1.0"
namespace: app
entries:
  - name: greet
    kind: process.lua
    meta:
      command: {name: greet, short: Greets}
    source: return {}
  - name: other
    kind: process.lua
    meta:
      tags: [a, b]
      size: 3
    source: return {}
  - name: add
    kind: function.lua
    method: main
    source: |
      return {}
  - name: host
    kind: process.host
"""

Result = subprocess.CompletedProcess[str]
Wippy = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few entries, which is the working directory."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "_index.yaml").write_text(INDEX)
    (tmp_path / "wippy.lock").write_text("directories:\n  src: ./src\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def wippy(monkeypatch: pytest.MonkeyPatch) -> Wippy:
    """Runs `wippy` with a fake application in the working directory: `wippy("run", "-x", "a:b", does="7")`."""
    for name in ("NO_COLOR", "FORCE_COLOR", "GOMEMLIMIT"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, does: str = "", **environment: str) -> Result:
        return subprocess.run(
            [sys.executable, str(FAKE), *arguments],
            env={**os.environ, "FAKE_APP": does, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call
