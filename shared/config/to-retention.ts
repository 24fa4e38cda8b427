import type { Retention } from "../domain/policy.ts";
import { DEFAULTS } from "./policy-defaults.ts";
import type { RetentionSection } from "./policy-retention-schema.ts";

/** How long things are kept: the policy's word first, then the field's. */
export function toRetention(section: RetentionSection): Retention {
  const { taskRuns, releases, keep } = { ...DEFAULTS.retention, ...section };
  return { taskRunSeconds: taskRuns, releaseSeconds: releases, keptReleases: keep };
}
