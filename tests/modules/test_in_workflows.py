"""The modules for data in workflows: chance is recorded with the run, tokens age with its clock."""

from __future__ import annotations

from pathlib import Path

from flows.flow_app import FlowApp, function, workflow
from wippy.units.clock import VirtualClock

MODULES = "funcs time crypto uuid text yaml hash base64 json"
ECHO = function("echo", "return function(v) return v end")


async def test_random_values_are_the_same_on_replay(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs, crypto, uuid, base64, text = require("funcs"), require("crypto"), require("uuid"), require("base64"), require("text")
        return function()
          local made = {
            crypto.random.string(12), (crypto.random.uuid()), base64.encode(crypto.random.bytes(40)),
            base64.encode(crypto.encrypt.aes("text", ("k"):rep(16))), base64.encode(crypto.encrypt.chacha20("text", ("k"):rep(32))),
            (uuid.v1()), (uuid.v4()), (uuid.v7()), base64.encode((crypto.pbkdf2("p", "s", 30000, 32))),
          }
          local same = true
          for i = 1, #made do same = same and funcs.call("app:echo", made[i]) == made[i] end
          local differ = text.diff.new()
          same = same and #funcs.call("app:echo", (differ:compare("one", "two"))) == #differ:compare("one", "two")
          local seen = {}
          for i = 1, #made do seen[made[i]] = true end
          local count = 0
          for _ in pairs(seen) do count = count + 1 end
          return {same, count, (crypto.decrypt.aes(base64.decode(made[4]), ("k"):rep(16)))}
        end
        """,  # noqa: E501
        MODULES,
    )
    async with FlowApp(tmp_path, ECHO, flow, provider={"cache_size": 0}) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == [True, 9, "text"]
        await app.begin("flow", id="two")
        assert await app.result("two") == [True, 9, "text"]


async def test_a_token_expires_with_the_clock_of_the_run(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local time, crypto = require("time"), require("crypto")
        return function()
          local token = crypto.jwt.encode({exp = os.time() + 3600, nbf = os.time()}, "key")
          local before = crypto.jwt.verify(token, "key") ~= nil
          time.sleep("30m")
          local half = crypto.jwt.verify(token, "key") ~= nil
          time.sleep("30m")
          local _, err = crypto.jwt.verify(token, "key")
          return {before, half, err:message()}
        end
        """,
        MODULES,
    )
    async with FlowApp(tmp_path, flow, clock=VirtualClock(), provider={"cache_size": 0}) as app:
        await app.begin("flow", id="one")
        assert await app.result("one") == [True, True, "verify token: token has invalid claims: token is expired"]
