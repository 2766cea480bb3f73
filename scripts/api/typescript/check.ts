// What an application does with the generated client: creates, reads, searches, and is told what is wrong.
// `schema.d.ts` is generated from the server's description; whatever it does not say does not compile.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

function client(token: string) {
  const headers = { Authorization: `Bearer ${token}`, "Coffre-Operator": "a.martin" };
  // Lists are separated by commas, as the description says; the library does not look.
  const querySerializer = { array: { style: "form", explode: false } } as const;
  return createClient<paths>({ baseUrl: needed("COFFRE_URL"), headers, querySerializer });
}

function isProblem(problem: Problem | undefined, name: string): Problem {
  assert.ok(problem, `a problem: ${name}`);
  assert.equal(problem.type, `urn:coffre:problem:${name}`);
  return problem;
}

const legal = client(needed("COFFRE_LEGAL"));
const sales = client(needed("COFFRE_SALES"));
const purpose = "contract-administration";

const create = () =>
  legal.POST("/v1/records/{type}", {
    params: { path: { type: "policyholder" }, query: { purpose }, header: { "Idempotency-Key": key } },
    body: { contact: { family_name: "Lefèvre", given_name: "Anne", email: "anne.lefevre@example.fr" } },
  });
const key = randomUUID();
const created = await create();
assert.equal(created.response.status, 201);
const written = created.data;
assert.ok(written);
assert.equal(written.version, 1);
const again = await create();
assert.deepEqual(again.data, written);
assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");

const path = { type: written.type, id: written.id };
const read = await legal.GET("/v1/records/{type}/{id}", {
  params: { path, query: { fields: ["contact.email", "contact.phone"], purpose } },
});
assert.equal(read.data?.fields["contact.email"], "anne.lefevre@example.fr");
assert.deepEqual(read.data?.withheld, {});

const amended = await legal.PATCH("/v1/records/{type}/{id}", {
  params: { path, query: { purpose }, header: { "If-Match": read.response.headers.get("ETag") ?? "" } },
  body: { "contact.phone": "+33639981234" },
});
assert.equal(amended.data?.version, 2);

const found = await legal.POST("/v1/records/{type}/search", {
  params: { path: { type: "policyholder" } },
  body: { index: "contact.family_name", value: "LEFEVRE", fields: ["contact.email"], purpose },
});
assert.equal(found.data?.hits[0]?.id, written.id);

const stale = await legal.PATCH("/v1/records/{type}/{id}", {
  params: { path, query: { purpose }, header: { "If-Match": '"1"' } },
  body: { "contact.phone": null },
});
assert.equal(isProblem(stale.error, "stale").current_version, 2);

const wrong = await legal.POST("/v1/records/{type}", {
  params: { path: { type: "policyholder" }, query: { purpose } },
  body: { contact: { family_name: "Moreau", birth_date: "yesterday" } },
});
const faults = isProblem(wrong.error, "invalid-values").faults ?? [];
assert.ok(JSON.stringify(faults).includes("contact.birth_date"), "the field that is wrong is named");

const denied = await sales.GET("/v1/records/{type}/{id}", {
  params: { path, query: { fields: ["health.illnesses"], purpose: "direct-marketing" } },
});
assert.ok([403, 404].includes(denied.response.status));
assert.ok(typeof denied.error?.audit_entry === "number", "a refusal names its entry");

console.log("clients: verified  TypeScript: create, repeat, read, amend, search, and three problems");
