"""Every way out that a text of the program names exists, and does what is said.

The first half collects from the sources what texts name: commands, flags, tools, settings, and the ways out of denials.
The second half is the proof of each way out: the denial, the way out taken, and the call that passes.
"""

import collections
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from wire import PROGRAM, ROOT, Kernel

LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
SOURCES = [path for folder in ("resonant", "apps") for kind in ("*.cc", "*.h") for path in sorted((ROOT / folder).rglob(kind))]
# Words behind the program's name that are prose: "resonant runs on x86-64".
PROSE = {"already", "every", "by", "on", "builds", "runs", "needs", "is", "has", "the", "swarm"}
# Files whose literals are the words of other programs.
OTHERS = {"sandbox.cc", "program_risk.cc"}


def literals(path):
    """The texts of a source: adjacent literals joined, comments left out."""
    text = path.read_text()
    text = re.sub(r"^\s*//.*$|^\s*#include.*$", "", text, flags=re.M)
    text = re.sub(r'"\s*\n\s*"', "", text)
    return [found.replace('\\"', '"') for found in LITERAL.findall(text)]


def said(pattern, files=SOURCES):
    """What fits the pattern in the texts of the program, and where."""
    found = collections.defaultdict(set)
    for path in files:
        for text in literals(path):
            for match in re.finditer(pattern, text):
                found[match.group(1)].add(f"{path.relative_to(ROOT)}: {text[:100]}")
    return found


def program(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)


def help_of(*path):
    done = program(*path, "--help")
    return done.stdout if done.returncode == 0 else None


@pytest.fixture(scope="module")
def commands():
    """Every command with the text of its help: ("ledger", "verify") and alike."""
    tree = {(): help_of()}
    for name in program("help", "--names").stdout.splitlines():
        tree[tuple(name.split())] = help_of(*name.split())
    assert len(tree) > 50 and all(tree.values())
    return tree


def test_every_command_that_a_text_names_exists(commands):
    missing = []
    for words, where in said(r"\bresonant ((?:[a-z][a-z-]*)(?: [a-z][a-z-]+)*)").items():
        parts = words.split()
        if parts[0] in PROSE:
            continue
        known = (parts[0],) in commands
        below = {path[1] for path in commands if len(path) == 2 and path[0] == parts[0]}
        if not known or (below and len(parts) > 1 and parts[1] not in below):
            missing.append((words, sorted(where)))
    assert not missing


def test_every_flag_that_a_text_names_exists(commands):
    helps = "\n".join(text for text in commands.values())
    texts = said(r"(?:^|[\s`(])(--[a-z][a-z-]+)(?=[\s`,.;:)=]|$)", [path for path in SOURCES if path.name not in OTHERS])
    named = {flag: where for flag, where in texts.items() if any(" " in text.split(": ", 1)[1] for text in where)}
    assert named
    missing = [(flag, sorted(where)) for flag, where in named.items()
               if not re.search(rf"(?<![\w-]){flag}(?![\w-])", helps) and not flag.startswith("--gtest")]
    assert not missing


def test_every_tool_that_a_text_names_is_built():
    listed = {tool["name"]: tool["title"] for tool in json.loads(program("--json", "tools", "--listing", "all").stdout)["tools"]}
    built = set(listed.values())
    unbuilt = json.loads(program("--json", "tools", "--planned").stdout)["planned"]
    planned = {tool["tool"] for tool in unbuilt}
    hidden = {tool["summary"][:100] for tool in unbuilt}  # shown where what is planned is asked for, and nowhere else
    assert built and not built & planned
    families = {name.split(".")[0] for name in built | planned if "." in name}
    others = {"breaker.tools", "sandbox.network", "model.safetensors", "text.peek", "server.name", "swarm.example"}  # settings and code
    missing = []
    for name, where in said(r"(?<![\w.])([a-z_]+\.[a-z_]+)(?![\w(.])").items():
        texts = {text for text in where if text.split(": ", 1)[1] not in hidden | {name} and "uses.cc" not in text}
        if name.split(".")[0] in families and name not in built and name not in others and texts:
            missing.append((name, sorted(texts)))
    assert not missing


# Each place of resonant.toml that a text names, written out.
SETTINGS = {
    "[[agent]]": '[[agent]]\nprincipal = "uid:4321"\nrole = "coordinator"\n',
    "[[board_field]]": '[[board_field]]\nname = "queue_depth"\nunit = "jobs"\ntype = "u64"\ngroup = "queue"\n',
    "[[helper]]": '[[helper]]\nname = "tide"\nevents = ["custom"]\n',
    "[http]": '[http]\nport = 0\nallowed_hosts = ["swarm.example"]\n',
    "allowed_hosts of [http]": '[http]\nport = 0\nallowed_hosts = ["swarm.example"]\n',
    "connections_max of [http]": '[http]\nport = 0\nconnections_max = 100\n',
    "memory_mib of [http]": '[http]\nport = 0\nmemory_mib = 64\n',
    "sessions_max of [http]": '[http]\nport = 0\nsessions_max = 10\n',
    "cors_origins of [http]": '[http]\nport = 0\ncors_origins = ["https://page.example"]\n',
    "[[client]]": '[[client]]\nname = "cursor"\ntools = ["memory.*"]\n',
    "import_folders of resonant.toml": 'import_folders = ["/tmp"]\n',
    "export_folders of resonant.toml": 'export_folders = ["/tmp"]\n',
    "[embedding]": '[embedding]\nendpoint = ""\n',
    "[http.oauth]": None,  # needs an authorisation server: test_oauth.py
    "[servers.NAME]": None,  # needs a server: test_gateway_servers.py
}


def test_every_setting_that_a_text_names_is_one_of_resonant_toml(tmp_path):
    texts = [text for path in SOURCES for text in literals(path)]
    named = set()
    for text in texts:
        if "resonant.toml" in text or re.search(r"must be (?:a list of )?tables?: \[", text):
            named |= set(re.findall(r"\[\[?[a-z_.]+(?:NAME)?\]?\]", text))
            named |= set(re.findall(r"[a-z_]+ of (?:\[[a-z_.]+\]|resonant\.toml)", text))
    named.discard("that of resonant.toml")
    assert named <= set(SETTINGS), f"write out what these are: {named - set(SETTINGS)}"
    for name, toml in SETTINGS.items():
        if toml is not None:
            with Kernel(toml=toml, flags=()) as kernel:
                assert kernel.run("--json", "status")["ok"] is True, name


# What each way out of a denial says, in a part that is its own, and the test below that proves it.
PROOFS = {
    "in resonant.toml [[agent]] with principal": "test_a_role_that_the_owner_gives_in_the_configuration_is_had",
    "ask the owner to run `resonant call": "test_the_owner_runs_what_needs_the_owner",
    "ask the owner to lift it: `resonant resume`": "test_a_pause_is_lifted_with_resume_and_says_its_reason",
    "`resonant quarantine {} --lift`": "test_a_quarantine_is_lifted_and_says_its_reason",
    "the owner sets limits in policy.d": "test_limits_are_set_in_the_policy",
    "the owner can close it with breaker.reset": "test_an_open_circuit_is_closed_with_breaker_reset",
    "widen it with governor.set_goal": "test_a_spent_budget_is_widened_by_the_owner",
    "no consent lifts this; do it in smaller": "test_what_is_forbidden_stays_so_and_smaller_steps_pass",
    "ask the owner: consent.request with": "test_consent_lifts_what_waits_for_a_person",
    "no consent lifts this; the owner can change": "test_a_rule_without_consent_is_changed_where_it_says",
    "or ask for consent with consent.request": "test_a_throttling_rule_is_lifted_by_consent",
    "call maturity.assess": "test_what_is_locked_opens_as_maturity_assess_says",
    "next stage ({}): {}": "test_what_is_locked_opens_as_maturity_assess_says",
    "resonant server approve": "elsewhere: test_gateway.py",
    "the kernel stopped, with `resonant ledger acknowledge`": "elsewhere: test_bad_days.py",
    "reading still works; free some disk space": "elsewhere: tests/durability/disk_test.cc",
    "reading still works; try again, then see the kernel's log": "elsewhere: test_governance_wire.py",
    "try again; if it stays": "elsewhere: test_governance_wire.py",
    "with fewer calls at once": "elsewhere: test_fairness.py",
    "the owner allows it with the line `sandbox: {network: true}`": "test_the_network_is_allowed_in_the_policy",
    "allowed_hosts of [http]": "test_a_host_that_is_named_in_the_configuration_is_served",
    "its owner adds it to `{}` of {} in resonant.toml": "elsewhere: test_client_sets.py",
    "wait {:.1f} s": "test_a_throttling_rule_is_lifted_by_consent",
    "is not this home's": "test_a_wrong_admin_secret_is_said_to_be_wrong",
}


def test_every_way_out_of_a_denial_has_its_proof():
    texts = [text for path in SOURCES for text in literals(path)]
    for part, proof in PROOFS.items():
        assert any(part in text for text in texts), f"no text says this any more: {part}"
        assert proof.startswith("elsewhere: ") or proof in globals(), proof
    ways = []
    for path in SOURCES:
        source = re.sub(r'"\s*\n\s*"', "", path.read_text())
        for match in re.finditer(r"\.way_out\s*=(.*?)\.retry_after_s", source, re.S):
            ways += [(path.name, text) for text in LITERAL.findall(match.group(1)) if " " in text]
    unproved = [(name, text) for name, text in ways
                if not any(part in text.replace('\\"', '"') for part in PROOFS) and not text.startswith("do other work")]
    assert ways and not unproved


ME = f"uid:{os.getuid()}"


def test_a_role_that_the_owner_gives_in_the_configuration_is_had():
    with Kernel() as kernel:
        denial = kernel.client().denial("agent.suspend", {"agent": "uid:4321", "suspended": True, "reason": "test"})
        assert denial["stage"] == "roles", denial
        said_so = re.search(r'principal = "([^"]+)" and role = "([^"]+)"', denial["way_out"])
        assert said_so and said_so.groups() == (ME, "coordinator"), denial
        toml = f'[[agent]]\nprincipal = "{said_so.group(1)}"\nrole = "{said_so.group(2)}"\n'
    with Kernel(toml=toml) as kernel:
        content, failed = kernel.client().call("agent.suspend", {"agent": "uid:4321", "suspended": True, "reason": "test"})
        assert not failed, content
        judged = kernel.run("--json", "policy", "test", "agent.suspend", '{"agent": "x", "suspended": true, "reason": "y"}')
        assert judged["allowed"] and judged["judged_as"]["role"] == "coordinator", judged


def test_an_observer_of_the_configuration_may_only_read():
    with Kernel(toml=f'[[agent]]\nprincipal = "{ME}"\nrole = "observer"\n') as kernel:
        client = kernel.client()
        assert not client.call("health.check")[1]
        assert client.denial("memory.add", {"content": "not mine to write"})["stage"] == "roles"


def test_the_owner_runs_what_needs_the_owner():
    with Kernel() as kernel:
        denial = kernel.client().denial("dharma.reload")
        assert "resonant call dharma.reload" in denial["way_out"], denial
        assert "denial" not in kernel.call("dharma.reload", owner=True)


def test_a_wrong_admin_secret_is_said_to_be_wrong():
    with Kernel() as kernel:
        environment = dict(kernel.environment, RESONANT_ADMIN_SECRET="0" * 48)
        done = subprocess.run([PROGRAM, "--home", kernel.home, "call", "health.check", "{}"], env=environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 3 and "admin secret" in done.stderr and "init" in done.stderr, done
        assert "denial" not in kernel.call("dharma.reload", owner=True)


def test_a_pause_is_lifted_with_resume_and_says_its_reason():
    with Kernel() as kernel:
        client = kernel.client()
        kernel.run("--json", "pause", "--reason", "the disk is being changed")
        denial = client.denial("health.check")
        assert denial["code"] == "suspended" and "the disk is being changed" in denial["reason"], denial
        assert "resonant resume" in denial["way_out"], denial
        for where in (("status",), ("agents",), ("call", "health.check", "{}")):
            assert "the disk is being changed" in json.dumps(kernel.run("--json", *where, owner=True)), where
        kernel.run("--json", "resume", owner=True)
        assert not client.call("health.check")[1]
        assert "standings" not in kernel.run("--json", "status")


def test_a_quarantine_is_lifted_and_says_its_reason():
    with Kernel() as kernel:
        client = kernel.client()
        kernel.call("agent.suspend", {"agent": ME, "suspended": True, "reason": "it loops"}, owner=True)
        denial = client.denial("health.check")
        assert "it loops" in denial["reason"] and f"resonant quarantine {ME} --lift" in denial["way_out"], denial
        assert "it loops" in json.dumps(kernel.run("--json", "status"))
        client.close()  # it would start a kernel itself
        kernel.kill()
        kernel.start()
        client = kernel.client()
        assert "it loops" in client.denial("health.check")["reason"], "also behind a restart"
        kernel.run("--json", "quarantine", ME, "--lift", owner=True)
        assert not client.call("health.check")[1]


def test_limits_are_set_in_the_policy():
    policy = 'version: 1\nlimits: {tools: {"board.read": %d}}\nrules: []\n'
    with Kernel(policy=policy % 2) as kernel:
        client = kernel.client()
        for _ in range(2):
            assert not client.call("board.read")[1]
        denial = client.denial("board.read")
        assert "policy.d" in denial["way_out"], denial
        (kernel.home / "policy.d" / "10-test.yaml").write_text(policy % 100)
        assert "denial" not in kernel.call("dharma.reload", owner=True)
        assert not client.call("board.read")[1]


def test_an_open_circuit_is_closed_with_breaker_reset():
    with Kernel(faults="board.read") as kernel:
        client = kernel.client()
        for _ in range(5):
            assert client.call("board.read")[1]
        assert "breaker.reset" in client.denial("board.read")["way_out"]
        assert "denial" not in kernel.call("breaker.reset", {"tool": "board.read"}, owner=True)
        assert "denial" not in client.call("board.read")[0]


def test_a_spent_budget_is_widened_by_the_owner():
    with Kernel() as kernel:
        client = kernel.client()
        session = client.call("session.start", {"name": "budget"})[0]["session_id"]
        goal = {"session_id": session, "goal": "count", "budget": {"calls": 1}}
        assert not client.call("governor.set_goal", goal)[1]
        assert not client.call("session.checkpoint", {"session_id": session, "note": "one"})[1]
        denial = client.denial("session.checkpoint", {"session_id": session, "note": "two"})
        assert denial["code"] == "budget_exhausted" and "governor.set_goal" in denial["way_out"], denial
        widened = kernel.call("governor.set_goal", dict(goal, budget={"calls": 100}), owner=True)
        assert "denial" not in widened and "error" not in widened, widened
        assert not client.call("session.checkpoint", {"session_id": session, "note": "two"})[1]


def test_what_is_forbidden_stays_so_and_smaller_steps_pass():
    with Kernel() as kernel:
        client = kernel.client()
        assert "smaller" in client.denial("sandbox.run", {"command": ["rm", "-rf", "/"]})["way_out"]
        content, _ = client.call("sandbox.run", {"command": ["ls", "/"]})
        assert "denial" not in content, content


def test_consent_lifts_what_waits_for_a_person():
    with Kernel() as kernel:
        client = kernel.client()
        command = {"command": ["rm", "-r", "build"]}
        denial = client.denial("sandbox.run", command)
        asked = json.loads(re.search(r"consent\.request with (\{.*\})", denial["way_out"]).group(1))
        request, failed = client.call("consent.request", asked)
        assert not failed, request
        granted = kernel.run("--json", "consent", "grant", request["consent_id"], owner=True)
        assert granted.get("state") == "granted", granted
        assert "denial" not in client.call("sandbox.run", command)[0]


THROTTLE = """
version: 1
rules:
  - {name: slow_events, action: throttle, calls_per_minute: 1, consent: allowed, explain: few, when: {tools: [event.publish]}}
"""


def test_a_throttling_rule_is_lifted_by_consent():
    with Kernel(policy=THROTTLE) as kernel:
        client = kernel.client()
        assert not client.call("event.publish", {"type": "a.b"})[1]
        denial = client.denial("event.publish", {"type": "a.b"})
        assert "consent.request" in denial["way_out"], denial
        granted = kernel.call("consent.grant", {"scope": "event.publish", "to": ME, "ttl_s": 60}, owner=True)
        assert "denial" not in granted and "error" not in granted, granted
        assert not client.call("event.publish", {"type": "a.b"})[1]


NO_EVENTS = """
version: 1
rules:
  - {name: no_events, action: block, explain: not here, when: {tools: [event.publish]}}
"""


def test_a_rule_without_consent_is_changed_where_it_says():
    with Kernel(policy=NO_EVENTS) as kernel:
        client = kernel.client()
        denial = client.denial("event.publish", {"type": "a.b"})
        file, line = re.search(r"change (\S+):(\d+)", denial["way_out"]).groups()
        path = kernel.home / "policy.d" / file
        lines = path.read_text().splitlines()
        assert "no_events" in lines[int(line) - 1], denial
        path.write_text("version: 1\nrules: []\n")
        assert "denial" not in kernel.call("dharma.reload", owner=True)
        assert not client.call("event.publish", {"type": "a.b"})[1]


def test_what_is_locked_opens_as_maturity_assess_says():
    with Kernel() as kernel:
        answer = kernel.call("lifecycle.sweep", owner=True)
        assert answer["denial"]["stage"] == "maturity" and "maturity.assess" in answer["denial"]["way_out"], answer
        gates = kernel.call("maturity.assess")["gates"]
        assert any(not gate["passed"] and gate["unlocks"] for gate in gates), gates
        client = kernel.client()
        for number in range(5):
            assert not client.call("memory.add", {"content": f"fact number {number} about ripening"})[1]
        deadline = time.monotonic() + 60
        while "denial" in (answer := kernel.call("lifecycle.sweep", owner=True)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "denial" not in answer, answer


def test_the_network_is_allowed_in_the_policy():
    with Kernel() as kernel:
        client = kernel.client()
        asked = {"command": ["true"], "network": True}
        content, failed = client.call("sandbox.run", asked)
        assert failed and content["error"]["code"] == "permission_denied", content
        line = re.search(r"`(sandbox: \{network: true\})`", content["error"]["message"]).group(1)
        (kernel.home / "policy.d" / "90-network.yaml").write_text(f"version: 1\n{line}\n")
        assert "denial" not in kernel.call("dharma.reload", owner=True)
        content, failed = client.call("sandbox.run", asked)
        assert not failed and content["exit_status"] == 0, content


def post(kernel, host):
    url = kernel.run("--json", "status")["http"]
    token = (kernel.home / "token").read_text().strip()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
    request = urllib.request.Request(url, body, {
        "Host": host, "Authorization": f"Bearer {token}", "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_a_host_that_is_named_in_the_configuration_is_served():
    with Kernel(flags=("--http", "127.0.0.1:0")) as kernel:
        status, words = post(kernel, "swarm.example")
        assert status == 403 and "allowed_hosts of [http]" in words, words
    with Kernel(flags=("--http", "127.0.0.1:0"), toml='[http]\nallowed_hosts = ["swarm.example"]\n') as kernel:
        assert post(kernel, "swarm.example")[0] != 403


@pytest.mark.parametrize("profile", ["default", "secure", "creative"])
def test_policy_test_says_what_a_real_call_would_be_told(profile):
    calls = [("memory.add", {"content": "x"}), ("health.check", {}), ("dharma.reload", {}), ("sandbox.run", {"command": ["rm", "-rf", "/"]}),
             ("sandbox.run", {"command": ["rm", "-r", "build"]}), ("agent.suspend", {"agent": "x", "suspended": True, "reason": "y"}),
             ("lifecycle.sweep", {}), ("consent.request", {"action": "sandbox.run", "reason": "x"})]
    for role in ("observer", "agent", "coordinator"):
        with Kernel(toml=f'[[agent]]\nprincipal = "{ME}"\nrole = "{role}"\n') as kernel:
            if profile != "default":
                assert "denial" not in kernel.call("dharma.set_profile", {"profile": profile}, owner=True)
            client = kernel.client()
            for tool, arguments in calls:
                judged = kernel.run("--json", "policy", "test", tool, json.dumps(arguments))
                assert judged["judged_as"] == {"principal": ME, "role": role, "contained": False}, judged
                content, _ = client.call(tool, arguments)
                assert content.get("denial") == judged.get("denial"), (tool, content, judged)
                assert judged["allowed"] == ("denial" not in content), (tool, judged)


def test_policy_test_exits_with_3_when_denied_and_judges_whom_it_is_told():
    with Kernel() as kernel:
        kernel.call("dharma.set_profile", {"profile": "secure"}, owner=True)

        def code(*words):
            return subprocess.run([PROGRAM, "--home", kernel.home, "policy", "test", *words], env=kernel.environment,
                                  capture_output=True, text=True, timeout=60).returncode

        assert code("memory.add", '{"content": "x"}') == 3
        assert code("health.check") == 0
        assert code("memory.add", '{"content": "x"}', "--role", "nobody") not in (0, 3)
        contained = ["sandbox.run", '{"command": ["mv", "a", "b"]}']
        kernel.call("dharma.set_profile", {"profile": "default"}, owner=True)
        assert code(*contained) == 0
        assert code(*contained, "--contained") == 3
        assert code("dharma.reload") == 3
        assert code("dharma.reload", "--role", "owner", "--as", "operator") == 0
