"""What tools promise of their answers is listed, told on demand, and held by what they answer."""

import json
import subprocess

import pytest

from test_real_clients import CLIENTS, NODE, SCRIPTS, environment
from wire import PATIENCE, Kernel


@pytest.fixture(scope="module")
def kernel():
    with Kernel(flags=("--http", "127.0.0.1:0", "--no-token")) as made:
        yield made


def test_a_client_that_checks_answers_finds_them_as_promised(kernel):
    url = kernel.run("--json", "status")["http"].removesuffix("/") + "/all"
    done = subprocess.run([NODE / "node", SCRIPTS / "npm_output_schema.mjs", url], env=environment(), capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["promised"] >= 90, told
    refused = {"memory_erase", "memory_list"}
    assert {name for name, what in told["seen"].items() if what == "error"} == refused, told


def test_the_families_hold_no_output_schemas_and_the_schema_on_demand_does(kernel):
    client = kernel.client()
    families = client.ask("tools/list")["result"]["tools"]
    assert "outputSchema" not in json.dumps(families)
    shown, is_error = client.call("tool_schema", {"tools": ["memory.add"]})
    assert not is_error
    promised = shown["tools"][0]["output_schema"]
    assert promised["properties"]["id"] == {"type": "string"} and promised["anyOf"][0] == {"required": ["id"]}
