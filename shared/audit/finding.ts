/** What is wrong: a promotion that comes to nothing, one that came to more than one thing, or a state nobody asked for. */
export const FINDING_KINDS = ["lost", "double", "unexpected"] as const;
export type FindingKind = (typeof FINDING_KINDS)[number];

export type FindingCode =
  | "not-taken"
  | "stands-still"
  | "not-told"
  | "accepted-twice"
  | "applied-twice"
  | "sequence-twice"
  | "saved-after-ending"
  | "built-twice"
  | "held"
  | "history-gap"
  | "stable-missing"
  | "not-stable"
  | "foreign-token"
  | "left-behind";

export interface Finding {
  kind: FindingKind;
  code: FindingCode;
  target: string;
  /** `<target>.<generation>`, where it is about one. */
  deployment?: string;
  /** Which one, where a target or a deployment may have several of the same code. */
  about?: string;
  /** Names the target, the deployment, and what to look at. */
  sentence: string;
}

/** Equal for the same finding of two looks. */
export function findingKey({ kind, code, target, deployment, about }: Finding): string {
  return JSON.stringify([kind, code, target, deployment, about]);
}
