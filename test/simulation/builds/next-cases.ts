import { type Entries, loadBuild, type Modules } from "./load-build.ts";
import { NEXT } from "./next-schema.ts";
import { PRESENT } from "./patches.ts";
import { createStage, type Player, type Stage } from "./stage.ts";

const ENTRIES: Entries<Pick<Modules, "consumers" | "store">> = {
  consumers: "shared/steps/consumers.ts",
  store: "shared/adapters/tables/deployment-store.ts",
};

/** A deployment as its row holds it, the row's schema beside it. */
interface StoredDeployment {
  row: unknown;
  phase: string;
  model: { version: string };
  note?: string;
  step?: string;
}

function deployments({ table }: Stage): readonly StoredDeployment[] {
  return table
    .rows()
    .filter(({ rowKey }) => rowKey.startsWith("deployment:"))
    .map((row) => ({ ...JSON.parse(String(row["json0"])), row: row["schema"] }) as StoredDeployment)
    .reverse();
}

/** The steps' messages, by the build that they name. */
function senders({ bus }: Stage): readonly unknown[] {
  const steps = bus.sent().filter(({ queue }) => !["promotions", "poison"].includes(queue));
  return [...new Set(steps.map(({ body }) => (body as { build?: string }).build))];
}

function seen(stage: Stage) {
  return {
    deployments: deployments(stage).map(({ row, phase, model, note }) => ({
      row,
      phase,
      version: model.version,
      note,
    })),
    schemas: [...new Set(stage.table.rows().map((row) => row["schema"]))].sort(),
    senders: senders(stage),
    told: [...new Set(stage.told.map(({ title }) => title))],
    serving: stage.cluster.serving() !== undefined,
    poisoned: stage.bus.poisoned(),
  };
}

async function players(): Promise<{ present: Player; next: Player }> {
  return { present: await loadBuild(PRESENT, ENTRIES), next: await loadBuild(NEXT, ENTRIES) };
}

/** Runs until the newest deployment is in this step. */
function untilIn(stage: Stage, step: string): () => boolean {
  return () => deployments(stage).at(-1)?.step === step;
}

/** Promotes, and promotes the next one while the first is being rolled out. */
async function promoteTwo(stage: Stage, player: Player): Promise<void> {
  const worker = stage.start(player);
  await stage.promote("1");
  await stage.run(() => worker, untilIn(stage, "verify"));
  await stage.promote("2");
  await stage.run(
    () => worker,
    () => deployments(stage).length === 2,
  );
}

export async function wholeStory() {
  const stage = createStage({ "2": "crash" });
  const { next } = await players();
  await promoteTwo(stage, next);
  const between = seen(stage);
  await stage.run(() => stage.start(next));
  return { between, end: seen(stage) };
}

/** The present build begins, and the next one takes over in the middle of it. */
export async function takenOver() {
  const stage = createStage();
  const { present, next } = await players();
  await promoteTwo(stage, present);
  const between = seen(stage);
  const worker = stage.start(next);
  await stage.run(() => worker);
  return { between, end: seen(stage) };
}

/** Both run at once: what each message comes to is left to who gets it. */
export async function mixed() {
  const stage = createStage({ "3": "crash" });
  const { present, next } = await players();
  const workers = [stage.start(present), stage.start(next)] as const;
  for (const version of ["1", "2", "3"]) {
    await stage.promote(version);
    await stage.run((_delivery, turn) => workers[turn % 2 === 0 ? 0 : 1]);
  }
  return seen(stage);
}

/** What the present build makes of a message about a row of the next one. */
export async function leftAlone() {
  const stage = createStage();
  const { present, next } = await players();
  await promoteTwo(stage, next);
  const before = stage.table.rows();
  const sent = stage.bus.sent().length;
  const delivery = stage.next();
  if (delivery === undefined) throw new Error("The next build owes nothing.");
  await stage.start(present)[delivery.queue]?.(delivery.body, delivery.id);
  const reason = stage.logged.find(({ event }) => event === "step.rescheduled")?.fields["reason"];
  const again = stage.bus.sent().slice(sent);
  return {
    untouched: JSON.stringify(before) === JSON.stringify(stage.table.rows()),
    reason,
    again: again.map(({ queue, id, body }) => ({ queue: queue === delivery.queue, id, body })),
  };
}

/** The present build's own story, every message with the field that only the next one sends. */
export async function fieldMore() {
  const stage = createStage();
  const { present } = await players();
  const worker = stage.start(present);
  const reading = Object.fromEntries(
    Object.entries(worker).map(([queue, consume]) => [
      queue,
      (body: unknown, id: string) => consume({ ...(body as object), build: "next" }, id),
    ]),
  );
  await stage.promote("1");
  await stage.run(() => reading);
  return seen(stage);
}
