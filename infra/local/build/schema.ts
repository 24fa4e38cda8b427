import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
// biome-ignore lint/style/noRestrictedImports: a build script, no stand-in: it publishes what the app checks by.
import { policyJsonSchema } from "../../../shared/config/policy-json-schema.ts";

/** Writes the delivery policy's JSON Schema where `delivery.yaml` names it. Run it after every change of the policy's form. */
const path = resolve(import.meta.dirname, "../../../docs/schema/delivery.schema.json");
mkdirSync(dirname(path), { recursive: true });
writeFileSync(path, policyJsonSchema());
process.stdout.write(`${path}\n`);
