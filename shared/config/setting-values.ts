import * as z from "zod";
import { Secret } from "./secret.ts";

/** What the host leaves in a setting whose Key Vault reference it could not read. */
const UNRESOLVED = /^@Microsoft\.KeyVault\(/;
const NOT_READ =
  "the value itself: its Key Vault reference could not be read, for which the app's identity needs Key Vault Secrets User";

/** A setting's text; white space around it comes from a copied line and is refused. */
export function setting(allowed: string) {
  return z
    .string({ error: allowed })
    .refine((text) => !UNRESOLVED.test(text), { error: NOT_READ, abort: true })
    .refine((text) => text === text.trim(), { error: `${allowed}, without white space around it`, abort: true });
}

export function matching(form: RegExp, allowed: string) {
  return setting(allowed).regex(form, { error: allowed });
}

/** When a timer runs: six fields, seconds first, as the Functions host takes them. */
export function schedule() {
  const field = "[0-9A-Za-z*/,-]+";
  return matching(
    new RegExp(`^${field}( ${field}){5}$`),
    "six fields, seconds first, such as 0 */2 * * * * (every two minutes)",
  );
}

export function guid(what: string) {
  return matching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, `the id of a ${what}, in the form of a GUID`);
}

/** An http or https address without user, password or fragment. */
export function address(allowed: string) {
  return setting(allowed).transform((text, context): URL => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url !== undefined && isPlain(url)) return url;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

function isPlain({ protocol, username, password, hash }: URL): boolean {
  return (protocol === "https:" || protocol === "http:") && `${username}${password}${hash}` === "";
}

/** An address that is itself a secret. */
export function secretAddress(allowed: string) {
  return address(allowed).transform(({ href }) => new Secret(href));
}

/** `Name=value;…` with these names in it. */
export function connectionString(form: RegExp, allowed: string) {
  return matching(form, allowed).transform((text) => new Secret(text));
}

/** A secret two sides share: too short a one can be guessed. */
const SHORTEST_SECRET = 16;
/** What stands in local.settings.sample.json is known to everybody. */
const SAMPLE = /^replace-me/;

export function sharedSecret() {
  const allowed = `a text of at least ${SHORTEST_SECRET} characters`;
  return setting(allowed)
    .min(SHORTEST_SECRET, { error: allowed })
    .refine((text) => !SAMPLE.test(text), { error: `${allowed} that is not the sample's` })
    .transform((text) => new Secret(text));
}

export function sharedSecrets() {
  const allowed = `texts of at least ${SHORTEST_SECRET} characters each, with commas between them`;
  return setting(allowed)
    .transform((text) => text.split(",").map((part) => part.trim()))
    .refine((parts) => parts.every(({ length }) => length >= SHORTEST_SECRET), { error: allowed })
    .transform((parts) => parts.map((part) => new Secret(part)));
}
