import * as z from "zod";
import { MAX_FORMER } from "../domain/target.ts";
import { duration, wholeNumber } from "./policy-values.ts";

const KEPT_LEAST = "1d";
const KEPT_MOST = "3650d";

/** How long what ended deployments leave behind is kept. */
export const retentionSection = z.strictObject({
  taskRuns: duration(KEPT_LEAST, KEPT_MOST)
    .describe("Of the records of builds, not their images. Default: 7d.")
    .exactOptional(),
  releases: duration(KEPT_LEAST, KEPT_MOST)
    .describe("Of images and stored releases that are not among the kept ones. Default: 30d.")
    .exactOptional(),
  keep: wholeNumber(1, MAX_FORMER)
    .describe("So many of a target's last stable releases are never removed. Default: 10.")
    .exactOptional(),
});

export type RetentionSection = z.output<typeof retentionSection>;
