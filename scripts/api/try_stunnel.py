"""Plain HTTP through a real stunnel, with the configuration that is shipped, to a server that asks for client certificates.

Takes the built `coffre` and the configuration. Makes an authority and certificates in a temporary folder; ends what it
starts by its process. Prints a line for each thing that held.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from served import OPERATOR, Vault

HOST = "coffre.test.example"
URI = "coffre:application:billing"
RECORD = "/v1/records/policyholder/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11?fields=contract.number&purpose=billing"


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")


def certificate(folder, name, names, usage, signer):
    (folder / f"{name}.ext").write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n", encoding="utf-8")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


def free_port():
    """A port that the system gives to nobody else for a minute: a connection to it has just been ended from this side."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        listener.accept()[0].close()
        require(client.recv(1) == b"", "the connection has ended")
        return listener.getsockname()[1]


class Tunnel:
    """A stunnel with the shipped configuration and these values in the place of its own."""

    def __init__(self, folder, shipped, **changed):
        text = Path(shipped).read_text(encoding="utf-8")
        for name, value in changed.items():
            text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
            require(found == 1, f"one {name} in the configuration, not {found}")
        self.port, self.log = int(changed["accept"].rsplit(":", 1)[1]), folder / "stunnel.log"
        configuration = folder / "stunnel.conf"
        configuration.write_text(text.replace("debug = notice", "debug = info"), encoding="utf-8")
        program = shutil.which("stunnel4") or shutil.which("stunnel")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, str(configuration)], stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise SystemExit("stunnel did not start:\n" + self.log.read_text(encoding="utf-8"))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=120)

    def get(self, path):
        """Plain HTTP, as the application speaks it; gives the status and the body, or none for a broken connection."""
        command = ["curl", "--silent", "--max-time", "60", "--write-out", "\n%{http_code}", "--noproxy", "*"]
        command += ["--header", f"Coffre-Operator: {OPERATOR}", f"http://127.0.0.1:{self.port}{path}"]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=False, text=True)
        body, status = run.stdout.rsplit("\n", 1)
        return int(status), body


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def verified(text):
    print(f"stunnel: verified  {text}", flush=True)


def main():
    binary, shipped = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="coffre-stunnel-") as name:
        folder = Path(name)
        authority(folder, "company-ca")
        authority(folder, "another-ca")
        certificate(folder, "server", f"DNS:{HOST}", "serverAuth", "company-ca")
        certificate(folder, "application", f"URI:{URI}", "clientAuth", "company-ca")
        certificate(folder, "stranger", f"URI:{URI}", "clientAuth", "another-ca")
        tls = f'certificate = "{folder}/server.pem"\nkey = "{folder}/server.key"\nclient_ca = "{folder}/company-ca.pem"\n'
        vault = Vault(binary, folder, f'[server.tls]\n{tls}client_certificates = "required"\n')
        vault.application("billing", "--san-uri", URI)
        with vault:
            server = vault.address.split("://", 1)[1]
            values = {
                "connect": server, "CAfile": folder / "company-ca.pem", "checkHost": HOST,
                "cert": folder / "application.pem", "key": folder / "application.key",
            }

            def tunnel(**other):
                return Tunnel(folder, shipped, accept=f"127.0.0.1:{free_port()}", **{**values, **other})

            with tunnel() as through:
                require(through.get("/healthz")[0] == 200, "the server answers")
                status, body = through.get(RECORD)
                require(status in (403, 404), f"the application is known, and may not read that: {status} {body}")
                require("audit_entry" in json.loads(body), "the refusal is in the log, under the application's name")
                require("TLSv1.3" in through.log.read_text(encoding="utf-8"), "TLS 1.3 was negotiated")
                verified("plain HTTP on loopback reaches the server over TLS 1.3, as the application that the certificate names")
            for what, other in [
                ("a server of another name", {"checkHost": "other.test.example"}),
                ("a server of another authority", {"CAfile": folder / "another-ca.pem"}),
                ("a client certificate of another authority",
                 {"cert": folder / "stranger.pem", "key": folder / "stranger.key"}),
            ]:
                with tunnel(**other) as through:
                    status, body = through.get("/healthz")
                    require(status == 0, f"{what} was accepted: {status} {body}")
                verified(f"{what} is refused")
            old = ["curl", "--silent", "--insecure", "--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0"]
            run = subprocess.run([*old, f"https://{server}/healthz"], stdout=subprocess.PIPE, check=False)
            require(run.returncode != 0, "the server spoke TLS 1.1")
            verified("the server itself speaks nothing older than TLS 1.2")


main()
