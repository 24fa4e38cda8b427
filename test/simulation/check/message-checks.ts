import { type Deployment, deploymentId, hasEnded } from "../../../shared/domain/deployment.ts";
import type { QueuedMessage } from "../world/bus.ts";
import { WEBHOOK_SECRET } from "../world/models.ts";
import type { Evidence } from "./checks.ts";

/** What a message on a step queue names. */
interface Named {
  target: string;
  generation: number;
  sequence: number;
}

const MOST_MESSAGES = 60_000;
/** Both builds send the same messages, and one of them says that it did. */
const withoutBuild = (text: string): string => text.replace(',"build":"next"', "");

/** Checks every message that is sent, and what is still owed whenever one is gone. */
export function watchMessages(evidence: Evidence): void {
  const { bus, fail, scheduler, records } = evidence;
  const bodies = new Map<string, string>();
  const swept = new Map<string, number>();
  const taken = new Set<string>();
  /** Promotions of which a copy may have been dropped. */
  const dropped = new Set<string>();
  let sent = 0;

  bus.onSend(({ queue, id, body }) => {
    sent += 1;
    if (sent > MOST_MESSAGES) fail("I8", "messages are sent without end");
    const text = JSON.stringify(body);
    if (text.includes(WEBHOOK_SECRET)) fail("I11", `message ${id} holds a secret`);
    const key = `${queue}|${id}`;
    const before = bodies.get(key);
    // A copy that was sent before may be dropped: it has had its turn.
    if (queue === "promotions" && before !== undefined) {
      taken.add(id.replace(/\/retry-\d+$/, ""));
      dropped.add((body as { id: string }).id);
    }
    if (queue === "poison") checkAside(evidence, id, body as Aside);
    // Of what is set aside the reason may differ from time to time.
    if (queue !== "poison" && before !== undefined && withoutBuild(before) !== withoutBuild(text))
      fail("I10", `two messages that say different things have the id ${id}`);
    bodies.set(key, text);
    // An SDK that sends the same again at once is another matter.
    if (/\/sweep(?:-\d+)?$/.test(id) && scheduler.now() - (swept.get(key) ?? scheduler.now()) > 60_000)
      fail("I8", `the sweep has sent ${id} twice: the second may be dropped as a duplicate of the first`);
    if (!swept.has(key)) swept.set(key, scheduler.now());
    checkState(id, body as Partial<Named>);
  });

  bus.onGone((message) => {
    const { target } = JSON.parse(message.body) as Partial<Named>;
    if (message.queue === "promotions" && isFirst(message.id)) checkTaken(evidence, message);
    for (const [name, known] of records)
      if (target === undefined || target === name)
        for (const record of known.values()) checkOwed(evidence, record, dropped);
  });

  /** Copies of one promotion are one wish: whichever is done first has taken it. */
  function isFirst(id: string): boolean {
    const [, first = id] = /^(.*?)(?:\/retry-\d+)?$/.exec(id) ?? [];
    // What could not be taken now was sent again, or set aside.
    const again = [...bus.open(), ...bus.poisoned(), ...bus.deadLetters()];
    if (again.some((other) => other.id === first || other.id.startsWith(`${first}/`))) return false;
    if (taken.has(first)) return false;
    taken.add(first);
    return true;
  }

  /** State first, message second. */
  function checkState(id: string, { target = "", generation = 0, sequence = 0 }: Partial<Named>): void {
    if (generation === 0 || sequence === 0) return;
    const record = records.get(target)?.get(generation);
    if (record === undefined || record.sequence < sequence)
      fail("I8", `message ${id} tells of a save that has not been made`);
  }
}

/** What lies in `poison`. */
interface Aside {
  queue?: string;
  reason?: string;
  body?: Partial<{ notifier: string }>;
}

/** It says why, and only the notifier that is dead keeps somebody from being told. */
function checkAside({ fail }: Evidence, id: string, { queue, reason = "", body }: Aside): void {
  if (reason === "") fail("I8", `${id} was set aside without a reason`);
  if (queue === "notify" && body?.notifier !== undefined && body.notifier !== "webhook")
    fail("I10", `${id} was set aside, and nothing is wrong with ${body.notifier}`);
}

/** Whoever completes a promotion leaves its target with what the registry said since the message came, or later. */
function checkTaken(evidence: Evidence, { body, handedAt, id }: QueuedMessage): void {
  const { targets, registry, fail, policies, written } = evidence;
  const promotion = JSON.parse(body) as { target?: string };
  for (const { target, missing } of policies) {
    if (promotion.target !== undefined && promotion.target !== target) continue;
    const heard = registry.said().filter(({ at }) => at >= handedAt);
    const wanted = targets.get(target)?.wanted;
    if (heard.some(({ version }) => version === undefined) && missing === "ignore") continue;
    if ((written.get(target) ?? 0) >= handedAt) continue;
    if (!heard.some(({ version }) => (version ?? "none") === wanted?.model.version))
      fail(
        "I1",
        `promotion ${id} was completed, and ${target} wants ${wanted?.model.version ?? "nothing"}, which the registry has not said since it came`,
      );
  }
}

/** What a record is owed is in the bus, or with somebody who will send it, or was set aside. */
function checkOwed(evidence: Evidence, record: Deployment, dropped: ReadonlySet<string>): void {
  const { bus, fail, told, workers, cut } = evidence;
  const id = deploymentId(record);
  if (cut.has(id)) return;
  const maySend = (name: string) => /^(timer|command|promotions) /.test(name) || name.includes(record.target);
  if (workers.underWay().some(maySend)) return;
  if (bus.open().some(({ queue, body }) => queue === "promotions" || mayLeadTo(evidence, record, body))) return;
  if (wasSetAside(evidence, record.target)) return;
  // A message whose next try finds that the registry has changed its word leaves what it wrote before to the sweep.
  if (isLeftToSweep(evidence, record, dropped)) return;
  if (!hasEnded(record)) return fail("I8", `${id}/${record.sequence} waits for a message that nobody has`);
  const untold = record.notify.filter((notifier) => !told.has(`${id}|${notifier}`));
  if (untold.length > 0) fail("I10", `nobody is about to tell ${untold.join(" and ")} of ${id}`);
}

/** A message for this save or the one before it, or for the one before the save of a record that remembers this one. */
function mayLeadTo({ records }: Evidence, record: Deployment, body: string): boolean {
  const named = JSON.parse(body) as Partial<Named> & { notifier?: string; look?: string };
  if (named.target !== record.target || named.look !== undefined) return false;
  if (named.notifier !== undefined) return hasEnded(record) && named.generation === record.generation;
  if (named.generation === record.generation) return (named.sequence ?? 0) >= record.sequence - 1;
  const other = records.get(record.target)?.get(named.generation ?? -1);
  return other?.linked?.includes(record.generation) === true && named.sequence === other.sequence - 1;
}

function isLeftToSweep(
  { targets, records, late }: Evidence,
  record: Deployment,
  dropped: ReadonlySet<string>,
): boolean {
  if (record.sequence === 1 && late.has(deploymentId(record))) return true;
  // Where one promotion is handed over twice, the copy for its second failure is dropped as that for its first.
  if (record.sequence === 1 && dropped.has(record.promotion.id)) return true;
  const newest = targets.get(record.target)?.wanted?.generation ?? -1;
  if (record.sequence === 1) return newest !== record.generation;
  if (!hasEnded(record) || record.phase !== "Superseded") return false;
  return records.get(record.target)?.get(newest)?.createdAt !== record.endedAt;
}

function wasSetAside({ bus }: Evidence, target: string): boolean {
  const dead = bus.deadLetters().map(({ body }) => body);
  return [...dead, ...bus.poisoned().map(({ body }) => body)].some(
    (body) => body.includes(target) || body.includes("pointer"),
  );
}
