"""An MCP server over stdio for the tests of the gateway: python scripted_server.py ERA FILE

ERA is legacy, modern, or mute (legacy, and silent to what it does not know). FILE holds the JSON list of its
tools; when it changes, the list does. What a tool does is its name: echo, fail, slow, ask, exit, give, env, noise.
A FILE.offers beside it (JSON: resources, resourceTemplates, prompts) gives it more than tools. What somebody subscribed
to stands in FILE.watched; a FILE.touched names a resource that changed just now.
"""

import json
import os
import pathlib
import sys
import threading
import time

ERA, FILE = sys.argv[1], pathlib.Path(sys.argv[2])
LOCK = threading.Lock()
MODERN = "2026-07-28"


def tools():
    return json.loads(FILE.read_text())


def send(message):
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def text(words, **more):
    done = {"content": [{"type": "text", "text": words}], **more}
    return {"resultType": "complete", **done} if ERA == "modern" else done


def offers():
    file = FILE.with_suffix(".offers")
    return json.loads(file.read_text()) if file.exists() else {}


def capabilities():
    able = {"tools": {"listChanged": True}}
    if offers():
        able.update(resources={"listChanged": True, "subscribe": True}, prompts={"listChanged": True}, completions={})
    return able


def other(method, params):
    """What is no tool; None for what is not known."""
    for list_method, member in (("resources/list", "resources"), ("resources/templates/list", "resourceTemplates"),
                                ("prompts/list", "prompts")):
        if method == list_method:
            entries, start = offers().get(member, []), int(params.get("cursor", 0))
            after = start + offers().get("page", 2)
            done = {member: entries[start:after]}
            return done if after >= len(entries) else {**done, "nextCursor": str(after)}
    if method == "resources/read" and params["uri"].startswith("bad://"):
        return {"list": {"contents": "no"}, "kind": {"contents": {"uri": "x"}}, "none": {}, "parts": {
            "contents": [1, None, {"uri": 5}, {"uri": "x://y"}, {"uri": "x://z", "text": 7}, {"uri": "ok://1", "text": "t"}]}}[
                params["uri"][6:]]
    if method == "resources/read":
        return {"contents": [{"uri": params["uri"], "mimeType": "text/plain", "text": "read " + params["uri"]}]}
    if method == "prompts/get":
        words = f"{params['name']} {json.dumps(params.get('arguments', {}), sort_keys=True)}"
        return {"description": "it says", "messages": [{"role": "user", "content": {"type": "text", "text": words}}]}
    if method == "completion/complete":
        ref = params["ref"]
        return {"completion": {"values": [ref.get("name", ref.get("uri")), params["argument"]["value"] + "!"]}}
    return None


class Server:
    def __init__(self):
        self.answers = {}  # id of a question of ours -> what came
        self.asked = 0
        self.cancelled = set()
        self.watched = set()

    def ask(self, params):
        self.asked += 1
        key = f"q{self.asked}"
        arrived = threading.Event()
        self.answers[key] = [arrived, None]
        send({"id": key, "method": "elicitation/create", "params": params})
        arrived.wait(60)
        return self.answers[key][1]

    def call(self, number, params):
        name, arguments = params["name"], params.get("arguments", {})
        question = {"message": "which colour?", "requestedSchema": {"type": "object", "properties": {"colour": {"type": "string"}}}}
        if name == "fail":
            send({"id": number, "result": text("it went wrong", isError=True)})
        elif name == "exit":
            os._exit(3)
        elif name == "give":  # whatever it is told to answer
            send({"id": number, "result": {**({"resultType": "complete"} if ERA == "modern" else {}), **arguments["result"]}})
        elif name == "slow":
            until = time.monotonic() + 20
            while time.monotonic() < until and number not in self.cancelled:
                token = params.get("_meta", {}).get("progressToken")
                if token is not None:
                    send({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1, "total": 4}})
                time.sleep(0.05)
            FILE.with_suffix(".cancelled").write_text("yes" if number in self.cancelled else "no")
        elif name == "ask" and ERA == "modern":
            given = params.get("inputResponses")
            if not given:
                send({"id": number, "result": {"resultType": "input_required", "requestState": "held",
                      "inputRequests": {"colour": {"method": "elicitation/create", "params": question}}}})
                return
            assert params["requestState"] == "held", params
            send({"id": number, "result": text("colour " + json.dumps(given["colour"], sort_keys=True))})
        elif name == "ask":
            send({"id": number, "result": text("colour " + json.dumps(self.ask(question), sort_keys=True))})
        elif name == "env":
            send({"id": number, "result": text(json.dumps(dict(os.environ)))})
        else:
            if name == "noise":
                with LOCK:
                    print("this line is no message", flush=True)
                    print("", flush=True)
                print("a warning", file=sys.stderr, flush=True)
            send({"id": number, "result": text("echo " + json.dumps(arguments, sort_keys=True),
                                               structuredContent={"arguments": arguments})})

    def take(self, message):
        method, number, params = message.get("method"), message.get("id"), message.get("params", {})
        if method is None:
            arrived = self.answers[number]
            arrived[1] = message.get("result", message.get("error"))
            arrived[0].set()
        elif method == "initialize" and ERA != "modern":
            send({"id": number, "result": {"protocolVersion": "2025-11-25", "capabilities": capabilities(),
                  "serverInfo": {"name": "scripted", "version": "1"}}})
        elif method == "server/discover" and ERA == "modern":
            send({"id": number, "result": {"resultType": "complete", "supportedVersions": [MODERN],
                  "capabilities": capabilities(), "ttlMs": 0, "cacheScope": "public"}})
        elif method == "subscriptions/listen" and ERA == "modern":
            self.listening = number
            self.watches(params["notifications"].get("resourceSubscriptions", []), [])
        elif method in ("resources/subscribe", "resources/unsubscribe") and offers() and ERA != "modern":
            self.watches(*([params["uri"]], []) if method == "resources/subscribe" else ([], [params["uri"]]))
            send({"id": number, "result": {}})
        elif method == "tools/list":
            done = {"tools": tools()}
            if ERA == "modern":
                done.update(resultType="complete", ttlMs=0, cacheScope="public")
            send({"id": number, "result": done})
        elif method == "tools/call":
            threading.Thread(target=self.call, args=(number, params), daemon=True).start()
        elif method == "notifications/cancelled":
            self.cancelled.add(params.get("requestId"))
        elif offers() and (done := other(method, params)) is not None:
            if ERA == "modern":
                done.update(resultType="complete", ttlMs=0, cacheScope="public")
            send({"id": number, "result": done})
        elif number is not None and ERA != "mute":
            send({"id": number, "error": {"code": -32601, "message": f"method not found: {method}"}})

    listening = None

    def watches(self, more, fewer):
        self.watched |= set(more)
        self.watched -= set(fewer)
        FILE.with_suffix(".watched").write_text(json.dumps(sorted(self.watched)))

    def watch(self):
        seen, offered = FILE.read_text(), offers()
        while True:
            time.sleep(0.03)
            now = FILE.read_text()
            if offered and offers() != offered:
                offered = offers()
                for what in ("resources", "prompts"):
                    send({"method": f"notifications/{what}/list_changed"})
            touched = FILE.with_suffix(".touched")
            if touched.exists():
                uri = touched.read_text()
                touched.unlink()
                if uri in self.watched:
                    send({"method": "notifications/resources/updated", "params": {"uri": uri}})
            if now and now != seen:
                seen = now
                meta = {"_meta": {"io.modelcontextprotocol/subscriptionId": self.listening}} if ERA == "modern" else {}
                send({"method": "notifications/tools/list_changed", "params": meta})


def main():
    server = Server()
    threading.Thread(target=server.watch, daemon=True).start()
    for line in sys.stdin:
        if line.strip():
            server.take(json.loads(line))


if __name__ == "__main__":
    main()
