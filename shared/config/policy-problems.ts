import * as z from "zod";
import type { ConfigurationProblem } from "./configuration-error.ts";
import { carriesCredentials, describeFound } from "./found.ts";
import { nearest } from "./nearest.ts";
import { type DocumentPath, type PolicyDocument, valueAt } from "./policy-document.ts";
import { DURATION_ALLOWED, SIZE_ALLOWED } from "./policy-values.ts";

type Issue = z.core.$ZodIssue;

/** What a schema found wrong with a document, in words that say what to write instead. */
export function toProblems(schema: z.ZodType, issues: readonly Issue[], document: PolicyDocument) {
  return issues.flatMap((issue): ConfigurationProblem[] => {
    const path = issue.path.filter((step) => typeof step !== "symbol");
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(schema, document, path, key));
    if (issue.code === "invalid_key") return [invalidKey(document, path, issue.issues[0]?.message ?? issue.message)];
    return [invalidValue(document, path, issue.message)];
  });
}

function unknownKey(
  schema: z.ZodType,
  document: PolicyDocument,
  path: DocumentPath,
  key: string,
): ConfigurationProblem {
  const known = keysAt(schema, path);
  const meant = nearest(key, known);
  return {
    where: document.where([...path, key]),
    found: `the unknown key ${describeFound(key)}`,
    allowed: known.join(", "),
    remedy: meant === undefined ? "Remove it." : `Write ${meant}.`,
  };
}

function invalidKey(document: PolicyDocument, path: DocumentPath, allowed: string): ConfigurationProblem {
  return { where: document.where(path), found: describeFound(path.at(-1)), allowed, remedy: "Give it another name." };
}

function invalidValue(document: PolicyDocument, path: DocumentPath, message: string): ConfigurationProblem {
  const value = valueAt(document.value, path);
  const allowed = message.startsWith("Invalid input") ? expected(message) : message;
  return { where: document.where(path), found: describeFound(value), allowed, remedy: remedyFor(value, allowed) };
}

/** zod's own words, where a schema has none of ours: "Invalid input: expected object, received null". */
function expected(message: string): string {
  const [, type = ""] = /expected (\w+)/.exec(message) ?? [];
  const words: Readonly<Record<string, string>> = { object: "a mapping", record: "a mapping", array: "a list" };
  return words[type] ?? "what JSON can hold";
}

function remedyFor(value: unknown, allowed: string): string {
  if (typeof value === "number" && allowed.startsWith(DURATION_ALLOWED))
    // Where no less than days are allowed, seconds cannot have been meant.
    return / from \d+d to /.test(allowed)
      ? `Write ${value}d if days were meant.`
      : `Write ${value}s if seconds were meant.`;
  if (typeof value === "number" && allowed.startsWith(SIZE_ALLOWED))
    return `Write ${value}GiB if gibibytes were meant.`;
  return value === undefined || value === null ? "Add it." : "Correct it.";
}

/** The keys an object may have, by the schema's published form: the one that editors complete from. */
function keysAt(schema: z.ZodType, path: DocumentPath): readonly string[] {
  const walk = (node: z.core.JSONSchema.BaseSchema | undefined, step: string | number) => {
    const next = typeof step === "number" ? node?.items : (node?.properties?.[step] ?? node?.additionalProperties);
    return typeof next === "object" && !Array.isArray(next) ? next : undefined;
  };
  const root: z.core.JSONSchema.BaseSchema = z.toJSONSchema(schema, { io: "input" });
  return Object.keys(path.reduce<z.core.JSONSchema.BaseSchema | undefined>(walk, root)?.properties ?? {});
}

/** Every text of the document that carries credentials, wherever it stands: a policy is stored and shown. */
export function findCredentials(document: PolicyDocument): readonly ConfigurationProblem[] {
  return textsOf(document.value, [])
    .filter(({ text }) => carriesCredentials(text))
    .map(({ path, text }) => ({
      where: document.where(path),
      found: describeFound(text),
      allowed: "no secrets in the policy",
      remedy: "Keep secrets in settings or in the Key Vault, and change this one: it has been written down.",
    }));
}

function textsOf(value: unknown, path: DocumentPath): readonly { path: DocumentPath; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => textsOf(member, [...path, key]));
}
