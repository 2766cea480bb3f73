"""Runs schemathesis against a served vault, once as each role that has something of its own to ask for.

Half of the requests are about what is there (a record, a document, a request, a grant), for otherwise all of them would
end at "no such record". Takes the built `coffre` and the `schemathesis` to run.
"""

import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from served import OPERATOR, PERSON, Vault

HERE = str(Path(__file__).resolve().parent)
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "5")
SEED = os.environ.get("SCHEMATHESIS_SEED", "1")
# An answer of the server's that is wrong whatever was asked, or that the description does not have.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
MANY = 30
# As whom, and whether about what is there.
RUNS = [("legal", False), ("legal", True), ("dpo", True), ("sales", True)]


def furnish(vault, legal):
    """Puts something of everything into the vault; gives the parameters by which it is found."""
    purpose = "purpose=contract-administration"
    record = vault.request("POST", f"/v1/records/policyholder?{purpose}", legal, PERSON)["id"]
    path = f"/v1/records/policyholder/{record}"
    document = vault.request(
        "POST", f"{path}/documents?{purpose}", legal, b"%PDF-1.7", {"Content-Type": "application/pdf"}
    )["id"]
    terms = {"role": "sales", "purpose": "direct-marketing", "fields": ["contact.email"], "basis": "consent"}
    grant = vault.request("POST", f"{path}/grants", legal, terms)["id"]
    filed = {"type": "policyholder", "id": record, "kind": "access", "channel": "letter"}
    request = vault.request("POST", "/v1/requests", legal, filed)["id"]
    return {"record": record, "document": document, "grant": grant, "request": request}


def configuration(known):
    """What schemathesis is told of the vault's content."""
    operations = [
        ("/v1/records/{type}/{id}", known["record"]),
        ("/v1/grants/", known["grant"]),
        ("/v1/requests/", known["request"]),
    ]
    lines = [
        "[parameters]",
        '"path.type" = "policyholder"',
        f'"path.document" = "{known["document"]}"',
        '"query.purpose" = "contract-administration"',
        '"query.fields" = "contact.email,contract.number"',
    ]
    for path, value in operations:
        pattern = path.replace("{", "\\\\{").replace("}", "\\\\}")
        lines += ["[[operations]]", f'include-path-regex = "^{pattern}"', f'parameters = {{ "path.id" = "{value}" }}']
    return "\n".join(lines) + "\n"


def run(schemathesis, vault, token, config, log):
    command = [schemathesis]
    if config:
        command += ["--config-file", str(config)]
    command += ["run", f"{vault.address}/openapi.json", "--checks", ",".join(CHECKS)]
    command += ["-H", f"Authorization: Bearer {token}", "-H", f"Coffre-Operator: {OPERATOR}"]
    # The database of earlier examples would make a run depend on those before it.
    command += ["--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none", "--workers", "1"]
    command += ["--continue-on-failure", "--warnings", "off", "--request-timeout", "60"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": HERE}
    with open(log, "w", encoding="utf-8") as file:
        return subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode


def tried_all(text):
    """Whether something was asked of every operation: a run that was cut short found nothing either."""
    selected, tested = re.search(r"Selected: (\d+)/(\d+)", text), re.search(r"Tested: (\d+)", text)
    return selected and tested and selected.group(1) == selected.group(2) == tested.group(1)


def served_well(vault):
    """How many routes answered something else than refusals, as the server counts."""
    with urllib.request.urlopen(f"{vault.address}/metrics", timeout=30) as answer:
        counted = answer.read().decode()
    return len(set(re.findall(r'coffre_requests_total\{route="([^"]+)",method="([A-Z]+)",status="2', counted)))


def main():
    binary, schemathesis = sys.argv[1], str(Path(sys.argv[2]).resolve())
    failed = False
    with tempfile.TemporaryDirectory(prefix="coffre-schemathesis-") as folder:
        vault = Vault(binary, folder)
        tokens = {role: vault.application(role) for role in dict(RUNS)}
        with vault:
            config, log = Path(folder) / "known.toml", Path(folder) / "run.log"
            config.write_text(configuration(furnish(vault, tokens["legal"])), encoding="utf-8")
            os.chdir(folder)
            for role, known in RUNS:
                code = run(schemathesis, vault, tokens[role], config if known else None, log)
                text = log.read_text(encoding="utf-8")
                found = code != 0 or not tried_all(text)
                cases = re.search(r"(\d+) generated", text)
                told = "FOUND something" if found else f"{cases.group(1) if cases else 'no'} requests, nothing found"
                print(f"schemathesis: as {role}, about {'what is there' if known else 'anything'}: {told}", flush=True)
                if found or os.environ.get("SCHEMATHESIS_VERBOSE"):
                    print(text, flush=True)
                failed |= found
            well = served_well(vault)
    print(f"schemathesis: {well} routes were asked for something that they do", flush=True)
    # Were nearly all refused, their answers would be known to be described and nothing else.
    failed |= well < MANY
    sys.exit(1 if failed else 0)


main()
