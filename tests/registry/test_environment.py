import os
import stat

import pytest

from wippy.errors import INTERNAL, INVALID, NOT_FOUND, PERMISSION_DENIED, WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.env_handlers import register_environment
from wippy.registry.environment import Environment
from wippy.registry.order import create, delete, update
from wippy.registry.store import Registry


def entry(id_, kind, **data):
    return Entry(ID.parse(id_), kind, {}, data)


def variable(id_, storage="app:mem", **data):
    return entry(id_, "env.variable", storage=storage, **data)


MEMORY = entry("app:mem", "env.storage.memory")
STATIC = entry("app:static", "env.storage.static", values={"A": "1", "EMPTY": "", "app:private": "p"})


class Setup:
    def __init__(self):
        self.environment = Environment()
        self.notices = []
        self.registry = Registry(notice=self.notices.append)
        register_environment(self.registry, self.environment, self.notices.append)

    async def load(self, *entries):
        await self.registry.load(entries)
        return self.environment


async def test_names_ids_and_namespaces():
    env = await Setup().load(
        STATIC, variable("app:a", "app:static", variable="A"), variable("app:private", "app:static")
    )
    assert env.get("A") == "1"
    assert env.get("app:a") == "1"
    assert env.get("a", "app") == "1"
    assert env.get("private", "app") == "p"
    for key in ("a", "B", "EMPTY"):
        with pytest.raises(WippyError, match="environment variable not found") as caught:
            env.get(key)
        assert caught.value.kind == NOT_FOUND
    with pytest.raises(WippyError, match="empty key") as caught:
        env.get("")
    assert caught.value.kind == INVALID


async def test_an_empty_value_is_not_set():
    env = await Setup().load(
        STATIC,
        MEMORY,
        variable("app:e", "app:static", variable="EMPTY", default="d"),
        variable("app:m", variable="M"),
    )
    assert env.get("EMPTY") == "d"
    env.set("M", "v")
    assert env.get("M") == "v"
    assert env.get_all() == {"A": "1", "EMPTY": "", "app:private": "p", "M": "v"}
    env.set("M", "")
    assert env.lookup("M") is None


async def test_what_cannot_be_set(monkeypatch):
    monkeypatch.setenv("WIPPY_TEST_VALUE", "os")
    env = await Setup().load(
        entry("app:os", "env.storage.os"),
        MEMORY,
        variable("app:o", "app:os", variable="WIPPY_TEST_VALUE"),
        variable("app:r", readonly=True, variable="R"),
    )
    assert env.get("WIPPY_TEST_VALUE") == "os"
    monkeypatch.setenv("WIPPY_TEST_VALUE", "live")
    assert env.get("WIPPY_TEST_VALUE") == "live"
    for key, message in (("WIPPY_TEST_VALUE", "storage is read-only"), ("R", "environment variable is read-only")):
        with pytest.raises(WippyError, match=message) as caught:
            env.set(key, "x")
        assert caught.value.kind == PERMISSION_DENIED
    assert os.environ["WIPPY_TEST_VALUE"] == "live"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (variable("app:x", "mem"), "storage must be a full id"),
        (variable("app:x", variable="a-b"), 'variable "a-b" may only hold'),
        (variable("app:x", default=5), "default must be text, not an integer"),
        (entry("app:x", "env.storage.static", values={"a": 1}), "must be text, not an integer"),
        (entry("app:x", "env.storage.file"), "file path must not be empty"),
        (entry("app:x", "env.storage.router", storages=[]), "storages must name at least one"),
        (entry("app:x", "env.storage.router", storages=["app:none"]), "storage app:none not found"),
        (entry("app:x", "env.storage.router", storages=["mem"]), "must be a full id"),
    ],
)
async def test_rejected_entries(bad, message):
    with pytest.raises(WippyError, match=message):
        await Setup().load(MEMORY, bad)


async def test_variables_that_are_left_out():
    setup = Setup()
    env = await setup.load(
        MEMORY,
        variable("app:a", variable="A", default="first"),
        variable("app:b", variable="A"),
        variable("app:c", "x:y"),
    )
    assert env.get("A") == "first"
    assert len(setup.notices) == 2
    with pytest.raises(WippyError, match="environment variable not found"):
        env.get("app:c")


async def test_a_storage_that_went_away():
    setup = Setup()
    env = await setup.load(MEMORY, variable("app:a", variable="A", default="d"))
    await setup.registry.apply([delete(ID("app", "mem"))])
    with pytest.raises(WippyError, match="environment storage backend not found") as caught:
        env.get("A")
    assert caught.value.kind == NOT_FOUND


async def test_a_router():
    env = await Setup().load(
        MEMORY,
        STATIC,
        entry("app:all", "env.storage.router", storages=["app:mem", "app:static"]),
        variable("app:a", "app:all", variable="A"),
    )
    assert env.get("A") == "1"
    env.set("A", "2")
    assert env.get("A") == "2"
    env.storages[ID("app", "mem")].set("A", "behind")
    assert env.get("A") == "2"


async def test_a_rolled_back_update_keeps_the_values():
    setup = Setup()
    env = await setup.load(MEMORY, variable("app:a", variable="A"))
    env.set("A", "kept")
    with pytest.raises(WippyError):
        await setup.registry.apply([update(MEMORY), delete(ID("app", "a")), create(variable("z:z", "bad"))])
    assert env.get("A") == "kept"
    await setup.registry.apply([update(MEMORY)])
    assert env.lookup("A") is None


async def test_a_file(tmp_path):
    path = tmp_path / "sub/.env"
    setup = Setup()
    env = await setup.load(
        entry("app:f", "env.storage.file", file_path=str(path), auto_create=True, file_mode="0600"),
        variable("app:a", "app:f", variable="A"),
        variable("app:b", "app:f", variable="B"),
    )
    assert env.lookup("A") is None
    assert not path.exists()
    env.set("A", "1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text('# head\n\nA=1 # note\n  B = "x=y"  \nA=2\nC\n')
    assert env.get("A") == "1"
    assert env.get("B") == '"x=y"'
    assert env.get_all()["A"] == "2"
    env.set("A", "9")
    assert path.read_text() == '# head\n\nA=9 # note\n  B = "x=y"  \nA=9\nC\n'


async def test_a_file_that_is_missing(tmp_path):
    env = await Setup().load(
        entry("app:f", "env.storage.file", file_path=str(tmp_path / "none")), variable("app:a", "app:f", variable="A")
    )
    with pytest.raises(WippyError, match="does not exist and auto_create is off") as caught:
        env.set("A", "1")
    assert caught.value.kind == INTERNAL
    assert env.get_all() == {}
