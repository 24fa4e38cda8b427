import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { policyJsonSchema } from "../../shared/config/policy-json-schema.ts";

test("the published schema is the one the code checks by (write it with infra/local/build/schema.ts)", () => {
  const published = resolve(import.meta.dirname, "../../docs/schema/delivery.schema.json");
  expect(readFileSync(published, "utf8")).toBe(policyJsonSchema());
});
