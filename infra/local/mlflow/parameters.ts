import { z } from "zod";
import { invalid, type MlflowError } from "./errors.ts";

const ADVICE = "See the API docs for more information about request parameters.";

/** A string that must be there and not be empty. */
export const required = z.string().min(1);

/** A whole number, also as a decimal string. */
export const whole = z.union([
  z.number().int(),
  z
    .string()
    .regex(/^-?\d+$/)
    .transform(Number),
]);

/** A number, also as a string; `NaN` and infinities come only as strings. */
export const real = z.union([
  z.number(),
  z
    .string()
    .regex(/^(?:-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|NaN|-?Infinity)$/)
    .transform(Number),
]);

/** Tags as they come in a request; a key that comes twice keeps its last value. */
export const tagList = z.array(z.object({ key: required, value: z.string().default("") })).default([]);

/** Parses a request's parameters; throws MLflow's error for the first one that is missing or wrong. */
export function parseParameters<T>(schema: z.ZodType<T>, input: unknown): T {
  const present = withoutNulls(input);
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  throw toMlflowError(result.error.issues[0]?.path ?? [], present);
}

function toMlflowError(path: readonly PropertyKey[], input: unknown): MlflowError {
  const name = path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at > 0 ? "." : ""}${String(part)}`));
  const value = valueAt(input, path);
  if (value === undefined || value === "") {
    return invalid(`Missing value for required parameter '${name.join("")}'. ${ADVICE}`);
  }
  const hint = `Hint: Value was of type '${pythonType(value)}'.`;
  return invalid(
    `Invalid value ${JSON.stringify(value)} for parameter '${name.join("")}' supplied:  ${hint} ${ADVICE}`,
  );
}

/** MLflow treats null like an absent field. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return {};
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

function pythonType(value: unknown): string {
  if (Array.isArray(value)) return "list";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return { string: "str", boolean: "bool" }[String(typeof value)] ?? "dict";
}
