#!/usr/bin/env python3
"""make run: the gateway with examples/first in front of a real httpbin, and lines to paste.

Nothing printed here is written down here: hosts, paths, issuer and scopes come from the rule files.
Ctrl-C ends all of it.
"""
import argparse
import glob
import http.server
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BRAMA = "build/brama"
DOMAIN = "localhost"
DEFAULT_ADMIN = 9901  # brama's own


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", default="examples/first", help="the rule files")
    parser.add_argument("--dir", default=".run", help="where key and tokens go")
    parser.add_argument("--port", type=int, default=8080, help="of the gateway; another if it is taken")
    parser.add_argument("--admin-port", type=int, default=DEFAULT_ADMIN)
    parser.add_argument("--httpbin-port", type=int, default=8000)
    return parser.parse_args()


def free_port(wanted):
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
            except OSError:
                continue
    sys.exit("demo: no free port")


class Rules:
    """What the rule files say, as far as the demo needs it: an open path and a guarded one."""

    def __init__(self, folder):
        documents = []
        for name in sorted(glob.glob(os.path.join(folder, "*.yaml"))):
            with open(name, encoding="utf-8") as f:
                documents += [d for d in yaml.safe_load_all(f) if d]
        self.rules = [d for d in documents if d.get("kind") == "APIRule"]
        self.open = self.find(lambda rule: rule.get("noAuth"))
        self.guarded = self.find(lambda rule: self.scopes_of(rule))
        if not self.open or not self.guarded:
            sys.exit(f"demo: {folder} needs a noAuth rule and one with requiredScopes")
        self.scopes = self.scopes_of(self.guarded[1])
        authentication = self.guarded[1]["jwt"]["authentications"][0]
        self.issuer, self.jwks_uri = authentication["issuer"], authentication["jwksUri"]

    @staticmethod
    def scopes_of(rule):
        authorizations = (rule.get("jwt") or {}).get("authorizations") or [{}]
        return authorizations[0].get("requiredScopes")

    def find(self, wanted):
        for document in self.rules:
            for rule in document["spec"]["rules"]:
                if wanted(rule):
                    return document, rule
        return None

    def services(self):
        """NAME.NAMESPACE of every workload."""
        names = set()
        for document in self.rules:
            spec, home = document["spec"], document["metadata"].get("namespace", "default")
            for service in [spec.get("service")] + [rule.get("service") for rule in spec["rules"]]:
                if service:
                    names.add(f"{service['name']}.{service.get('namespace', home)}")
        return sorted(names)

    @staticmethod
    def url(found, port):
        document, rule = found
        host = document["spec"]["hosts"][0]
        return f"http://{host if '.' in host else f'{host}.{DOMAIN}'}:{port}{rule['path']}"


def brama(*args):
    return subprocess.run([BRAMA, *args], check=True, capture_output=True, text=True).stdout


def private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        f.write(text)


def serve_keys(jwks):
    """The issuer of the demo: one answer to every question."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(jwks)))
            self.end_headers()
            self.wfile.write(jwks)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def wait_for(url, children):
    for _ in range(600):
        for child in children:
            if child.poll() is not None:
                sys.exit(f"demo: {child.args[0]} ended with {child.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    sys.exit(f"demo: {url} doesn't answer")


def print_lines(rules, port, admin, token, wrong, run_args):
    open_url, guarded_url = rules.url(rules.open, port), rules.url(rules.guarded, port)
    scopes = " ".join(rules.scopes)
    admin_args = "" if admin == DEFAULT_ADMIN else f" --admin 127.0.0.1:{admin}"
    bearer = lambda file: f'-H "Authorization: Bearer $(cat {shlex.quote(file)})"'
    print(f"""
# the open path: 200
curl -i {open_url}

# allowed, by a token with the scope "{scopes}": 200
curl -i {guarded_url} {bearer(token)}

# no token: 403
curl -i {guarded_url}

# wrong scope: 403
curl -i {guarded_url} {bearer(wrong)}

# why? paste the x-request-id of a refusal
{BRAMA} explain --request ID{admin_args}

# or ask beforehand, with the rule files alone
{BRAMA} explain {run_args} \\
    GET {guarded_url} {bearer(wrong)}

Ctrl-C ends it. Below: the access log.""", flush=True)


def end(children):
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(timeout=40)
        except subprocess.TimeoutExpired:
            child.kill()


def main():
    options = arguments()
    os.chdir(ROOT)
    rules = Rules(options.examples)
    os.makedirs(options.dir, exist_ok=True)
    key, token, wrong = (os.path.join(options.dir, name) for name in ("key.pem", "token", "wrong-scope"))
    brama("keys", "new", "--alg", "ES256", "--force", "--out", key)
    mint = lambda scope: brama("token", "mint", "--key", key, "--issuer", rules.issuer, "--sub", "me", "--scope", scope, "--ttl", "12h")
    private(token, mint(" ".join(rules.scopes)))
    private(wrong, mint("not-" + rules.scopes[0]))
    issuer_port = serve_keys(brama("keys", "jwks", key).encode())

    port, admin, httpbin = (free_port(p) for p in (options.port, options.admin_port, options.httpbin_port))
    issuer = urllib.parse.urlsplit(rules.jwks_uri).hostname.removesuffix(".svc.cluster.local")
    services = [f"{name}=127.0.0.1:{httpbin}" for name in rules.services()] + [f"{issuer}=127.0.0.1:{issuer_port}"]
    inputs = shlex.join(["-f", options.examples, "--domain", DOMAIN])
    mapped = "".join(f" \\\n    --service {shlex.quote(s)}" for s in services)

    # The workers of a gateway that root starts are nobody, and root's home is closed to them.
    state = tempfile.mkdtemp(prefix="brama-run-")
    os.chmod(state, 0o755)

    stop = lambda *_: sys.exit(0)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = []
    try:
        # Sessions of their own: a terminal's Ctrl-C is ours to pass on, in the right order.
        children.append(subprocess.Popen(
            ["gunicorn", "-b", f"127.0.0.1:{httpbin}", "--log-level", "error", "httpbin:app"],
            start_new_session=True))
        children.append(subprocess.Popen(
            [BRAMA, "run", *shlex.split(inputs), *shlex.split(mapped.replace("\\\n", "")),
             "--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}", "--state", os.path.join(state, "state")],
            start_new_session=True))
        wait_for(f"http://127.0.0.1:{httpbin}/get", children)
        wait_for(f"http://127.0.0.1:{admin}/readyz", children)
        print_lines(rules, port, admin, token, wrong, inputs + mapped)
        children[1].wait()
    finally:
        end(children)
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    main()
