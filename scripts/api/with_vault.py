"""Runs a command against a served vault: `with_vault.py COFFRE COMMAND…`. The command finds the server in COFFRE_URL and
tokens in COFFRE_LEGAL and COFFRE_SALES; its exit code is handed on."""

import os
import subprocess
import sys
import tempfile

from served import Vault

with tempfile.TemporaryDirectory(prefix="coffre-clients-") as folder:
    vault = Vault(sys.argv[1], folder)
    tokens = {f"COFFRE_{role.upper()}": vault.application(role) for role in ("legal", "sales")}
    with vault:
        environment = {**os.environ, **tokens, "COFFRE_URL": vault.address}
        code = subprocess.run(sys.argv[2:], env=environment, check=False, timeout=600).returncode
sys.exit(code)
