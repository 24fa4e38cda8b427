import { createCredential } from "../adapters/azure/credential.ts";
import type { Configuration } from "../config/configuration.ts";
import { openBus, openPipeline, openStore } from "../open-ports.ts";
import { isClean, type Judgement, judge, standing } from "./judge.ts";
import { type EvidenceSources, readEvidence } from "./read-evidence.ts";

export type { Finding, FindingKind } from "./finding.ts";
export { isClean, type Judgement, type Tally, totalOf } from "./judge.ts";

export interface AuditOptions {
  /** What is late by no more than this is not lost yet, milliseconds. */
  graceMs: number;
  /** When a look finds anything, another one follows after this, milliseconds; 0: none does. */
  settleMs: number;
  /** Waits so long, after it was told what the first look found. */
  settle: (first: Judgement) => Promise<void>;
}

/** Opens what the app works with, by the app's own settings; the SDKs are loaded with the first call. */
export async function openSources(configuration: Configuration): Promise<EvidenceSources> {
  const { environment } = configuration;
  const credential = createCredential(environment.azure);
  const store = await openStore(environment, credential);
  // Opened for its type's sake only: no message is ever sent, and no connection made.
  const bus = await openBus(environment, credential);
  return openPipeline(configuration, credential, store, bus);
}

/**
 * Looks at everything once; where that finds something, once more, because what is under way between table, registry
 * and cluster mends itself. Only what stands counts.
 * @throws TransientError, PermanentError: something could not be read, so nothing can be said.
 */
export async function audit(sources: EvidenceSources, options: AuditOptions): Promise<Judgement> {
  const { graceMs, settleMs, settle } = options;
  const first = judge(await readEvidence(sources), { graceMs });
  if (isClean(first) || settleMs === 0) return first;
  await settle(first);
  const evidence = await readEvidence(sources);
  return standing(first, evidence, judge(evidence, { graceMs }));
}
