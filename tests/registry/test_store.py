"""Transactions: all or nothing, deferral, undo, versions."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.duration import MILLISECOND
from wippy.errors import CONFLICT, INTERNAL, INVALID, NOT_FOUND, TIMEOUT, SourceError, WippyError
from wippy.registry.entry import ID, Entry
from wippy.registry.notice import Problems
from wippy.registry.order import create, delete, update
from wippy.registry.store import Registry

from .projects import load


def entry(id_, data=None, kind="function.lua"):
    return Entry(ID.parse(id_), kind, {}, {} if data is None else data)


class Shelf:
    """Keeps entries; rejects what its data asks for; `needs` names an entry that must be kept already."""

    def __init__(self):
        self.kept: dict[ID, Entry] = {}
        self.calls: list[str] = []
        self.failing_commit = False

    def check(self, one):
        if "reject" in one.data:
            raise WippyError(one.data.get("kind", INVALID), one.data["reject"])
        need = one.data.get("needs")
        if need and ID.parse(need) not in self.kept:
            raise WippyError(NOT_FOUND, f"{need} is missing")

    async def create(self, one):
        self.check(one)
        assert one.id not in self.kept
        self.kept[one.id] = one
        self.calls.append(f"create {one.id}")

    async def update(self, one, old):
        self.check(one)
        assert self.kept[one.id] is old
        self.kept[one.id] = one
        self.calls.append(f"update {one.id}")

    async def delete(self, one):
        if "keep" in one.data:
            raise WippyError(CONFLICT, "still in use")
        del self.kept[one.id]
        self.calls.append(f"delete {one.id}")

    async def begin(self):
        self.calls.append("begin")

    async def commit(self):
        self.calls.append("commit")
        if self.failing_commit:
            raise WippyError(INTERNAL, "commit failed")

    async def rollback(self):
        self.calls.append("rollback")

    async def committed(self):
        self.calls.append("committed")


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def notices():
    return []


@pytest.fixture
def registry(shelf, notices):
    registry = Registry(notice=notices.append, wait_timeout=50 * MILLISECOND)
    registry.register("function.lua", shelf)
    registry.register("library.lua", shelf)
    return registry


async def test_load_is_version_0_and_apply_makes_new_ones(registry, shelf):
    await registry.load([entry("a:y"), entry("a:x")])
    assert (registry.version.id, registry.version.parent) == (0, None)
    assert [str(version) for version in registry.history.versions()] == ["v0"]
    version = await registry.apply([update(entry("a:x", {"n": 1})), create(entry("a:b", kind="registry.entry"))])
    assert (version.id, version.parent) == (1, 0)
    assert [str(one.id) for one in registry.entries()] == ["a:b", "a:x", "a:y"]
    assert registry.get("a:x").data == {"n": 1}
    assert registry.get("a:none") is None
    assert shelf.calls[-4:] == ["begin", "update a:x", "commit", "committed"]


async def test_no_operations(registry):
    with pytest.raises(WippyError, match="no changes to apply"):
        await registry.apply([])


@pytest.mark.parametrize(
    ("operation", "kind", "message"),
    [
        (create(entry("a:x")), CONFLICT, "invalid operation: entry already exists: {ns: a, name: x}"),
        (update(entry("a:n")), NOT_FOUND, "invalid operation: entry does not exist: {ns: a, name: n}"),
        (delete(ID("a", "n")), NOT_FOUND, "invalid operation: cannot delete non-existent entry: {ns: a, name: n}"),
        (
            update(entry("a:x", kind="library.lua")),
            INVALID,
            "invalid operation: cannot change entry kind from function.lua to library.lua",
        ),
        (create(entry("a:r", {"reject": "bad"})), INVALID, "operation failed for entry a:r: bad"),
        (create(Entry(ID("a", "d"), "function.lua")), INVALID, "configuration data is required"),
    ],
)
async def test_a_rejected_operation_leaves_everything_as_before(registry, shelf, operation, kind, message):
    await registry.load([entry("a:x"), entry("a:y"), entry("a:z", {"n": 1})])
    before, kept = registry.entries(), dict(shelf.kept)
    others = [create(entry("a:a")), delete(ID("a", "y")), update(entry("a:z", {"n": 2})), create(entry("z:z"))]
    with pytest.raises(WippyError) as caught:
        await registry.apply([*others, operation])
    assert caught.value.kind == kind
    assert message in caught.value.message
    assert registry.entries() == before
    assert shelf.kept == kept
    assert registry.version.id == 0
    assert shelf.calls[-1] == "rollback"


async def test_a_failing_commit_undoes_everything(registry, shelf):
    await registry.load([entry("a:x", {"n": 1}), entry("a:y")])
    kept = dict(shelf.kept)
    shelf.failing_commit = True
    with pytest.raises(WippyError, match="commit failed"):
        await registry.apply([update(entry("a:x", {"n": 2})), delete(ID("a", "y")), create(entry("a:z"))])
    assert shelf.kept == kept
    assert registry.get("a:x").data == {"n": 1}


async def test_references_off_the_known_paths_converge(registry, shelf):
    await registry.load([entry("a:a", {"needs": "a:b"}), entry("a:b", {"needs": "a:c"}), entry("a:c")])
    assert shelf.calls[:4] == ["begin", "create a:c", "create a:b", "create a:a"]


async def test_missing_references_are_all_named(registry, shelf):
    with pytest.raises(Problems) as caught:
        await registry.load([entry("a:a", {"needs": "x:n"}), entry("a:b", {"needs": "a:a"}), entry("a:c")])
    assert caught.value.kind == NOT_FOUND
    assert caught.value.message.startswith("unresolved dependencies after retry: a:a,a:b")
    assert "operation failed for entry a:b: a:a is missing" in caught.value.message
    assert shelf.kept == {}
    assert registry.entries() == []


async def test_not_found_counts_anywhere_in_the_chain(registry, shelf):
    class Wrapping(Shelf):
        def check(self, one):
            try:
                super().check(one)
            except WippyError as error:
                raise WippyError(INTERNAL, "wrapped") from error

    registry.register("process.lua", wrapping := Wrapping())
    await registry.load([entry("a:a", {"needs": "a:b"}, "process.lua"), entry("a:b", kind="process.lua")])
    assert len(wrapping.kept) == 2


async def test_a_wrong_undo_is_told_and_does_not_stop_the_others(registry, shelf, notices):
    await registry.load([])
    with pytest.raises(WippyError, match="bad"):
        await registry.apply(
            [create(entry("a:a")), create(entry("a:b", {"keep": True})), create(entry("a:c", {"reject": "bad"}))]
        )
    assert [str(id_) for id_ in shelf.kept] == ["a:b"]
    assert [(notice.level, notice.message) for notice in notices] == [("error", "operation could not be undone")]


async def test_an_unknown_kind_names_file_line_and_likely_kinds(registry, tmp_path):
    text = """
        namespace: app
        entries:
          - name: a
            kind: proces.lua
          - name: b
            kind: lua.function
          - name: c
            kind: registry.entry
            what: ever
    """
    with pytest.raises(Problems) as caught:
        await registry.load(load(tmp_path, {"src/_index.yaml": text}).entries)
    first, second = caught.value.errors
    assert isinstance(first, SourceError)
    assert (first.kind, first.file, first.line) == (TIMEOUT, "src/_index.yaml", 4)
    assert "for entry app:a (kind: proces.lua): no listener responded" in first.bare
    assert first.hint.startswith("did you mean process.lua")
    assert second.hint.startswith("did you mean function.lua")


async def test_an_unknown_kind_in_a_change_set(registry):
    await registry.load([])
    with pytest.raises(WippyError, match="no listener responded - check if listener is registered") as caught:
        await registry.apply([create(entry("a:m", kind="module.lua"))])
    assert caught.value.kind == TIMEOUT


async def test_a_kind_that_is_not_built_loads_with_a_warning(registry, notices):
    await registry.load([entry("a:t", kind="network.i2p")])
    assert registry.get("a:t") is not None
    assert [str(notice) for notice in notices] == ["not supported in this build (entry: a:t, kind: network.i2p)"]
    await registry.apply([delete(ID("a", "t"))])


async def test_errors_of_handlers_point_at_the_entry(registry, tmp_path):
    files = {"src/_index.yaml": "namespace: a\nentries:\n  - name: x\n    kind: function.lua\n    reject: no good\n"}
    with pytest.raises(SourceError) as caught:
        await registry.load(load(tmp_path, files).entries)
    assert str(caught.value).splitlines()[:2] == [
        "error: operation failed for entry a:x: no good",
        "  --> src/_index.yaml:3",
    ]


async def test_a_broken_handler_is_an_internal_error(registry):
    class Broken(Shelf):
        async def create(self, one):
            raise ZeroDivisionError("oops")

    registry.register("process.lua", Broken())
    with pytest.raises(WippyError, match="ZeroDivisionError: oops") as caught:
        await registry.load([entry("a:x", kind="process.lua")])
    assert caught.value.kind == INTERNAL


async def test_a_handler_that_does_not_answer(registry):
    class Silent(Shelf):
        async def create(self, one):
            await asyncio.Event().wait()

    registry.register("process.lua", Silent())
    with pytest.raises(
        WippyError, match=r"event handler timeout after 50ms for entry a:x \(kind: process.lua\)"
    ) as caught:
        await registry.load([entry("a:x", kind="process.lua")])
    assert caught.value.kind == TIMEOUT


async def test_cancelling_an_apply_undoes_it(registry, shelf):
    reached = asyncio.Event()

    class Waiting(Shelf):
        async def create(self, one):
            reached.set()
            await asyncio.Event().wait()

    registry.register("process.lua", Waiting())
    task = asyncio.create_task(registry.load([entry("a:a"), entry("a:b", kind="process.lua")]))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shelf.kept == {}
    await registry.load([entry("a:a")])


async def test_transactions_wait_for_one_another(registry):
    await registry.load([])
    versions = await asyncio.gather(*(registry.apply([create(entry(f"a:{n}"))]) for n in range(5)))
    assert sorted(version.id for version in versions) == [1, 2, 3, 4, 5]


async def test_a_handler_cannot_start_a_transaction(registry):
    class Meddling(Shelf):
        async def create(self, one):
            await registry.apply([create(entry("b:b"))])

    registry.register("process.lua", Meddling())
    with pytest.raises(WippyError, match="a handler cannot change the registry"):
        await registry.load([entry("a:x", kind="process.lua")])


async def test_one_kind_has_one_handler(registry):
    with pytest.raises(WippyError, match="has a handler already"):
        registry.register("function.lua", Shelf())


async def test_entries_of_a_running_transaction_can_be_seen_by_handlers(registry):
    seen = []

    class Looking(Shelf):
        async def create(self, one):
            seen.append((registry.peek("a:a") is not None, registry.get("a:a") is not None))

    registry.register("process.lua", Looking())
    await registry.load([entry("a:a"), entry("a:b", kind="process.lua")])
    assert seen == [(True, False)]
    assert registry.peek("a:a") is not None


async def test_events(registry):
    events = []
    stop = registry.listen(lambda event: events.append((event.kind, event.path)))
    await registry.load([entry("a:x"), entry("a:r", kind="registry.entry")])
    assert events == [
        ("registry.begin", "registry.tx/1/begin"),
        ("entry.create", "a:x"),
        ("entry.accept", "a:x"),
        ("registry.commit", "registry.tx/1/commit"),
    ]
    events.clear()
    with pytest.raises(WippyError):
        await registry.apply([create(entry("a:z", {"reject": "no"}))])
    assert [kind for kind, _ in events] == ["registry.begin", "entry.create", "entry.reject", "registry.discard"]
    stop()
    events.clear()
    await registry.apply([delete(ID("a", "x"))])
    assert events == []


async def test_going_back_and_forth(registry, shelf):
    await registry.load([entry("a:x", {"n": 0})])
    one = await registry.apply([update(entry("a:x", {"n": 1})), create(entry("a:y"))])
    two = await registry.apply([delete(ID("a", "y")), update(entry("a:x", {"n": 2}))])
    history = registry.history
    await registry.apply_version(history.get(0))
    assert {str(one.id): one.data for one in registry.entries()} == {"a:x": {"n": 0}}
    assert registry.version.id == 0
    branch = await registry.apply([update(entry("a:x", {"n": 3}))])
    assert (branch.id, branch.parent) == (3, 0)
    await registry.apply_version(two)
    assert {str(one.id): one.data for one in registry.entries()} == {"a:x": {"n": 2}}
    await registry.apply_version(one)
    assert {str(one.id): one.data for one in registry.entries()} == {"a:x": {"n": 1}, "a:y": {}}
    assert set(shelf.kept) == {ID("a", "x"), ID("a", "y")}
    assert [found.data for found in registry.entries_at(branch)] == [{"n": 3}]
    assert history.next(history.get(0)) is branch
    assert history.previous(two) is one
    with pytest.raises(WippyError, match="version not found"):
        history.get(99)


async def test_going_to_a_version_touches_only_what_differs(registry):
    await registry.load([entry("a:x", {"n": 0}), entry("a:y", {"n": 0})])
    await registry.apply([update(entry("a:y", {"n": 0})), update(entry("a:x", {"n": 1}))])
    touched = []
    registry.listen(lambda event: touched.append(event.path) if event.kind.startswith("entry.u") else None)
    await registry.apply_version(registry.history.get(0))
    assert touched == ["a:x"]


async def test_a_kind_changes_by_delete_and_create(registry):
    await registry.load([entry("a:x")])
    await registry.apply([create(entry("a:x", kind="library.lua")), delete(ID("a", "x"))])
    assert registry.get("a:x").kind == "library.lua"
    await registry.apply_version(registry.history.get(0))
    assert registry.get("a:x").kind == "function.lua"


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["set", "delete", "reject"]), st.integers(0, 3))),
        max_size=6,
    )
)
def test_handlers_always_hold_what_the_registry_says(changes):
    async def scenario():
        shelf = Shelf()
        registry = Registry()
        registry.register("function.lua", shelf)
        await registry.load([entry("n:a"), entry("n:b")])
        states = {0: registry.entries()}
        for change in changes:
            operations = []
            for name, what, number in {name: (name, what, number) for name, what, number in change}.values():
                one = entry(f"n:{name}", {"reject": "no"} if what == "reject" else {"n": number})
                exists = registry.get(one.id) is not None
                if what == "delete":
                    operations.append(delete(one.id))
                else:
                    operations.append(update(one) if exists else create(one))
            before = registry.entries()
            try:
                version = await registry.apply(operations)
                states[version.id] = registry.entries()
            except WippyError:
                assert registry.entries() == before
            assert sorted(shelf.kept.values(), key=lambda one: one.id) == registry.entries()
        for number, state in states.items():
            await registry.apply_version(registry.history.get(number))
            assert registry.entries() == state
            assert sorted(shelf.kept.values(), key=lambda one: one.id) == state

    asyncio.run(scenario())


async def test_a_dangling_reference_shows_where_it_stands(registry, tmp_path):
    class Referring(Shelf):
        async def create(self, one):
            target = ID.parse(one.data["process"], one.id.ns)
            if registry.peek(target) is None:
                raise registry.missing(one, target, "process", what="process")

    registry.register("process.service", Referring())
    text = """
        namespace: app
        entries:
          - name: worker
            kind: function.lua
          - name: service
            kind: process.service
            process: app:worke
    """
    with pytest.raises(Problems) as caught:
        await registry.load(load(tmp_path, {"src/_index.yaml": text}).entries)
    assert caught.value.message.splitlines() == [
        "unresolved dependencies after retry: app:service",
        "",
        "error: operation failed for entry app:service: process app:worke not found",
        "  --> src/_index.yaml:7:14",
        "  |",
        "7 |     process: app:worke",
        "  |              ^",
        "  = did you mean app:worker?",
    ]
