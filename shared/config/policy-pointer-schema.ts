import * as z from "zod";
import type { Pointer } from "../domain/promotion.ts";
import { anyText, oneOf } from "./policy-values.ts";

/** The stages that MLflow knows. */
const STAGES = ["None", "Staging", "Production", "Archived"] as const;

const tag = z.strictObject({ key: anyText(1, 2_000), value: anyText(0, 5_000) });

const entries = z.strictObject({
  alias: anyText(1, 2_000).describe("The alias that is set on the version to deploy.").exactOptional(),
  tag: tag.describe("The tag, with its value, of the version to deploy.").exactOptional(),
  newest: z.literal(true, { error: "true" }).describe("Every new version is deployed.").exactOptional(),
  stage: oneOf(STAGES)
    .describe(
      "The stage whose newest version is deployed. MLflow sends no webhook when a stage changes: the reconciler follows it, within minutes.",
    )
    .exactOptional(),
});

/** What in the registry a target follows. */
export const pointer = entries
  .meta({ description: "What in MLflow says which version is live.", minProperties: 1, maxProperties: 1 })
  .transform((given, context): Pointer => {
    const [only, ...others] = toPointers(given);
    if (only !== undefined && others.length === 0) return only;
    context.addIssue({ code: "custom", message: `exactly one of ${Object.keys(entries.shape).join(", ")}` });
    return z.NEVER;
  });

function toPointers({ alias, tag: tagged, newest, stage }: z.output<typeof entries>): readonly Pointer[] {
  const pointers: readonly (Pointer | undefined)[] = [
    alias === undefined ? undefined : { kind: "alias", alias },
    tagged === undefined ? undefined : { kind: "tag", ...tagged },
    newest === undefined ? undefined : { kind: "newest" },
    stage === undefined ? undefined : { kind: "stage", stage },
  ];
  return pointers.filter((one) => one !== undefined);
}
