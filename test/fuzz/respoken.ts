import type { GoodAnswer } from "./answer-cases.ts";
import type { Json } from "./json-value.ts";

/** What stands between may answer with this, whatever was asked. */
export const BLANK: readonly Json[] = [
  {},
  { items: [] },
  { value: [] },
  { kind: "Status", status: "Success" },
  null,
  [],
];
export const PAGE: GoodAnswer = {
  status: 200,
  body: "<html><title>Sign in</title><body>Sign in to continue.</body></html>",
};
