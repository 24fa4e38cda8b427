import { type Defect, defect, patch } from "./defect.ts";

const ADAPTER = "shared/adapters/kubernetes/apply.ts";
const APPLY = "shared/steps/apply-release.ts";
const FENCE = "shared/domain/fence.ts";
const PRUNE = "shared/steps/prune.ts";
const ROLLBACK = "shared/steps/rollback.ts";
const ROLLOUT = "shared/steps/rollout.ts";
const STATUS = "shared/domain/rollout-status.ts";
const VERIFICATION = "shared/domain/verification.ts";

const PUT_BACK =
  "  await applyChange(cluster, { releaseId: stable.id, hashed, fixed: [...fixed, ...inert], token, formerly }, signal);\n";

/** The fence, rolling out, proving, going back, pruning. */
export const CLUSTER: readonly Defect[] = [
  defect(
    "workload-fenced-only",
    "token-on-all",
    "Only the workload's token is checked; the Service is changed whatever it carries.",
    patch(
      APPLY,
      "  switch (fence(seen.token",
      '  if (object.kind !== "Deployment") return;\n  switch (fence(seen.token',
    ),
  ),
  defect(
    "tokens-without-sequence",
    "frozen-rollout",
    "Tokens are compared by generation alone, so that a frozen rollout changes what its own rollback put back.",
    patch(
      "shared/domain/token.ts",
      "a.generation - b.generation || a.sequence - b.sequence",
      "a.generation - b.generation",
    ),
  ),
  defect(
    "newer-token-ignored",
    "I5",
    "A newer token holds nobody off.",
    patch(
      FENCE,
      'if (compareTokens(seen, own) > 0) return "newer";',
      'if (compareTokens(seen, own) > 0) return "open";',
    ),
  ),
  defect(
    "formerly-not-checked",
    "I5",
    "Any older token is let through, whoever wrote it.",
    patch(FENCE, 'return expected ? "open" : "foreign";', 'return "open";'),
  ),
  defect(
    "unstamped-is-ours",
    "I5",
    "An object without a token counts as Belay's own.",
    patch(FENCE, 'if (seen === undefined) return "foreign";', 'if (seen === undefined) return "open";'),
  ),
  defect(
    "create-only-skipped",
    "create-only",
    "What was absent is applied without a resourceVersion, over whatever is there by now.",
    patch(ADAPTER, "? { resourceVersion: CREATE_ONLY }", "? {}"),
  ),
  defect(
    "absent-read-again",
    "create-only",
    "What was absent is read again just before it is applied, and its token is not looked at.",
    patch(
      APPLY,
      "cluster.apply(stamped(object, change), seen, signal)",
      "cluster.apply(stamped(object, change), seen ?? (await cluster.read(object, signal)), signal)",
    ),
  ),
  defect(
    "conflict-forced",
    "I5",
    "After a conflict the object is applied over what is there, without a look at its token.",
    patch(APPLY, "    if (seen !== undefined) checkFence(object, seen, change);\n", ""),
  ),
  defect(
    "fields-forced",
    "never-forced",
    "Fields that belong to somebody else are taken by force.",
    patch(ADAPTER, "&fieldValidation=Strict", "&fieldValidation=Strict&force=true"),
  ),
  defect(
    "others-target-taken",
    "I5",
    "An object of another target is changed when it has the same name.",
    patch(
      APPLY,
      "if (seen.labels[LABELS.target] !== object.metadata.labels?.[LABELS.target])",
      "if (seen.labels[LABELS.target] === undefined)",
    ),
  ),
  defect(
    "begun-not-saved",
    "I2",
    "The rollout changes the cluster in the visit that only announces it.",
    patch(
      ROLLOUT,
      "  await checkFences(cluster, { fixed: release.fixed, token, formerly }, signal);\n",
      "  const { id, hashed, fixed } = release;\n" +
        "  await applyChange(cluster, { releaseId: id, hashed, fixed, token, formerly }, signal);\n",
    ),
  ),
  defect(
    "pruned-before-ready",
    "saved-before-retiring",
    "What the stable release alone has is removed as soon as the candidate is applied, while old pods use it.",
    patch(ROLLOUT, "import { describeRelease, type Release }", "import { describeRelease, objectKey, type Release }"),
    patch(
      ROLLOUT,
      "  await applyChange(cluster, { releaseId: release.id, hashed, fixed, token, formerly: work.formerly }, signal);\n",
      "  await applyChange(cluster, { releaseId: release.id, hashed, fixed, token, formerly: work.formerly }, signal);\n" +
        "  const kept = new Set([...hashed, ...fixed].map(objectKey));\n" +
        "  for (const owned of await cluster.listOwned(deployment.target, signal))\n" +
        "    if (!kept.has(objectKey(owned.reference))) await cluster.remove(owned, signal);\n",
    ),
    patch(ROLLOUT, "  { token, signal }: Visiting,\n", "  { deployment, token, signal }: Visiting,\n"),
  ),
  defect(
    "release-without-replicas",
    "replicas-handed-over",
    "A release leaves the replicas out, and a server that saw them before resets them to one.",
    patch("shared/domain/render/workload.ts", "        replicas,\n", ""),
  ),
  defect(
    "rollback-without-replicas",
    "replicas-handed-over",
    "Going back leaves the replicas out.",
    patch(
      ROLLBACK,
      PUT_BACK,
      "  const unsized = fixed.map((object) => {\n" +
        "    if (!isWorkload(object)) return object;\n" +
        '    return { ...object, spec: { ...(object["spec"] as object), replicas: undefined } };\n' +
        "  });\n" +
        PUT_BACK.replace("...fixed,", "...unsized,"),
    ),
  ),
  defect(
    "rollback-to-previous",
    "stable-not-previous",
    "The way back leads to the release before, not to the stable one.",
    patch(
      ROLLBACK,
      "    const stable = await readRelease(store, deployment.target, target.stable.releaseId);\n",
      "    const before = deployment.work.rollout?.formerly?.last ?? target.stable.generation;\n" +
        "    const previous = (await store.readDeployment(deployment.target, before))?.value.work.release?.id;\n" +
        "    const stable = await readRelease(store, deployment.target, previous ?? target.stable.releaseId);\n",
    ),
  ),
  defect(
    "rollback-of-workload-only",
    "I4",
    "Going back applies the workload alone; the Service and the configuration stay the candidate's.",
    patch(ROLLBACK, "fixed: [...fixed, ...inert]", "fixed: [...fixed.filter(isWorkload), ...inert]"),
  ),
  defect(
    "unchanged-not-stamped",
    "rollback-stamps",
    "Going back leaves alone what is the same in both releases, and it keeps the candidate's token.",
    patch(
      ROLLBACK,
      PUT_BACK,
      `  const same = new Set(candidate?.fixed.map((object) => JSON.stringify(object)));\n${PUT_BACK.replace(
        "...fixed,",
        "...fixed.filter((object) => !same.has(JSON.stringify(object))),",
      )}`,
    ),
  ),
  defect(
    "absent-left-absent",
    "rollback-stamps",
    "A first release that failed is scaled to zero where it is there; what a frozen visit has yet to create is not.",
    patch(
      ROLLBACK,
      "  await applyChange(cluster, { releaseId: candidate.id, hashed: candidate.hashed, fixed, token, formerly }, signal);\n",
      "  const there: KubernetesObject[] = [];\n" +
        "  for (const object of fixed) if ((await cluster.read(object, signal)) !== undefined) there.push(object);\n" +
        "  const { id: releaseId, hashed } = candidate;\n" +
        "  await applyChange(cluster, { releaseId, hashed, fixed: there, token, formerly }, signal);\n",
    ),
  ),
  defect(
    "candidates-workload-left",
    "rollback-stamps",
    "A workload that only the candidate has is left as it is.",
    patch(ROLLBACK, "fixed: [...fixed, ...inert]", "fixed: inert.length > 0 ? fixed : [...fixed]"),
  ),
  defect(
    "retired-by-verify",
    "retiring-never-back",
    "The last check removes what the former release alone has, and what it cannot remove turns the new one back.",
    patch(
      "shared/steps/verify.ts",
      "import { PermanentError }",
      'import { objectKey } from "../domain/release.ts";\nimport { PermanentError }',
    ),
    patch(
      "shared/steps/verify.ts",
      '      case "proven":\n',
      '      case "proven": {\n' +
        "        const { cluster } = await openCluster(policy);\n" +
        "        const kept = new Set([...release.hashed, ...release.fixed].map(objectKey));\n" +
        "        for (const owned of await cluster.listOwned(deployment.target, signal))\n" +
        "          if (!kept.has(objectKey(owned.reference))) await cluster.remove(owned, signal);\n",
    ),
    patch(
      "shared/steps/verify.ts",
      "        return startBaking(look, visiting) ?? { ...(await keep(images, release.image, look.found, signal)), work };\n",
      "        return startBaking(look, visiting) ?? { ...(await keep(images, release.image, look.found, signal)), work };\n      }\n",
    ),
  ),
  defect(
    "rollback-not-verified",
    "I4",
    "A way back has succeeded when its pods are there, before they are verified.",
    patch(
      ROLLBACK,
      '      return {\n        result: "running",\n        resumeAfterSeconds: 0,\n        found: look.found,',
      '      return {\n        result: "succeeded",\n        found: look.found,',
    ),
  ),
  defect(
    "stable-by-candidates-policy",
    "I4",
    "The stable release is verified by the candidate's policy.",
    patch(
      ROLLBACK,
      "prove(access, { ...visiting, policy: provenBy }, stable, known)",
      "prove(access, visiting, stable, known)",
    ),
  ),
  defect(
    "candidates-configuration-removed",
    "I14",
    "Going back removes the candidate's configuration at once, while its pods use it.",
    patch(
      ROLLBACK,
      PUT_BACK,
      `${PUT_BACK}  const gone = new Set(candidate?.hashed.map(({ metadata }) => metadata.name));\n` +
        "  for (const { metadata } of hashed) gone.delete(metadata.name);\n" +
        "  for (const owned of await cluster.listOwned(deployment.target, signal))\n" +
        "    if (gone.has(owned.reference.metadata.name)) await cluster.remove(owned, signal);\n",
    ),
  ),
  defect(
    "first-failure-turned-round",
    "I14",
    "What the policy says of a first release that failed is read the wrong way round.",
    patch(ROLLBACK, 'policy.firstFailure === "keep" ||', 'policy.firstFailure !== "keep" ||'),
  ),
  defect(
    "looked-then-locked",
    "locked-then-looked",
    "The stable image is looked for and then locked; whoever deletes it in between is not noticed.",
    patch(
      "shared/steps/lock-image.ts",
      "  return (await images.lock(repository, digest, signal)) && (await images.exists(repository, digest, signal));",
      "  if (!(await images.exists(repository, digest, signal))) return false;\n" +
        "  await images.lock(repository, digest, signal);\n" +
        "  return true;",
    ),
  ),
  defect(
    "stable-not-locked",
    "locked-then-looked",
    "The stable image is looked for before the rollout, and never locked.",
    patch(
      "shared/steps/lock-image.ts",
      "(await images.lock(repository, digest, signal)) && (await images.exists(repository, digest, signal))",
      "images.exists(repository, digest, signal)",
    ),
  ),
  defect(
    "observed-generation-ignored",
    "I4",
    "The status of the former change counts as that of this one.",
    patch(STATUS, "workload.generation > workload.observedGeneration", "workload.observedGeneration === 0"),
  ),
  defect(
    "old-pods-ignored",
    "I14",
    "A rollout is done while pods of the former release still serve.",
    patch(
      STATUS,
      "  if (replicas > updatedReplicas)\n" +
        '    return { kind: "waiting", found: `old pods still terminating: ${replicas - updatedReplicas}` };\n',
      "",
    ),
  ),
  defect(
    "health-by-one-success",
    "I4",
    "One success in a row is enough.",
    patch(
      VERIFICATION,
      'tail.length === policy.successes && tail.every(({ phase }) => phase === "Successful")',
      'tail.at(-1)?.phase === "Successful"',
    ),
  ),
  defect(
    "unmeasured-predictions-count",
    "I4",
    "Predictions that could not be made count as right.",
    patch(VERIFICATION, '  if (measurements.some(({ phase }) => phase === "Error")) return "Error";\n', ""),
    patch(VERIFICATION, 'return measurements.length === 0 ? "Inconclusive" : "Successful";', 'return "Successful";'),
  ),
  defect(
    "prune-takes-stable",
    "I14",
    "What the stable release is made of is removed as left over.",
    patch(
      PRUNE,
      "const ids = target.stable === undefined ? [] : [target.stable.releaseId];",
      "const ids: string[] = [];",
    ),
  ),
  defect(
    "prune-under-way",
    "I14",
    "What a deployment under way has just created is removed as left over.",
    patch(PRUNE, "[...ids, ...(candidate === undefined ? [] : [candidate])].map(", "ids.map("),
    patch(PRUNE, "return token !== undefined && token.generation <= generation;", "return token !== undefined;"),
  ),
  defect(
    "prune-unstamped",
    "I14",
    "What others put under the target's label is removed as left over.",
    patch(
      PRUNE,
      "token !== undefined && token.generation <= generation",
      "token === undefined || token.generation <= generation",
    ),
  ),
];
