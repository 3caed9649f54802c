"""A server behind this one that wants a token: it is got from the authorisation server that the server names, and only
where that may be believed."""

import base64
import http.server
import json
import threading
import urllib.parse

import pytest

from test_gateway import READS, tool, words
from wire import Kernel

CLIENT, SECRET = "swarm", "s3cr+t/%"


class Site:
    """The server and its authorisation server in one, on one port each run."""

    def __init__(self):
        self.grants, self.tokens, self.lives, self.lies = [], [], 3600, {}
        site = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def give(self, status, document, **headers):
                body = json.dumps(document).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                known = {
                    "/.well-known/oauth-protected-resource/mcp": {
                        "resource": site.url, "authorization_servers": [site.root + "/login"], "scopes_supported": ["use"]},
                    "/.well-known/oauth-authorization-server/login": {
                        "issuer": site.root + "/login", "token_endpoint": site.root + "/token"}}
                if self.path in known:
                    self.give(200, {**known[self.path], **site.lies.get(self.path, {})})
                else:
                    self.give(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/token":
                    site.grants.append((self.headers.get("Authorization", ""), dict(urllib.parse.parse_qsl(body))))
                    site.tokens.append(f"token-{len(site.tokens)}")
                    self.give(200, {"access_token": site.tokens[-1], "token_type": "Bearer", "expires_in": site.lives})
                    return
                if not site.tokens or self.headers.get("Authorization") != f"Bearer {site.tokens[-1]}":
                    self.give(401, {}, WWW_Authenticate="Bearer scope=\"use it\"")
                    return
                message = json.loads(body)
                if "id" not in message:
                    self.give(202, {})
                    return
                done = {"initialize": {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                                       "serverInfo": {"name": "guarded", "version": "1"}},
                        "tools/list": {"tools": [tool("echo", **READS)]},
                        "tools/call": {"content": [{"type": "text", "text": "let in"}]}}.get(message["method"])
                reply = {"jsonrpc": "2.0", "id": message["id"]}
                self.give(200, {**reply, "result": done} if done else {**reply, "error": {"code": -32601, "message": "no"}})

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.root + "/mcp"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site():
    made = Site()
    yield made
    made.server.shutdown()


@pytest.fixture(scope="module")
def kernel():
    with Kernel() as made:
        yield made


def add(kernel, site, name, **more):
    kernel.call("breaker.reset", {"tool": "server.add"}, owner=True)  # failing on purpose opens it
    oauth = {"client_id": CLIENT, "client_secret": SECRET, **more}
    return kernel.call("server.add", {"name": name, "url": site.url, "oauth": oauth}, owner=True)


def test_a_token_is_got_where_the_server_says_and_again_when_it_is_no_good(kernel, site):
    added = add(kernel, site, "guarded")
    assert added.get("tools") == 1, added
    login, form = site.grants[0]
    user, secret = base64.b64decode(login.removeprefix("Basic ")).decode().split(":")
    assert (urllib.parse.unquote(user), urllib.parse.unquote(secret)) == (CLIENT, SECRET)
    assert form == {"grant_type": "client_credentials", "resource": site.url, "scope": "use it"}
    client = kernel.client()
    assert words(client.result("guarded__echo")) == "let in"
    before = len(site.grants)
    site.tokens.append("another")  # the one it has is worth nothing any more
    assert words(client.result("guarded__echo")) == "let in"
    assert len(site.grants) == before + 1
    held = kernel.home / "servers.json"
    assert SECRET in held.read_text() and held.stat().st_mode & 0o077 == 0
    assert SECRET not in json.dumps(kernel.call("server.list", {"name": "guarded"}))
    assert SECRET not in json.dumps(kernel.call("karma.trace", {"limit": 50}))


@pytest.mark.parametrize("path,lie", [
    ("/.well-known/oauth-protected-resource/mcp", {"resource": "https://other.example/mcp"}),
    ("/.well-known/oauth-protected-resource/mcp", {"authorization_servers": ["http://login.example"]}),
    ("/.well-known/oauth-protected-resource/mcp", {"authorization_servers": "none"}),
    ("/.well-known/oauth-authorization-server/login", {"issuer": "https://other.example"}),
    ("/.well-known/oauth-authorization-server/login", {"token_endpoint": "http://other.example/token"}),
    ("/.well-known/oauth-authorization-server/login", {"token_endpoint": 7}),
])
def test_who_lies_about_itself_gets_no_secret(kernel, site, path, lie):
    site.lies[path] = lie
    added = add(kernel, site, "liar")
    assert "oauth" in added["error"]["message"], added
    assert site.grants == []


def test_settings_that_cannot_be_are_refused(kernel, site):
    wrong = kernel.call("server.add", {"name": "x", "url": site.url, "oauth": {"client_id": "a"}}, owner=True)
    assert "client_secret" in wrong["error"]["message"], wrong
    assert "is none of" in add(kernel, site, "x", colour="red")["error"]["message"]
