import { ANNOTATIONS } from "../../../shared/domain/release.ts";
import { formatToken, parseToken } from "../../../shared/domain/token.ts";
import { specOf } from "./deployment-spec.ts";
import type { Path } from "./frozen-json.ts";
import type { StoredObject } from "./store.ts";

/** `field`: one that Belay owns; `label` and `annotation`: one that it does not; `token`: its own annotation. */
export type EditKind = "field" | "label" | "annotation" | "token";

/** One thing that a person could edit; an undefined value removes it. */
export interface Edit {
  readonly edit: EditKind;
  readonly path: Path;
  readonly value: unknown;
}

/** Everything of an object that a person could edit and the API server would take. `images`: those that ran there. */
export function editsOf(stored: StoredObject, images: readonly string[]): readonly Edit[] {
  return [
    { edit: "label", path: ["metadata", "labels", "team"], value: `team-${stored.version}` },
    { edit: "annotation", path: ["metadata", "annotations", "note"], value: `note-${stored.version}` },
    ...tokenEdits(stored),
    ...fieldEdits(stored, images).map(({ path, value }) => ({ edit: "field" as const, path, value })),
  ];
}

function tokenEdits({ live }: StoredObject): readonly Edit[] {
  const token = parseToken(live.metadata.annotations?.[ANNOTATIONS.token] ?? "");
  if (token === undefined) return [];
  const { generation, sequence } = token;
  const values = [
    undefined,
    "edited",
    formatToken({ generation: generation + 1, sequence }),
    formatToken({ generation: Math.max(0, generation - 1), sequence }),
  ];
  return values.map((value) => ({ edit: "token", path: ["metadata", "annotations", ANNOTATIONS.token], value }));
}

type FieldEdit = Pick<Edit, "path" | "value">;

function fieldEdits(stored: StoredObject, images: readonly string[]): readonly FieldEdit[] {
  switch (stored.kind) {
    case "Deployment":
      return deploymentEdits(stored, images);
    case "ConfigMap":
      return configEdits(stored);
    case "Service":
      return [{ path: ["spec", "selector"], value: { app: `edited-${stored.version}` } }];
    default:
      return [];
  }
}

function deploymentEdits({ live }: StoredObject, images: readonly string[]): readonly FieldEdit[] {
  const { replicas, surge, deadlineMs, template } = specOf(live);
  const container = ["spec", "template", "spec", "containers", `name=${template.model}`];
  return [
    { path: ["spec", "replicas"], value: replicas + 1 },
    { path: ["spec", "strategy", "rollingUpdate", "maxSurge"], value: surge + 1 },
    { path: ["spec", "progressDeadlineSeconds"], value: deadlineMs / 1000 + 60 },
    ...images
      .filter((image) => image !== template.image)
      .map((image) => ({ path: [...container, "image"], value: image })),
  ];
}

/** What a ConfigMap says of itself as immutable cannot be edited. */
function configEdits({ live }: StoredObject): readonly FieldEdit[] {
  if (live["immutable"] === true) return [];
  return Object.keys((live["data"] ?? {}) as object).map((key) => ({ path: ["data", key], value: "edited" }));
}
