import * as z from "zod";
import { duration, list, number, urlPath, wholeNumber } from "./policy-values.ts";

const health = z.strictObject({
  path: urlPath.describe("Asked of every new pod. Default: /ready.").exactOptional(),
  attempts: wholeNumber(1, 1_000).describe("Default: 30.").exactOptional(),
  interval: duration("100ms", "10m").describe("Between two attempts. Default: 3s.").exactOptional(),
  successes: wholeNumber(1, 1_000).describe("Consecutive successes that prove health. Default: 3.").exactOptional(),
  timeout: duration("100ms", "30s").describe("Of one answer. Default: 2s.").exactOptional(),
});

const sample = z.strictObject({
  request: z
    .record(z.string(), z.json({ error: "JSON" }), { error: "a request's body as a mapping" })
    .describe("The body of the request, in the model server's own form."),
  expected: list(number, 10_000).describe("Every number of the answer, in order.").exactOptional(),
  tolerance: number
    .min(0, { error: "a number from 0 up" })
    .describe("Largest difference from what is expected. Default: 0.001.")
    .exactOptional(),
});

const predictions = z.strictObject({
  path: urlPath.describe("Asked through the service. Default: /predict.").exactOptional(),
  count: wholeNumber(1, 100).describe("How many predictions are made. Default: 5.").exactOptional(),
  maxLatency: duration("1ms", "60s").describe("Of one answer. Default: 2s.").exactOptional(),
  samples: list(sample, 100).describe("Default: the model's own input example.").exactOptional(),
});

/** How a release is proved to serve. */
export const verifySection = z.strictObject({
  timeout: duration("1s", "6h").describe("How long the whole check may take. Default: 10m.").exactOptional(),
  health: health.exactOptional(),
  predictions: predictions.exactOptional(),
});
