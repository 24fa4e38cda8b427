/** What in the registry says which version a target should run. */
export type Pointer =
  | { kind: "alias"; alias: string }
  | { kind: "tag"; key: string; value: string }
  | { kind: "newest" }
  /** A stage of MLflow's former way, such as `Production`; it moves without a webhook. */
  | { kind: "stage"; stage: string };

/** Somebody wants a model version on the targets that follow this pointer. */
export interface Promotion {
  /** Unique per wish: the delivery's id. */
  id: string;
  model: string;
  pointer: Pointer;
  /** The version named with the wish; the registry has the last word. */
  version?: string;
  /** When the wish was signed or given, epoch milliseconds; of the reconciler's: since when the registry says so, at least. */
  wishedAt: number;
  /** For this target only. */
  target?: string;
  origin: PromotionOrigin;
}

export type PromotionOrigin =
  | { kind: "webhook"; deliveryId: string; event: string }
  /** The reconciler saw that the registry says otherwise than what is wanted. */
  | { kind: "difference" }
  /** The reconciler tries an ending again: that of generation `of`, for the `attempt`th time in a row. */
  | { kind: "retry"; of: number; attempt: number }
  /** A person asked for what the pointer says, whatever was before. */
  | { kind: "person"; by: string };

export function samePointer(a: Pointer, b: Pointer): boolean {
  if (a.kind === "alias") return b.kind === "alias" && a.alias === b.alias;
  if (a.kind === "stage") return b.kind === "stage" && a.stage === b.stage;
  if (a.kind === "tag") return b.kind === "tag" && a.key === b.key && a.value === b.value;
  return b.kind === "newest";
}

/** "alias champion", for sentences. */
export function describePointer(pointer: Pointer): string {
  switch (pointer.kind) {
    case "alias":
      return `alias ${pointer.alias}`;
    case "tag":
      return `tag ${pointer.key}=${pointer.value}`;
    case "newest":
      return "newest version";
    case "stage":
      return `stage ${pointer.stage}`;
  }
}
