"""The OAuth 2.1 resource server and TLS, with keys and certificates made here and a key server of our own."""

import base64
import datetime
import http.client
import http.server
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from wire import PROGRAM, Kernel

ISSUER = "https://login.example"
RESOURCE = "https://swarm.example/mcp"
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def jwk(key, kid):
    kind = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}
    algorithm = next((made for base, made in kind.items() if isinstance(key, base)), jwt.algorithms.OKPAlgorithm)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


class KeyServer:
    """Serves a key set that the test may change; counts how often it was asked."""

    def __init__(self, keys):
        self.keys, self.asked = keys, 0
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


KEYS = {"rsa": ("RS256", rsa.generate_private_key(65537, 2048)), "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        "ed": ("EdDSA", ed25519.Ed25519PrivateKey.generate())}
WEAK = rsa.generate_private_key(65537, 1024)


@pytest.fixture(scope="module")
def keys():
    return KeyServer([jwk(key, kid) for kid, (_, key) in KEYS.items()] + [jwk(WEAK, "weak")])


@pytest.fixture(scope="module")
def kernel(keys):
    toml = f"""
[http.oauth]
issuer = "{ISSUER}"
resource = "{RESOURCE}"
keys = "{keys.url}"
scope = "swarm"
leeway_s = 5
"""
    with Kernel(flags=("--http", "127.0.0.1:0"), toml=toml) as one:
        yield one


def claims(**changes):
    now = int(time.time())
    made = {"iss": ISSUER, "aud": RESOURCE, "sub": "anna", "exp": now + 300, "nbf": now, "iat": now, "scope": "swarm read", **changes}
    return {name: value for name, value in made.items() if value is not None}


def token(kid="rsa", key=None, algorithm=None, headers=None, **changes):
    known = KEYS.get(kid, (None, None))
    return jwt.encode(claims(**changes), key or known[1], algorithm=algorithm or known[0], headers={"kid": kid, **(headers or {})})


def ask(kernel, bearer=None, path="/mcp", message=PING, method="POST"):
    place = kernel.run("--json", "status")["http"].split("/")[2]
    connection = http.client.HTTPConnection(place, timeout=30)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if bearer is not None:
        headers["Authorization"] = f"Bearer {bearer}"
    connection.request(method, path, json.dumps(message) if method == "POST" else None, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def test_metadata_and_the_challenge_lead_to_the_authorisation_server(kernel):
    answer, _ = ask(kernel)
    assert answer.status == 401
    challenge = answer.getheader("WWW-Authenticate")
    assert 'resource_metadata="https://swarm.example/.well-known/oauth-protected-resource"' in challenge
    assert "error=" not in challenge
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]:
        answer, body = ask(kernel, path=path, method="GET")
        assert answer.status == 200
        document = json.loads(body)
        assert document["resource"] == RESOURCE
        assert document["authorization_servers"] == [ISSUER]
        assert document["scopes_supported"] == ["swarm"]


@pytest.mark.parametrize("kid", KEYS)
def test_a_good_token_is_let_in_whatever_its_algorithm(kernel, kid):
    assert ask(kernel, token(kid))[0].status == 200
    assert ask(kernel, token(kid, aud=["https://other.example", RESOURCE]))[0].status == 200


def test_the_subject_is_the_principal_and_no_scope_makes_an_owner(kernel):
    def who(scope):
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "memory_add", "arguments": {"content": "x"}}}
        return json.loads(ask(kernel, token(sub="ben", scope=scope), message=call)[1])["result"]

    assert not who("swarm").get("isError")
    assert who("swarm resonant:observe")["structuredContent"]["denial"]["stage"] == "roles"
    trace = kernel.call("karma.trace", {"limit": 20})
    assert "oauth:ben" in json.dumps(trace)


def broken():
    now = int(time.time())
    good = token()
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    public = KEYS["rsa"][1].public_key().public_bytes(serialization.Encoding.PEM,
                                                      serialization.PublicFormat.SubjectPublicKeyInfo)
    yield "expired", token(exp=now - 10)
    yield "never expires", token(exp=None)
    yield "not yet valid", token(nbf=now + 3600)  # made when tests are collected, long before some run
    yield "an expiry that is text", token(exp=None, nbf=None) and token(nbf=None, exp=None, expires="x")
    yield "another issuer", token(iss="https://login.example.evil")
    yield "no issuer", token(iss=None)
    yield "another audience", token(aud="https://other.example/mcp")
    yield "an audience that begins alike", token(aud=RESOURCE + "/x")
    yield "no audience", token(aud=None)
    yield "no subject", token(sub=None)
    yield "another key under our id", token(key=rsa.generate_private_key(65537, 2048))
    yield "a weak key", token("weak", key=WEAK, algorithm="RS256")
    yield "a key of another kind", token("ec", key=KEYS["rsa"][1], algorithm="RS256")
    yield "no signature", f"{none}.{body}."
    yield "none, signed", f"{none}.{body}.{signature}"
    yield "HMAC with the public key", f"{jwt.api_jws.base64url_encode(b'x').decode()}.{body}.{signature}"
    yield "HMAC", jwt.encode(claims(), base64.b64encode(public), algorithm="HS256", headers={"kid": "rsa"})
    yield "other claims", f"{head}.{token(sub='root').split('.')[1]}.{signature}"
    yield "a changed signature", good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]
    yield "critical header", token(headers={"crit": ["x"], "x": 1})
    yield "two parts", f"{head}.{body}"
    yield "four parts", good + ".x"
    yield "padding", good + "="
    yield "very long", "a" * 9000 + "." + "b" * 100 + "." + "c"
    yield "empty", ""


@pytest.mark.parametrize("name, shown", list(broken()), ids=lambda value: value.replace(" ", "-") if len(value) < 40 else "")
def test_a_bad_token_is_told_what_is_wrong(kernel, name, shown):
    answer, body = ask(kernel, shown)
    assert answer.status == 401, name
    assert 'error="invalid_token"' in answer.getheader("WWW-Authenticate")
    assert not shown or shown.encode() not in body


def test_leeway_is_given_and_no_more(kernel):
    now = int(time.time())
    assert ask(kernel, token(exp=now - 1))[0].status == 200
    assert ask(kernel, token(nbf=now + 3))[0].status == 200
    assert ask(kernel, token(exp=now - 7))[0].status == 401


def test_a_missing_scope_is_forbidden_and_named(kernel):
    answer, _ = ask(kernel, token(scope="read"))
    assert answer.status == 403
    assert 'error="insufficient_scope"' in answer.getheader("WWW-Authenticate")
    assert 'scope="swarm"' in answer.getheader("WWW-Authenticate")


def test_the_homes_own_token_still_holds_on_loopback(kernel):
    assert ask(kernel, (kernel.home / "token").read_text().strip())[0].status == 200


def test_a_new_key_is_found_and_a_flood_of_unknown_ones_asks_seldom(kernel, keys):
    asked = keys.asked
    for number in range(50):
        ask(kernel, token(f"unknown-{number}", key=KEYS["ec"][1], algorithm="ES256"))
    assert keys.asked - asked <= 1
    new = ec.generate_private_key(ec.SECP256R1())
    keys.keys.append(jwk(new, "next"))
    shown = token("next", key=new, algorithm="ES256")
    until = time.monotonic() + 60
    while ask(kernel, shown)[0].status != 200:
        assert time.monotonic() < until, "the new key was never found"
        time.sleep(0.5)


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"),
                                                        x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .sign(key, hashes.SHA256()))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                       serialization.NoEncryption()))


def settings(folder, keys, host, tls=True):
    lines = f'tls_certificate = "{folder}/cert.pem"\ntls_key = "{folder}/key.pem"\n' if tls else ""
    return (f'[http]\nhost = "{host}"\n{lines}\n[http.oauth]\nissuer = "{ISSUER}"\nresource = "{RESOURCE}"\n'
            f'keys = "{keys.url}"\n')


def test_tls_carries_calls_large_bodies_and_many_connections(keys, tmp_path):
    certificate(tmp_path)
    with Kernel(flags=("--http", "127.0.0.1:0"), toml=settings(tmp_path, keys, "127.0.0.1")) as kernel:
        url = kernel.run("--json", "status")["http"]
        assert url.startswith("https://")
        host, port = url.split("/")[2].split(":")
        trust = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection(host, int(port), timeout=30).request("GET", "/healthz")
        connections = [http.client.HTTPSConnection(host, int(port), timeout=30, context=trust) for _ in range(20)]
        large = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"x": "y" * 3_000_000}}
        for message, at_once in [(PING, 20), (large, 4), (PING, 20)]:  # half requests hold 16 MiB together, more is shed
            for first in range(0, len(connections), at_once):
                some = connections[first : first + at_once]
                for connection in some:
                    connection.request("POST", "/mcp", json.dumps(message), {
                        "Content-Type": "application/json", "Authorization": f"Bearer {token('ed')}"})
                for connection in some:
                    answer = connection.getresponse()
                    assert answer.status == 200
                    assert "result" in json.loads(answer.read())
        plain = http.client.HTTPConnection(host, int(port), timeout=30)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.request("GET", "/healthz")
            plain.getresponse()
        connections[0].request("GET", "/healthz")
        assert connections[0].getresponse().status == 200


def shown_certificate(host, port):
    with socket.create_connection((host, int(port)), timeout=30) as plain:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))


def test_a_renewed_certificate_is_taken_up_and_half_of_one_is_not(keys, tmp_path):
    certificate(tmp_path)
    old = (tmp_path / "cert.pem").read_text()
    with Kernel(flags=("--http", "127.0.0.1:0"), toml=settings(tmp_path, keys, "127.0.0.1")) as kernel:
        host, port = kernel.run("--json", "status")["http"].split("/")[2].split(":")
        assert shown_certificate(host, port) == old
        (tmp_path / "new").mkdir()
        certificate(tmp_path / "new")
        new = (tmp_path / "new/cert.pem").read_text()
        os.replace(tmp_path / "new/cert.pem", tmp_path / "cert.pem")  # its key is not there yet
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert shown_certificate(host, port) == old
            time.sleep(0.3)
        os.replace(tmp_path / "new/key.pem", tmp_path / "key.pem")
        until = time.monotonic() + 30
        while shown_certificate(host, port) != new:
            assert time.monotonic() < until, "the new certificate was never shown"
            time.sleep(0.1)


def refusal(keys, tmp_path, toml):
    home = tmp_path / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "resonant.toml").write_text(toml)
    done = subprocess.run([PROGRAM, "up", "--home", home, "--http", "0.0.0.0:0"], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_other_machines_are_served_with_tokens_and_tls_only(keys, tmp_path):
    code, words = refusal(keys, tmp_path, "")
    assert code == 1 and "[http.oauth]" in words
    code, words = refusal(keys, tmp_path, settings(tmp_path, keys, "0.0.0.0", tls=False))
    assert code == 1 and "tls_certificate" in words
    (tmp_path / "cert.pem").write_text("none")
    (tmp_path / "key.pem").write_text("none")
    code, words = refusal(keys, tmp_path, settings(tmp_path, keys, "0.0.0.0"))
    assert code == 1 and "certificate" in words
