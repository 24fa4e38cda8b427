import type { Dialect } from "./dialect.ts";
import { verifySignature } from "./signature.ts";
import { readMlflow } from "./translate.ts";

/** Every kind of delivery Belay understands, by the registry that sends it. */
export const DIALECTS = {
  mlflow: { verify: verifySignature, read: readMlflow },
} as const satisfies Readonly<Record<string, Dialect>>;

export type DialectName = keyof typeof DIALECTS;
