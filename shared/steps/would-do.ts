import type { WouldDo } from "../domain/dead-letter.ts";
import { deploymentId, hasEnded } from "../domain/deployment.ts";
import { PermanentError, TransientError } from "../domain/errors.ts";
import type { CheckMessage, NotifyMessage, PruneMessage, ReportMessage } from "../domain/owed.ts";
import type { DeploymentStore } from "../ports/deployment-store.ts";
import type { Reading } from "./read-letter.ts";
import { type AcceptReads, wouldAccept } from "./would-accept.ts";
import { wouldVisit } from "./would-visit.ts";

/** What a dry run reads; opened when it is needed, because what cannot be opened keeps no list from being shown. */
export type OpenReads = () => Promise<AcceptReads>;

/** What the message would do now. Nothing is changed; what does not answer is said. */
export async function wouldDo(open: OpenReads, reading: Reading, signal: AbortSignal): Promise<WouldDo> {
  if (reading.kind === "unreadable") return { code: "unreadable", text: `It is not sent again. ${reading.why}` };
  try {
    return await look(await open(), reading, signal);
  } catch (error) {
    if (!(error instanceof TransientError || error instanceof PermanentError)) throw error;
    return { code: "unknown", text: `What it would do cannot be found out now: ${error.message}` };
  }
}

function look(
  reads: AcceptReads,
  reading: Exclude<Reading, { kind: "unreadable" }>,
  signal: AbortSignal,
): Promise<WouldDo> {
  switch (reading.kind) {
    case "step":
      return wouldVisit(reads.store, reading.message);
    case "promotion":
      return wouldAccept(reads, reading.message, signal);
    case "notify":
      return wouldTell(reads.store, reading.message);
    case "report":
      return wouldReport(reads.store, reading.message);
    case "prune":
      return wouldPrune(reads.store, reading.message);
    case "check":
      return wouldCheck(reads.store, reading.message);
    default:
      return reading satisfies never;
  }
}

async function wouldTell(store: DeploymentStore, { target, generation, notifier }: NotifyMessage): Promise<WouldDo> {
  const id = deploymentId({ target, generation });
  const read = await store.readDeployment(target, generation);
  if (read === undefined) return { code: "nothing", text: `Nothing: there is no deployment ${id}.` };
  if (!hasEnded(read.value)) return { code: "nothing", text: `Nothing: ${id} has not ended.` };
  const told = (await store.readDone(target, generation)).includes(notifier);
  const before = told ? "It was told before, and knows by the id that it is the same." : "It was not told yet.";
  return {
    code: "tell",
    text: `The notifier ${notifier} would be told how ${id} ended (${read.value.phase}). ${before}`,
  };
}

async function wouldReport(store: DeploymentStore, { target, report, notifier }: ReportMessage): Promise<WouldDo> {
  const what = `what the daily check of ${report} found on ${target}`;
  return (await store.readReport(target, report)) === undefined
    ? { code: "nothing", text: `Nothing: it is not recorded ${what}.` }
    : { code: "tell", text: `The notifier ${notifier} would be told ${what}, under the same id as ever.` };
}

async function wouldPrune(store: DeploymentStore, { target, generation }: PruneMessage): Promise<WouldDo> {
  const id = deploymentId({ target, generation });
  const read = await store.readDeployment(target, generation);
  if (read === undefined || !hasEnded(read.value))
    return { code: "nothing", text: `Nothing: there is no ended deployment ${id}.` };
  if ((await store.readTarget(target)).record?.value.stable === undefined)
    return { code: "nothing", text: `Nothing: without a stable release everything on ${target} is left as it is.` };
  return { code: "look", text: `What ${id} and older deployments left behind would be looked for again, and removed.` };
}

async function wouldCheck(store: DeploymentStore, { target, day }: CheckMessage): Promise<WouldDo> {
  if ((await store.readTarget(target)).record?.value.stable === undefined)
    return { code: "nothing", text: `Nothing: ${target} has no stable release to check.` };
  return {
    code: "look",
    text: `What ${target} serves would be looked at for the check of ${day}; nothing is changed.`,
  };
}
