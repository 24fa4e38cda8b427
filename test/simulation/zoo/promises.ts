/** What a planted defect breaks. */
export interface Promised {
  /** `‡`: a sentence that was found by leaving it out. `classic`: what everybody gets wrong once. Else an invariant. */
  kind: "‡" | "classic" | "invariant";
  text: string;
}

/** The sentences of the design that are marked with ‡. */
const MARKED = {
  "both-reads": "read the target, then the registry, then commit; a 412 repeats both reads",
  "wanted-is-a-repeat": "only what the target wants is a repeat, not what it runs",
  "repeat-sends-owed": "a repeat sends again what is owed",
  "refusal-moves-wanted": "a refusal moves what is wanted too, so that nobody asks for ever",
  "gap-bounded": "a gap in which nobody visited extends the deadline, bounded",
  "owed-by-all": "messages are owed for every record a transaction wrote",
  "none-without-owner": "a Waiting record has a resumeAt too: nothing is without an owner",
  "conflict-is-read-again": "412, and 409 of a replayed transaction, mean: read again, decide again",
  "deleted-by-etag": "retention deletes singly, by ETag",
  "tables-clock": "now is the Date header of the table's answer, not the worker's clock",
  "epoch-generations": "generations start at the epoch second, so that a lost table never falls behind the cluster",
  "long-hashes": "keys have a 128-bit hash: 40 bits collide in a second",
  "too-early": "a message that is too early is scheduled again",
  "id-per-notifier": "notifications have an id per notifier: one id for all would be de-duplicated to one",
  "poison-with-reason": "poison goes to the poison queue with its reason",
  "attempt-in-name": "a task run is named by the build key and an attempt: a failed one never runs again",
  "token-on-all": "the token stands on every fixed-name object, not only on the workload",
  "create-only": "what was absent is created only",
  "frozen-rollout": "a frozen rollout visit may wake after its own rollback: order within a generation matters",
  "rollback-stamps":
    "a rollback stamps unchanged objects too, and creates at zero what the candidate could still create",
  "first-change-writes-target": "the save that enters rollout also writes the target",
  "refused-at-start": "quarantine and holds are checked again when the waiting one starts",
  "never-forced": "a server-side-apply conflict holds the target: we never force",
  "saved-before-retiring": "stable is saved before anything of the former one is retired",
  "locked-then-looked": "first lock the stable image, then look for it",
  "retiring-never-back": "retiring never rolls back",
  "replicas-handed-over": "leaving replicas out after owning them resets them to 1",
} as const;

const CLASSICS = {
  etag: "every write carries the ETag that was read",
  "late-acknowledgement": "a message or delivery is acknowledged after what follows from it is durable",
  "sequence-guard": "a message of another save visits nothing",
  "stable-not-previous": "a rollback lands on the stable release, never on the previous one",
  sweep: "what a dead process left behind is found by the sweep",
  "fresh-sweep-ids": "a message that is sent again has an id of its own",
  deadline: "nothing is waited for without a deadline",
} as const;

const INVARIANTS = {
  I1: "no loss",
  I2: "no double",
  I3: "one ending",
  I4: "rollback lands on stable",
  I5: "fencing",
  I6: "no regress",
  I7: "acknowledged after durability",
  I8: "bounded",
  I9: "single writer",
  I10: "told",
  I11: "secrecy",
  I13: "capacity",
  I14: "whole",
} as const;

export type PromiseName = keyof typeof MARKED | keyof typeof CLASSICS | keyof typeof INVARIANTS;

function all(kind: Promised["kind"], texts: Readonly<Record<string, string>>): [string, Promised][] {
  return Object.entries(texts).map(([name, text]) => [name, { kind, text }]);
}

/** Every promise by name. */
export const PROMISES: ReadonlyMap<string, Promised> = new Map([
  ...all("‡", MARKED),
  ...all("classic", CLASSICS),
  ...all("invariant", INVARIANTS),
]);
