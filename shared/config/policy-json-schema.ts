import * as z from "zod";
import { policyFile } from "./policy-schema.ts";

/** The JSON Schema of the delivery policy as text: what editors complete and check it by. */
export function policyJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(policyFile, { io: "input" }), undefined, 2)}\n`;
}
