"""Every stage, over the wire: a call in which it is the one that denies, and one in which it throws."""

import time

import pytest

from wire import Kernel

STAGES = ["sanitizer", "circuit_breaker", "rate_limiter", "roles", "maturity", "governor", "rules", "ledger"]

TIGHT = """
version: 1
limits: {tools: {"board.read": 3}}
rules:
  - name: no_events
    action: block
    severity: 0.5
    explain: events are not for agents in this test
    when: {tools: [event.publish], roles: [agent]}
"""


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_throws_denies_and_nothing_is_written(stage):
    with Kernel(faults=f"govern.{stage}") as kernel:
        client = kernel.client()
        denial = client.denial("memory.add", {"content": "must not be stored"})
        assert denial["stage"] == stage, denial
        assert denial["code"] == "stage_failed" or stage == "ledger", denial
        assert denial["way_out"]
        assert kernel.run("--json", "status")["memories"] == 0


def test_a_precheck_that_throws_denies():
    with Kernel(faults="dispatch.precheck") as kernel:
        assert kernel.client().denial("health.check")["stage"] == "precheck"


def test_sanitizer_denies_arguments_that_claim_to_be_somebody():
    with Kernel() as kernel:
        denial = kernel.client().denial("board.read", {"field": "error_rate", "_agent_id": "admin"})
        assert denial["stage"] == "sanitizer", denial
        assert "_agent_id" in denial["reason"], denial


def test_rate_limiter_denies_with_an_exact_way_out_and_other_tools_still_work():
    with Kernel(policy=TIGHT) as kernel:
        client = kernel.client()
        for _ in range(3):
            assert not client.call("board.read")[1]
        denial = client.denial("board.read")
        assert denial["stage"] == "rate_limiter", denial
        assert 0 < denial["retry_after_s"] <= 120, denial
        assert not client.call("health.check")[1]


def test_circuit_breaker_denies_a_tool_that_keeps_failing_until_the_owner_closes_it():
    with Kernel(faults="board.read") as kernel:
        client = kernel.client()
        for _ in range(5):
            content, failed = client.call("board.read")
            assert failed and content["error"]["code"] == "internal", content
        denial = client.denial("board.read")
        assert denial["stage"] == "circuit_breaker", denial
        assert 0 < denial["retry_after_s"] <= 31, denial
        assert not client.call("health.check")[1]
        assert client.call("breaker.status", {"tool": "board.read"})[0]
        reset = kernel.call("breaker.reset", {"tool": "board.read"}, owner=True)
        assert "denial" not in reset and "error" not in reset, reset
        assert client.call("board.read")[0]["error"]["code"] == "internal"


def test_roles_deny_what_only_the_owner_may_do():
    with Kernel() as kernel:
        client = kernel.client()
        denial = client.denial("dharma.reload")
        assert denial["stage"] == "roles", denial
        assert "owner" in (denial["rule"] + denial["reason"] + denial["way_out"]).lower(), denial
        assert "denial" not in kernel.call("dharma.reload", owner=True)


def test_maturity_denies_until_the_stage_is_reached():
    with Kernel() as kernel:
        answer = kernel.call("lifecycle.sweep", owner=True)
        assert answer["denial"]["stage"] == "maturity", answer
        client = kernel.client()
        for number in range(5):
            content, failed = client.call("memory.add", {"content": f"fact number {number} about ripening"})
            assert not failed, content
        for _ in range(100):
            answer = kernel.call("lifecycle.sweep", owner=True)
            if "denial" not in answer:
                break
            time.sleep(0.1)
        assert "denial" not in answer, answer


def test_governor_denies_what_nobody_may_run():
    with Kernel() as kernel:
        denial = kernel.client().denial("sandbox.run", {"command": ["rm", "-rf", "/"]})
        assert denial["stage"] == "governor", denial


def test_rules_deny_by_name():
    with Kernel(policy=TIGHT) as kernel:
        denial = kernel.client().denial("event.publish", {"type": "hello"})
        assert denial["stage"] == "rules" and denial["rule"] == "no_events", denial


def test_a_consent_lifts_a_rule_until_it_is_revoked():
    with Kernel() as kernel:
        client = kernel.client()
        command = {"command": ["rm", "-r", "build"]}
        denial = client.denial("sandbox.run", command)
        assert denial["stage"] == "rules", denial
        asked, failed = client.call("consent.request", {"action": "sandbox.run", "reason": "clean the work folder"})
        assert not failed, asked
        granted = kernel.call("consent.grant", {"scope": "sandbox.run", "to": "*", "ttl_s": 60,
                                                "request_id": asked["consent_id"]}, owner=True)
        assert "denial" not in granted and "error" not in granted, granted
        content, _ = client.call("sandbox.run", command)
        assert "denial" not in content, content
        revoked = kernel.call("consent.revoke", {"consent_id": asked["consent_id"]}, owner=True)
        assert "denial" not in revoked and "error" not in revoked, revoked
        assert client.denial("sandbox.run", command)["stage"] == "rules"


def test_every_call_leaves_its_trace_in_a_ledger_that_verifies():
    with Kernel() as kernel:
        client = kernel.client()
        client.call("memory.add", {"content": "the ledger remembers this"})
        client.denial("dharma.reload")
        trace, failed = client.call("karma.trace", {"limit": 20})
        assert not failed, trace
        kinds = {(entry["tool"], entry["decision"]) for entry in trace["entries"]}
        assert ("memory.add", "allow") in kinds, kinds
        assert ("dharma.reload", "deny") in kinds, kinds
        verified = kernel.run("--json", "ledger", "verify")
        assert verified["ok"] is True, verified


def test_a_watcher_of_the_error_rate_wakes_when_calls_fail():
    with Kernel() as kernel:
        client = kernel.client()
        spawned, _ = client.call("monitor.spawn", {"field": "error_rate", "above": 0.3})
        assert spawned["value_now"] == 0 and spawned["rises"] == "worse" and "note" not in spawned, spawned
        for _ in range(8):
            assert client.call("memory.history", {"id": "m999999"})[1]
        assert client.call("reasoner.next", {"wait_s": 20})[0]["reasoner_id"]
        assert client.call("monitor.list")[0]["groups"][0]["fired"] == 1
