"""The owner's prompt templates as a client sees them: listed, told of when they change, filled in through the door,
completed; in both eras."""

import os

import pytest

from hostile import META
from wire import Kernel

REVIEW = """---
title: Review a change
description: Looks at a diff as a reviewer would
tags: [code]
arguments:
  diff: the change
  tone: {description: how to say it, values: [gentle, strict, stern]}
---
Review this in a {{tone|plain}} tone: {{diff}}
"""

POLICY = """
version: 1
rules:
  - name: no_prompts
    explain: not here
    action: block
    when: {tools: [prompt.render]}
"""


def add(kernel, name, text):
    """As an editor saves: whole or not at all."""
    folder = kernel.home / "prompts"
    (folder / f".{name}").write_text(text)
    os.rename(folder / f".{name}", folder / name)


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as one:
        yield one


@pytest.mark.parametrize("meta", [{}, {"_meta": META}], ids=["legacy", "modern"])
def test_own_templates_are_listed_and_filled_in(kernel, meta):
    client = kernel.client()
    listed = {one["name"]: one for one in client.ask("prompts/list", meta)["result"]["prompts"]}
    assert {"resume_work", "recall_topic", "hand_over", "explain_denial"} <= set(listed)
    assert listed["recall_topic"]["arguments"][0]["required"] is True
    made = client.ask("prompts/get", {"name": "recall_topic", "arguments": {"topic": "herons {{topic}}"}, **meta})["result"]
    assert 'the query "herons {{topic}}"' in made["messages"][0]["content"]["text"]
    assert client.ask("prompts/get", {"name": "recall_topic", **meta})["error"]["code"] == -32602
    values = client.ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "explain_denial"},
                                                "argument": {"name": "tool", "value": "memory.ad"}, **meta})
    assert values["result"]["completion"]["values"] == ["memory.add"]


def test_a_template_that_is_added_is_told_of_listed_filled_in_and_completed(kernel):
    client = kernel.client()
    assert client.server["capabilities"]["prompts"]["listChanged"] is True
    add(kernel, "review.md", REVIEW)
    add(kernel, "broken.md", "---\ntitle: [never closed\n---\n{{x}}")
    while client.receive().get("method") != "notifications/prompts/list_changed":
        pass
    if "review" not in str(listed := client.ask("prompts/list")["result"]["prompts"]):
        pytest.fail(str(listed))
    assert "broken" not in str(listed)
    made = client.ask("prompts/get", {"name": "review", "arguments": {"diff": "+1", "tone": "strict"}})["result"]
    assert made["messages"][0]["content"]["text"] == "Review this in a strict tone: +1"
    assert made["description"] == "Looks at a diff as a reviewer would"
    values = client.ask("completion/complete", {"ref": {"type": "ref/prompt", "name": "review"},
                                                "argument": {"name": "tone", "value": "st"}})["result"]["completion"]
    assert values["values"] == ["strict", "stern"]
    reloaded, _ = client.call("prompt.reload")
    assert [one["file"] for one in reloaded["refused"]] == ["broken.md"] and "line" in reloaded["refused"][0]["why"]


def test_a_prompt_passes_the_door_like_any_call():
    with Kernel(policy=POLICY) as kernel:
        error = kernel.client().ask("prompts/get", {"name": "hand_over"})["error"]
        assert error["code"] == -32602 and error["data"]["denial"]["rule"] == "no_prompts", error
