import { type Defect, defect, patch } from "./defect.ts";

const NOTIFY = "shared/steps/notify.ts";
const OWED = "shared/domain/owed.ts";

/** Who is told of an ending, how often, and of what. */
export const TELLING: readonly Defect[] = [
  defect(
    "one-notification-id",
    "id-per-notifier",
    "The notifications of an ending have one id, and all but the first are dropped as duplicates.",
    patch(OWED, "id: `${id}/${notifier}`", "id: `${id}/notify`"),
  ),
  defect(
    "first-notifier-only",
    "I10",
    "Only the first notifier is told.",
    patch(OWED, "deployment.notify.map(", "deployment.notify.slice(0, 1).map("),
  ),
  defect(
    "told-once",
    "I10",
    "A notifier that does not answer is not told again.",
    patch(
      NOTIFY,
      "    await notifiers[name].notify(notification, clock.timeout(VISIT_MS));",
      "    await notifiers[name].notify(notification, clock.timeout(VISIT_MS)).catch(() => undefined);",
    ),
  ),
  defect(
    "dead-notifier-blocks",
    "I10",
    "The notifiers are told in turn, and one that is dead keeps the others from being told.",
    patch(
      NOTIFY,
      "    await tell(notifier, describeEnding(read.value));",
      "    for (const name of read.value.notify) await tell(name, describeEnding(read.value));",
    ),
  ),
  defect(
    "told-under-fresh-id",
    "I10",
    "Every message tells under an id of its own, so that nobody can tell a repeat.",
    patch(
      NOTIFY,
      "    await tell(notifier, describeEnding(read.value));",
      "    const ending = describeEnding(read.value);\n" +
        "    await tell(notifier, { ...ending, id: `${ending.id}/${clock.now()}` });",
    ),
  ),
  defect(
    "serving-after-failed-rollback",
    "I10",
    "An ending whose way back failed says that the stable release serves.",
    patch(
      "shared/domain/ending.ts",
      'target.stable === undefined || phase === "RollbackFailed" ?',
      "target.stable === undefined ?",
    ),
  ),
  defect(
    "superseded-not-told",
    "owed-by-all",
    "Nobody is told of a superseded deployment.",
    patch(
      OWED,
      "  if (hasEnded(deployment)) {\n",
      '  if (deployment.phase === "Superseded") return [];\n  if (hasEnded(deployment)) {\n',
    ),
  ),
];
