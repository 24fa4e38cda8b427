import { compareTemplate, type PodTemplate } from "./pod-template.ts";
import type { Release } from "./release.ts";
import type { Target } from "./target.ts";
import { formatToken, type Token } from "./token.ts";

/** What one look of the daily check read of a target. */
export interface Running {
  target: Target;
  /** The stable release as it is recorded. */
  release: Release;
  /** Every object of the release by its name in words, and the token it carries; undefined: it is not there. */
  objects: readonly { name: string; token: Token | undefined | "absent" }[];
  /** What the workload's pods are made of; undefined: there is no workload. */
  template: PodTemplate | undefined;
}

/** What is not as it was recorded, one sentence each. Pure. */
export function compareRunning({ target, release, objects, template }: Running): readonly string[] {
  const expected = target.changedBy ?? target.stable?.generation;
  const found = objects.flatMap(({ name, token }) => {
    if (token === "absent") return [`${name} of the stable release is not there.`];
    if (token === undefined) return [`${name} carries no token of Belay's.`];
    if (token.generation === expected || name.startsWith("ConfigMap")) return [];
    return [`${name} carries the token ${formatToken(token)}, which is not of the last change (${expected}).`];
  });
  return template === undefined ? found : [...found, ...compareTemplate(release, template)];
}
