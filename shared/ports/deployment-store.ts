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
  /** Resolves when the table answers. */
  ping(): Promise<void>;
  /** Hints of the last days, newest first. */
  listHints(days: number, limit: number, now: number): Promise<readonly { target: string; generation: number }[]>;
}
