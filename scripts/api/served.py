"""A vault in a temporary folder that is served on loopback, with an application of each role: what the programs from
outside (schemathesis, the generated clients, stunnel) are run against. The server is ended by its process."""

import json
import subprocess
import urllib.request
from pathlib import Path

OPERATOR = "a.martin"
PERSON = {
    "contact": {"given_name": "Anne", "family_name": "Lefèvre", "email": "anne.lefevre@example.fr"},
    "contract": {"number": "C-2024-0001"},
}


class Vault:
    """A vault, its command line and its server."""

    def __init__(self, binary, folder, configuration=""):
        self.binary, self.folder = str(Path(binary).resolve()), Path(folder)
        self.coffre("init", "vault", "--environment", "recette", "--json")
        with open(self.folder / "vault/coffre.toml", "a", encoding="utf-8") as file:
            file.write(configuration)
        self.server = None

    def coffre(self, *arguments):
        run = subprocess.run(
            [self.binary, *arguments], cwd=self.folder, stdout=subprocess.PIPE, check=True, timeout=120
        )
        return json.loads(run.stdout)

    def application(self, role, *proof):
        """Adds an application; gives its token, if it has one."""
        return self.coffre("application", "add", role, "--role", role, "--vault", "vault", "--json", *proof).get("token")

    def __enter__(self):
        command = [self.binary, "serve", "--vault", "vault", "--listen", "127.0.0.1:0", "--log", "error"]
        self.server = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip().rsplit(" ", 1)[1]
        return self

    def __exit__(self, *_):
        self.server.terminate()
        if self.server.wait(timeout=120) != 0:
            raise SystemExit("the server did not end well")

    def request(self, method, path, token, body=None, headers=()):
        sent = {"Authorization": f"Bearer {token}", "Coffre-Operator": OPERATOR, **dict(headers)}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=body, headers=sent, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())
