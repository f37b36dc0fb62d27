import pytest

from application import application, library, process
from wippy.registry.lifecycle import Actor, Security

CALL = """
return function(options)
  local er = require("eval_runner")
  local value, err
  if options.compile then
    value, err = er.compile(options.source, "", options)
    value = value and value:method()
  else
    value, err = er.run(options)
  end
  if err then return err:kind() .. ": " .. err:message() .. ": " .. tostring(err:retryable()) end
  return value
end
"""
WISH = {
    "source": "return 1",
    "modules": ["json", "fs"],
    "imports": {"l": "app:lib"},
    "allow_classes": ["storage"],
}
ALL = {
    "run": "eval.run",
    "module": "eval.module",
    "import": "eval.import",
    "class": "eval.class",
    "compile": "eval.compile",
}


@pytest.fixture(scope="module")
def app():
    policies = [
        {
            "name": name,
            "kind": "security.policy.expr",
            "policy": {
                "actions": action,
                "resources": "*",
                "effect": "allow",
                "expression": 'meta.entry_id == "app:call" and (action != "eval.import" or meta.alias == "l")',
            },
        }
        for name, action in ALL.items()
    ]
    json_only = {
        "name": "json_only",
        "kind": "security.policy",
        "policy": {"actions": "eval.module", "resources": "json", "effect": "allow"},
    }
    entries = [process("call", CALL, ["eval_runner"]), library("lib", "return {}"), json_only, *policies]
    with application(*entries) as running:
        yield running


def run(app, *policies, **options):
    block = Security(Actor("ada", {}), [], [f"app:{name}" for name in policies])
    frame = app.app.site.frame_for(block).blob()
    return app.execute("app:call", {**WISH, **options}, frame=frame)


@pytest.mark.parametrize(
    ("policies", "denied"),
    [
        (["class"], "eval.run"),
        (["run"], "eval.module json"),
        (["run", "json_only"], "eval.module fs"),
        (["run", "module"], "eval.import app:lib"),
        (["run", "module", "import"], "eval.class storage"),
    ],
)
def test_each_is_asked_for_in_order_before_anything_is_compiled(app, policies, denied):
    assert run(app, *policies, source="no code (") == f"PermissionDenied: permission denied: {denied}: false"


def test_modules_of_imports_are_asked_for_like_others(app):
    imports = {"l": {"id": "app:lib", "modules": ["yaml"]}}
    found = run(app, "run", "json_only", "import", modules=["json"], imports=imports)
    assert found == "PermissionDenied: permission denied: eval.module yaml: false"


def test_all_granted(app):
    assert run(app, "run", "module", "import", "class") == 1


def test_compile_has_its_own(app):
    assert run(app, "run", compile=True) == "PermissionDenied: permission denied: eval.compile: false"
    assert run(app, "compile", "module", "import", compile=True, modules=["json"]) == ""
