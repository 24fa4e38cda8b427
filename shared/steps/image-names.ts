import { canonicalJson, sha256, slug } from "../domain/digest.ts";
import { identityKey, type ModelVersion } from "../domain/model.ts";
import type { TargetPolicy } from "../domain/policy.ts";
import type { SourceTemplate } from "../ports/source-template.ts";

/** Where a model version's image lies. */
export interface ImageNames {
  /** Hash of what goes into the image; equal keys are one build. */
  key: string;
  repository: string;
  tag: string;
}

export function imageNamesOf(model: ModelVersion, { build }: TargetPolicy, template: SourceTemplate): ImageNames {
  const key = sha256(canonicalJson([identityKey(model), template.hash, build.baseImage, build.platform])).slice(0, 32);
  return { key, repository: slug(model.name), tag: `${model.version}-${key.slice(0, 12)}` };
}
