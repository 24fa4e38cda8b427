import { type Deployment, hasEnded } from "../domain/deployment.ts";
import type { Pointer } from "../domain/promotion.ts";
import type { Target } from "../domain/target.ts";
import type { ListedModel } from "../ports/model-registry.ts";

/**
 * Whether the list of models alone says that a target has what it should: most targets do, most of the time, and cost
 * no call of their own. False: look closely.
 */
export function agreesAtAGlance(
  listed: ListedModel,
  pointer: Pointer,
  { wanted }: Target,
  record: Deployment | undefined,
): boolean {
  // A list holds no tags.
  if (pointer.kind === "tag") return false;
  const version = listedVersion(listed, pointer);
  if (version === undefined) return wanted === undefined;
  if (wanted === undefined || record === undefined || wanted.model.version !== version) return false;
  // The same number of a model that was deleted and made anew is another version.
  if (wanted.model.createdAt < listed.createdAt) return false;
  return !hasEnded(record) || record.phase === "Succeeded";
}

function listedVersion({ aliases, latest }: ListedModel, pointer: Exclude<Pointer, { kind: "tag" }>) {
  switch (pointer.kind) {
    case "alias":
      return Object.hasOwn(aliases, pointer.alias) ? aliases[pointer.alias] : undefined;
    case "stage":
      return newest(latest.filter(({ stage }) => stage === pointer.stage));
    case "newest":
      return newest(latest);
    default:
      return pointer satisfies never;
  }
}

function newest(versions: ListedModel["latest"]): string | undefined {
  return versions.toSorted((a, b) => Number(b.version) - Number(a.version))[0]?.version;
}
