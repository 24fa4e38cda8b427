/** Defects of the zoo that the simulator does not find, and why; the tests that do are named where there are any. */
export const BEYOND: Readonly<Record<string, string>> = {
  "create-only-skipped":
    "it lies in the Kubernetes adapter, which the simulated cluster replaces: test/contracts/cluster",
  "fields-forced": "it lies in the Kubernetes adapter, which the simulated cluster replaces: test/contracts/cluster",
  "short-hashes": "the few names of a history never collide: test/domain/digest",
  "formerly-not-checked":
    "whoever else writes a token owns the field, and server-side apply refuses; only a second Belay would not be refused, and there is none here: test/domain/fence",
  "candidates-workload-left":
    "harmless: a release has one workload, and a rollout to another place than the stable release's is refused before it begins",
  "fenced-is-foreign":
    "harmless: the later visit has saved before it changed the cluster, so this visit's save meets another ETag and is decided again",
  "started-not-linked":
    "harmless: whoever waits has a message of its own, which is one behind after the start and sends what is owed",
  "waiting-not-swept":
    "harmless: the ending that is waited for always starts the waiting one in its transaction, and the sweep finds that ending's own message",
};
