import { type Defect, defect, patch } from "./defect.ts";

const STORE = "shared/adapters/tables/deployment-store.ts";
const CONSUME = "shared/steps/consume.ts";
const REMOVE = "shared/steps/remove-release.ts";
const SWEEP = "shared/domain/sweep.ts";

/** The table, the bus, and the timers that find what was lost. */
export const STATE: readonly Defect[] = [
  defect(
    "target-without-etag",
    "etag",
    "The target's row is written over whatever is there.",
    patch(STORE, "row(TARGET_ROW, record.value, record.etag)", 'row(TARGET_ROW, record.value, record.etag && "*")'),
  ),
  defect(
    "deployment-without-etag",
    "etag",
    "A deployment's row is written over whatever is there.",
    patch(
      STORE,
      "row(deploymentRow(value.generation), value, etag)",
      'row(deploymentRow(value.generation), value, etag && "*")',
    ),
  ),
  defect(
    "build-without-etag",
    "etag",
    "A build's row is written over whatever is there.",
    patch(
      STORE,
      "rowKey: record.key, ...textProperties(record) };\n      return etag === undefined ? table.insert(row) : table.replace(row, etag);",
      'rowKey: record.key, ...textProperties(record) };\n      return etag === undefined ? table.insert(row) : table.replace(row, "*");',
    ),
  ),
  defect(
    "hint-without-etag",
    "deleted-by-etag",
    "A settled hint is deleted whatever has become of it since it was read.",
    patch(
      STORE,
      "table.remove(OPEN, openRow(target, generation), etag)",
      'table.remove(OPEN, openRow(target, generation), etag && "*")',
    ),
  ),
  defect(
    "short-hashes",
    "long-hashes",
    "Names are told apart by 40 bits of their hash.",
    patch("shared/domain/digest.ts", "sha256(name).slice(0, 32)", "sha256(name).slice(0, 10)"),
  ),
  defect(
    "own-replay-is-error",
    "conflict-is-read-again",
    "A write that was made before counts as an error of the table.",
    patch(
      "shared/adapters/tables/classify.ts",
      'error.statusCode === 412 || (error.statusCode === 409 && tableErrorCode(error) === "EntityAlreadyExists")',
      "error.statusCode === 412",
    ),
  ),
  defect(
    "workers-clock",
    "tables-clock",
    "Time is the worker's own, not the table's.",
    patch(
      STORE,
      "const clock = createTableClock(local.now);",
      "const clock = { ...createTableClock(local.now), now: local.now };",
    ),
  ),
  defect(
    "newer-rows-read",
    "I9",
    "Rows of a newer Belay are read and written as if they were this one's.",
    patch("shared/adapters/tables/rows.ts", "schema > SCHEMA)", "schema > SCHEMA + 1)"),
  ),
  defect(
    "completed-early",
    "late-acknowledgement",
    "A message whose handler failed is completed, and nobody tries it again.",
    patch(
      CONSUME,
      "      await tryLater(dependencies, queue, envelope.data, messageId, error);",
      '      dependencies.log("warn", "step.rescheduled", { queue, messageId, reason: String(error) });',
    ),
  ),
  defect(
    "refused-is-dropped",
    "poison-with-reason",
    "A message that can never be handled is completed, and lies nowhere.",
    patch(
      CONSUME,
      '  await bus.send([{ queue: "poison", id: `${shortened(messageId)}/poison`, body: poison }]);\n',
      '  log("debug", "message.dropped", { id: `${shortened(messageId)}/poison`, size: JSON.stringify(poison).length });\n' +
        "  void bus;\n",
    ),
  ),
  defect(
    "poison-without-reason",
    "poison-with-reason",
    "What is set aside does not say why.",
    patch(CONSUME, "const poison = { queue, messageId, reason, body };", "const poison = { queue, messageId, body };"),
  ),
  defect(
    "copy-under-same-id",
    "I8",
    "A scheduled copy has its original's id, and is dropped as its duplicate.",
    patch(
      CONSUME,
      'return `${shortened(messageId.replace(/\\/retry-\\d+$/, ""))}/retry-${attempt}`;',
      "return shortened(messageId);",
    ),
  ),
  defect(
    "copies-without-attempt",
    "I8",
    "All scheduled copies of a message have one id, and the second is dropped.",
    patch(CONSUME, "}/retry-${attempt}`;", "}/retry-`;"),
  ),
  defect(
    "webhook-answered-early",
    "late-acknowledgement",
    "A delivery is answered with 202 before the bus has its promotion.",
    patch(
      "shared/composition.ts",
      'await (await bus()).send([{ queue: "promotions", id: promotion.id, body: promotion }], signal);',
      'const sending = (await bus()).send([{ queue: "promotions", id: promotion.id, body: promotion }], signal);\n' +
        "    sending.catch(() => undefined);",
    ),
  ),
  defect(
    "no-hint-for-sweep",
    "sweep",
    "An accepted deployment is not among the open ones, so that no sweep finds it.",
    patch(
      "shared/steps/accept-promotion.ts",
      "      await store.hintOpen(policy.target, decision.accepted.generation, now);\n",
      "",
    ),
  ),
  defect(
    "swept-id-reused",
    "fresh-sweep-ids",
    "Every sweep sends under the same id, and the second is dropped as a duplicate of the first.",
    patch(SWEEP, "/sweep-${times}`;", "/sweep`;"),
  ),
  defect(
    "hint-removed-before-accept",
    "sweep",
    "A sweep ends the hint of a deployment whose accept is still under way.",
    patch(
      SWEEP,
      "if (deployment === undefined) return sweepUnaccepted(seen, now);",
      'if (deployment === undefined) return { kind: "remove", untold: [] };',
    ),
  ),
  defect(
    "waiting-not-swept",
    "sweep",
    "A waiting deployment is left to the ending of the one before, also when that has ended.",
    patch(SWEEP, 'deployment.phase === "Waiting" && isUnderWay(seen)', 'deployment.phase === "Waiting"'),
  ),
  defect(
    "stable-not-kept",
    "I4",
    "Retention removes the bundle and the image of the stable release.",
    patch(
      REMOVE,
      "return stable === undefined ? former.slice(0, count) : [stable, ...former].slice(0, count);",
      "return former.slice(0, count);",
    ),
  ),
  defect(
    "unlocked-and-removed",
    "I4",
    "A former image is unlocked and removed, without a look whether it has become stable again meanwhile.",
    patch(
      REMOVE,
      "  if (await isNeeded(dependencies, name, image)) await images.lock(repository, digest, signal);\n" +
        "  else await images.remove(repository, digest, signal);\n",
      "  await images.remove(repository, digest, signal);\n",
    ),
  ),
  defect(
    "glance-hides-errors",
    "I1",
    "An ending of kind errored is not tried again, because the list of models agrees.",
    patch(
      "shared/steps/listed-pointer.ts",
      'return !hasEnded(record) || record.phase === "Succeeded";',
      "return true;",
    ),
  ),
  defect(
    "failed-asked-again",
    "I1",
    "The reconciler asks again for a version that is bad.",
    patch(
      "shared/domain/reconcile.ts",
      'return kind === "errored" || MENDED[code]?.(target, found) === true;',
      'return kind === "errored" || MENDED[code]?.(target, found) !== false;',
    ),
  ),
];
