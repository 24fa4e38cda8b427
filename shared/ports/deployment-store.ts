import type { Deployment } from "../domain/deployment.ts";
import type { Target } from "../domain/target.ts";
import type { Visit } from "../domain/visit.ts";

/** A record and the ETag it was read with; a write must carry the ETag read in the same visit. */
export interface Versioned<T> {
  value: T;
  etag: string;
}

/** One transaction: all of it is written or nothing. */
export interface StoreChange {
  target: string;
  /** Without an ETag the row must not exist yet. */
  record?: { value: Target; etag?: string };
  deployments: readonly { value: Deployment; etag?: string }[];
  visits: readonly Visit[];
}

/** What one build key has led to; the first insert wins. */
export interface BuildRecord {
  key: string;
  attempt: number;
  /** Absent: the context is to be uploaded anew for this attempt. */
  sourcePath?: string;
  /** `repository@sha256:…`, once built. */
  digest?: string;
}

/** Says that a deployment is open, or that somebody is still to be told of its ending; never the truth. */
export interface OpenHint {
  target: string;
  generation: number;
  /** Epoch milliseconds. */
  createdAt: number;
  /** The save whose messages were sent again, and how often. */
  sequence: number;
  times: number;
  /** They are not sent again before this, epoch milliseconds. */
  nextAt: number;
}

/** One deployment of a day's list. */
export interface Listed {
  target: string;
  generation: number;
}

/** What one daily check found on a target. */
export interface CheckReport {
  target: string;
  /** `2026-11-25` */
  day: string;
  /** Epoch milliseconds. */
  at: number;
  /** What is not as it was recorded; empty: all is. One sentence each. */
  findings: readonly string[];
}

/** All state. Errors: TransientError when the table does not answer or holds a newer schema; PermanentError when access is denied. */
export interface DeploymentStore {
  /** Also says what time it is by the table's own clock, epoch milliseconds. */
  readTarget(target: string): Promise<{ now: number; record?: Versioned<Target> }>;
  readDeployment(target: string, generation: number): Promise<Versioned<Deployment> | undefined>;
  /** `conflict`: somebody else wrote first, or this very transaction was written before. Read again, decide again. */
  save(change: StoreChange): Promise<"saved" | "conflict">;
  /** Stores content under its SHA-256, at most 512 KiB compressed; storing it twice is the same as once. */
  putBundle(target: string, kind: "release" | "policy", id: string, content: string): Promise<void>;
  readBundle(target: string, kind: "release" | "policy", id: string): Promise<string | undefined>;
  readBuild(key: string): Promise<Versioned<BuildRecord> | undefined>;
  /** Without an ETag: inserts. `conflict`: read again. */
  saveBuild(record: BuildRecord, etag?: string): Promise<"saved" | "conflict">;
  /** A deployment's history, oldest first, at most 500. */
  readVisits(target: string, generation: number): Promise<readonly Visit[]>;
  /** Deployments of one target, newest first. */
  listOfTarget(target: string, limit: number): Promise<readonly Deployment[]>;
  /** Writes the hint that lists a deployment under its day; before it is accepted, never the truth. */
  hintListed(target: string, generation: number, createdAt: number): Promise<void>;
  /** Writes the hint that a deployment is open, before it is accepted; one that is there stays as it is. */
  hintOpen(target: string, generation: number, createdAt: number): Promise<void>;
  /** Hints of open deployments in an order that stays; `after` is the last one of the page before. */
  listOpen(limit: number, after?: Listed): Promise<readonly Versioned<OpenHint>[]>;
  saveOpen(hint: OpenHint, etag: string): Promise<"saved" | "conflict">;
  /** Removes exactly what was read; gone or changed meanwhile is no error. */
  removeOpen(hint: Listed, etag: string): Promise<void>;
  /** Marks something that an ended deployment owed as done: a notifier's name, or `prune`. */
  markDone(target: string, generation: number, what: string): Promise<void>;
  readDone(target: string, generation: number): Promise<readonly string[]>;
  /** A small value that a timer goes on from. Without an ETag it must not exist yet. */
  readNote(name: string): Promise<Versioned<unknown> | undefined>;
  saveNote(name: string, value: unknown, etag?: string): Promise<"saved" | "conflict">;
  /** Deployments created on a day (`2026-11-25`), in an order that stays, after this one. */
  listDay(day: string, limit: number, after?: Listed): Promise<readonly Listed[]>;
  /** Names the bundle as it stands; whoever puts it again gives it another ETag. */
  readBundleEtag(target: string, kind: "release", id: string): Promise<string | undefined>;
  /** Removes a bundle that nobody has put again since; one that is not there is no error. */
  removeBundle(target: string, kind: "release", id: string, etag: string): Promise<void>;
  /** The first report of a day stays. */
  saveReport(report: CheckReport): Promise<void>;
  readReport(target: string, day: string): Promise<CheckReport | undefined>;
  /** Resolves when the table answers. */
  ping(): Promise<void>;
  /** Hints of the last days, newest first. */
  listHints(days: number, limit: number, now: number): Promise<readonly { target: string; generation: number }[]>;
}
