"""Verifies a real log with aics-tlog, which shares no code with Coffre: an exported copy, and the log as it is served.

Takes the path of the built `coffre`. Makes a vault in a temporary folder, serves it on loopback, and ends the server
by its process. Prints a line for each thing that was verified; the first that does not hold ends it with a traceback.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

from aics_tlog.checkpoint import parse_checkpoint, verify_checkpoint
from aics_tlog.cosign import cosignature_vkey, sign_cosignature
from aics_tlog.note import Note, format_vkey, parse_note, parse_vkey
from aics_tlog.tiles import (
    FileSystemTileReader,
    TileVerificationError,
    consistency_proof_from_tiles,
    entry_bundle_path,
    inclusion_proof_from_tiles,
    tile_path,
)
from aics_tlog.tree import verify_consistency, verify_inclusion
from aics_tlog.hashing import leaf_hash
from aics_tlog.verified import VerifiedTileReader, audit_tiles
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# More than one full tile, so that there are levels 0 and 1, full and partial.
REFUSALS = 700
PREFIX = "/v1/audit/log/"


class Vault:
    """A vault that is served, and its command line."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        made = self.coffre("init", "vault", "--environment", "recette", "--json")
        self.key = parse_vkey(made["verification_key"])
        self.witness = Ed25519PrivateKey.generate()
        self.witness_key = cosignature_vkey("witness.example/w1", self.witness.public_key())
        with open(folder / "vault/coffre.toml", "a", encoding="utf-8") as configuration:
            configuration.write(f'[audit]\nwitnesses = ["{format_vkey(self.witness_key)}"]\n')

    def coffre(self, *arguments):
        command = [self.binary, *arguments]
        run = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, check=True, timeout=120)
        return json.loads(run.stdout)

    def token(self, role):
        return self.coffre("application", "add", role, "--role", role, "--vault", "vault", "--json")["token"]

    def serve(self):
        command = [self.binary, "serve", "--vault", "vault", "--listen", "127.0.0.1:0", "--log", "warn"]
        self.server = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip().rsplit(" ", 1)[1]

    def stop(self):
        self.server.terminate()
        if self.server.wait(timeout=120) != 0:
            raise SystemExit("verify-tlog: the server did not end well")

    def request(self, token, path, body=None, operator=None):
        headers = {"Authorization": f"Bearer {token}"}
        if operator:
            headers["Coffre-Operator"] = operator
        if body is not None:
            headers["Content-Type"] = "text/plain"
        request = urllib.request.Request(self.address + path, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()


class ServedTiles:
    """The tiles of a served log, as aics-tlog reads them; a C2SP client with one more header."""

    def __init__(self, vault, token):
        self.vault, self.token, self.fetched = vault, token, 0

    def read_tile(self, level, index, width):
        return self._get(tile_path(level, index, width))

    def read_entry_bundle(self, index, width):
        return self._get(entry_bundle_path(index, width))

    def _get(self, path):
        try:
            self.fetched += 1
            return self.vault.request(self.token, PREFIX + path)
        except HTTPError as error:
            if error.code == 404:
                return None
            raise


def verified(text):
    print(f"verify-tlog: verified  {text}", flush=True)


def require(holds, what):
    if not holds:
        raise AssertionError(what)


def head_of(note, vault, witnesses=(), quorum=0):
    note = parse_note(note)
    result = verify_checkpoint(note, vault.key, list(witnesses), quorum)
    require(result.ok, result.error)
    return note, result


def refuse_often(vault, token):
    """Makes the log grow: each refusal is an entry."""
    path = "/v1/records/policyholder/0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11?fields=contact.email&purpose=claims-handling"
    for number in range(REFUSALS):
        try:
            vault.request(token, path, operator=f"operator-{number % 7}")
            raise AssertionError("a record that does not exist was read")
        except HTTPError as error:
            require(error.code == 404, f"a refusal, not {error.code}")


def verify_copy(vault):
    vault.coffre("audit", "export", "--vault", "vault", "--to", "copy", "--json")
    copy = vault.folder / "copy"
    note = (copy / "checkpoint").read_bytes()
    _, head = head_of(note, vault)
    report = audit_tiles(FileSystemTileReader(copy), head.size, head.root)
    require(report.bundles > 2, "the log has several bundles")
    verified(f"an exported copy: {head.size} entries, {report.tiles} tiles, {report.bundles} bundles")
    return note, head


def find_a_change(vault, head):
    """A verifier that finds nothing wrong in a changed copy would prove nothing above."""
    bundle = vault.folder / "copy/tile/entries/001"
    data = bytearray(bundle.read_bytes())
    data[100] ^= 1
    bundle.write_bytes(data)
    try:
        audit_tiles(FileSystemTileReader(vault.folder / "copy"), head.size, head.root)
    except TileVerificationError:
        verified("one changed bit of an exported entry is found")
        return
    raise AssertionError("a changed copy passed")


def verify_served(vault, token, old):
    _, head = head_of(vault.request(token, PREFIX + "checkpoint"), vault)
    tiles = ServedTiles(vault, token)
    report = audit_tiles(tiles, head.size, head.root)
    verified(f"the served log: {head.size} entries, {report.tiles} tiles, {report.bundles} bundles")
    reader = VerifiedTileReader(tiles, head.size, head.root)
    proof = consistency_proof_from_tiles(reader, old.size, head.size)
    require(verify_consistency(old.size, head.size, old.root, head.root, proof), "the served log extends the copy")
    served = json.loads(vault.request(token, f"/v1/audit/proof/consistency?from={old.size}&to={head.size}"))
    require([bytes.fromhex(h) for h in served["hashes"]] == proof, "the proof that is served is the one of the tiles")
    verified(f"the served log goes on from the copy: {old.size} to {head.size}")
    for index in (0, 255, 256, 511, head.size - 1):
        served = json.loads(vault.request(token, f"/v1/audit/proof/inclusion?index={index}&size={head.size}"))
        proof = [bytes.fromhex(h) for h in served["hashes"]]
        require(proof == inclusion_proof_from_tiles(reader, index, head.size), "one proof")
        require(verify_inclusion(leaf_hash(reader.entry(index)), index, head.size, proof, head.root), "it holds")
    verified("served inclusion proofs of entries in full and partial tiles")
    return tiles.fetched


def verify_cosigned(vault, token):
    fed, head = head_of(vault.request(token, "/v1/audit/tree-head", operator="dpo"), vault)
    checkpoint = parse_checkpoint(fed.text)
    name, now = vault.witness_key.name, int(time.time())
    _, line = sign_cosignature(vault.witness, name, now, checkpoint.origin, head.size, head.root)
    cosigned = Note(fed.text, [*fed.signatures, line]).serialise()
    taken = json.loads(vault.request(token, PREFIX + "cosignatures", body=cosigned.encode()))
    require(taken["published"] and taken["witnesses"] == [name], taken)
    note = vault.request(token, PREFIX + "checkpoint")
    _, head = head_of(note, vault, [vault.witness_key], quorum=1)
    audit_tiles(ServedTiles(vault, token), head.size, head.root)
    verified(f"a checkpoint with the cosignature of an outside witness, {head.size} entries")


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault(os.path.abspath(binary), Path(folder))
        legal, dpo = vault.token("legal"), vault.token("dpo")
        vault.serve()
        try:
            refuse_often(vault, legal)
            note, old = verify_copy(vault)
            fetched = verify_served(vault, dpo, old)
            verify_cosigned(vault, dpo)
            _, head = head_of(vault.request(dpo, "/v1/audit/tree-head", operator="dpo"), vault)
            left = head.size - old.size
            require(left < 10 < fetched, f"{left} entries for {fetched} tiles: reading must not make the log grow")
            verified(f"{fetched} tiles and bundles were read, and the log grew by {left} entries")
            find_a_change(vault, old)
        finally:
            vault.stop()


if __name__ == "__main__":
    main(sys.argv[1])
