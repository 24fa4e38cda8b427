import { createHash } from "node:crypto";

/** Lower-case hex SHA-256 of UTF-8 text. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** JSON with sorted keys and without undefined members: equal values give equal text, so it can be hashed. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member === null || typeof member !== "object" || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * A name that is safe in row keys, image repositories and labels: a readable stem of at most 24 characters
 * and 128 bits of the name's hash. Names in MLflow may be anything at all; shorter hashes collide.
 */
export function slug(name: string): string {
  const stem = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 24)
    .replaceAll(/^-+|-+$/g, "");
  return `${stem === "" ? "model" : stem}-${sha256(name).slice(0, 32)}`;
}
