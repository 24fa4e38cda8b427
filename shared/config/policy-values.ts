import * as z from "zod";
import { DURATION, parseDuration, parseSize, SIZE } from "./quantities.ts";

/** Starts what is allowed where a duration stands; a bare number gets its own remedy. */
export const DURATION_ALLOWED = "a duration with its unit";
/** Starts what is allowed where a size stands. */
export const SIZE_ALLOWED = "a size with its unit";

/** A duration between two others, as seconds. */
export function duration(least: string, most: string) {
  const [from, to] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  const error = `${DURATION_ALLOWED}, such as 500ms, 3s, 5m, 1h30m or 7d, from ${least} to ${most}`;
  return z
    .string({ error })
    .regex(DURATION, { error, abort: true })
    .transform(toSeconds)
    .refine((seconds) => seconds >= from && seconds <= to, { error });
}

/** A size between two others, as bytes. */
export function size(least: string, most: string) {
  const [from, to] = [parseSize(least) ?? 0, parseSize(most) ?? 0];
  const error = `${SIZE_ALLOWED}, such as 256MiB or 10GiB, from ${least} to ${most}`;
  return z
    .string({ error })
    .regex(SIZE, { error, abort: true })
    .transform(toBytes)
    .refine((bytes) => bytes >= from && bytes <= to, { error });
}

const toSeconds = (text: string): number => parseDuration(text) ?? 0;
const toBytes = (text: string): number => parseSize(text) ?? 0;

export const number = z.number({ error: "a number" });

/** A list with a limit. */
export function list<T extends z.ZodType>(entry: T, most: number) {
  const error = `a list of at most ${most} entries`;
  return z.array(entry, { error }).max(most, { error });
}

export function wholeNumber(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: values.length === 1 ? values[0] : `one of ${values.join(", ")}` });
}

/** Text of a certain form. */
export function text(form: RegExp, error: string) {
  return z.string({ error }).regex(form, { error });
}

/** Text of any form, in whole characters; names in MLflow may be anything at all. */
export function anyText(least: number, most: number) {
  const error = `a text of ${least} to ${most} characters`;
  return z
    .string({ error })
    .min(least, { error })
    .max(most, { error })
    .refine((text) => text.isWellFormed(), { error });
}

/** Also a label's value in Kubernetes, so it ends with a letter or digit. */
export const targetName = text(
  /^[a-z][a-z0-9-]{0,38}[a-z0-9]$/,
  "a name of 2 to 40 lower-case letters, digits and dashes that starts with a letter and does not end with a dash",
);

export const dnsLabel = text(
  /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "a Kubernetes name of at most 63 lower-case letters, digits and dashes that starts with a letter",
);

export const folder = text(
  /^(?!\/)(?!.*(^|\/)\.\.(\/|$))[\w.\-/]{1,200}$/,
  "a folder relative to the policy's own, with forward slashes and without ..",
);

export const urlPath = text(/^\/[\w.~%!$&'()*+,;=:@\-/]{0,200}$/, "a path that starts with /, without a query");

export const image = text(
  /^(?!.*\/\/)[a-z0-9][\w.\-/:@]{0,400}$/,
  'an image such as python:3.12-slim, or better one by digest; "scratch" where the template names its own',
);
