import { type Defect, defect, patch } from "./defect.ts";

const ADVANCE = "shared/domain/advance.ts";
const ENDING = "shared/domain/ending.ts";
const GUARD = "shared/domain/guard.ts";
const RUN_STEP = "shared/steps/run-step.ts";

const SEND_OWED =
  "  await sendOwed(dependencies, next, transition.started === undefined ? [] : [transition.started]);\n";

/** The runner, its guard, and what follows a visit. */
export const RUNNING: readonly Defect[] = [
  defect(
    "sequence-guard-skipped",
    "sequence-guard",
    "A message of whatever save is visited as long as the deployment runs.",
    patch(GUARD, '  if (sequence === deployment.sequence - 1) return { kind: "owed" };\n', ""),
    patch(GUARD, "sequence !== deployment.sequence || hasEnded(deployment)", "hasEnded(deployment)"),
  ),
  defect(
    "owed-not-sent-again",
    "I8",
    "A message that is one behind sends nothing, so that what a crash kept from being sent is lost.",
    patch(
      GUARD,
      'if (sequence === deployment.sequence - 1) return { kind: "owed" };',
      'if (sequence === deployment.sequence - 1) return { kind: "stale" };',
    ),
  ),
  defect(
    "ended-visited-again",
    "I3",
    "An ended record keeps its step, and a message that comes again visits it.",
    patch(
      GUARD,
      "if (sequence === deployment.sequence - 1)",
      "if (sequence === deployment.sequence - 1 && !hasEnded(deployment))",
    ),
    patch(
      GUARD,
      "if (sequence !== deployment.sequence || hasEnded(deployment))",
      "if (sequence < deployment.sequence - 1)",
    ),
    patch(
      ENDING,
      "    ...baseOf(deployment),\n    sequence: deployment.sequence + 1,\n    phase,\n",
      "    ...deployment,\n    sequence: deployment.sequence + 1,\n    phase,\n",
    ),
    patch(
      GUARD,
      "return { kind: deployment.resumeAt - now > EARLY_MS",
      "const running = deployment as Running;\n  return { kind: running.resumeAt - now > EARLY_MS",
    ),
    patch(GUARD, "running: deployment };", "running };"),
  ),
  defect(
    "early-visited",
    "too-early",
    "A message that comes before its time is visited at once.",
    patch(GUARD, 'deployment.resumeAt - now > EARLY_MS ? "early" : "visit"', '"visit"'),
  ),
  defect(
    "early-under-same-id",
    "too-early",
    "A message that came too early is scheduled again under its own id, and dropped as its duplicate.",
    patch(RUN_STEP, ".map((message) => ({ ...message, id: `${message.id}/${why}-${now}` }))", ""),
  ),
  defect(
    "message-before-state",
    "I8",
    "The next message is sent before the record is saved.",
    patch(
      RUN_STEP,
      "  const saved = await store.save({\n    target: running.target,",
      `${SEND_OWED}  const saved = await store.save({\n    target: running.target,`,
    ),
    patch(
      RUN_STEP,
      `  if (hasEnded(next)) log("info", "deployment.ended", endedFields(next));\n${SEND_OWED}`,
      '  if (hasEnded(next)) log("info", "deployment.ended", endedFields(next));\n',
    ),
  ),
  defect(
    "conflict-is-success",
    "conflict-is-read-again",
    "A lost race of a visit counts as saved, and its messages are sent.",
    patch(
      RUN_STEP,
      '  if (saved === "conflict") return false;\n  log("info", "step.visited", { ...history });',
      '  log("info", "step.visited", { ...history });',
    ),
  ),
  defect(
    "history-not-written",
    "I3",
    "Visits leave no entry in the history.",
    patch(RUN_STEP, "visits: [history, ...started.visits],", "visits: started.visits,"),
  ),
  defect(
    "fenced-is-foreign",
    "I5",
    "A visit that a later one of Belay's own held off counts as somebody else's change.",
    patch(
      "shared/steps/run-handler.ts",
      '    if (error instanceof FencedError && (await movedOn(store, message))) return "stale";\n',
      "",
    ),
  ),
  defect(
    "only-own-owed",
    "owed-by-all",
    "A transaction sends only what its first record is owed, not what the started and the superseded ones are.",
    patch("shared/steps/send-owed.ts", "[deployment, ...others].flatMap(owed)", "owed(deployment)"),
  ),
  defect(
    "started-not-linked",
    "owed-by-all",
    "An ending forgets whom it started, so that after a crash nobody sends the started one's message.",
    patch(
      ADVANCE,
      "deployment: { ...ended, linked: [...(ended.linked ?? []), waiting.generation] },",
      "deployment: ended,",
    ),
  ),
  defect(
    "links-lost-by-saving",
    "owed-by-all",
    "The next save of a record forgets whom it replaced.",
    patch(ENDING, "createdAt, work, linked }", "createdAt, work }"),
    patch(ENDING, "    ...(linked === undefined ? {} : { linked }),\n", ""),
  ),
  defect(
    "waiting-left-by-ending",
    "I1",
    "An ending does not start the one that waits for it.",
    patch(RUN_STEP, "advance(running, target.value, waiting?.value,", "advance(running, target.value, undefined,"),
  ),
  defect(
    "waiting-never-starts",
    "none-without-owner",
    "An ending does not start the one that waits for it, and neither do its own looks.",
    patch(RUN_STEP, "advance(running, target.value, waiting?.value,", "advance(running, target.value, undefined,"),
    patch(
      RUN_STEP,
      "return startIfFree(dependencies, loaded, found.waiting);",
      'return stale(dependencies.log, message, "it waits");',
    ),
  ),
  defect(
    "waiting-owes-nothing",
    "none-without-owner",
    "Whoever waits is owed no message: only another one's ending would start it.",
    patch(
      "shared/domain/owed.ts",
      '  const queue = deployment.phase === "Waiting" ? "validate" : deployment.step;\n',
      '  if (deployment.phase === "Waiting") return [];\n  const queue = deployment.step;\n',
    ),
  ),
  defect(
    "gap-not-granted",
    "gap-bounded",
    "Time in which nobody visited counts against the step.",
    patch(ADVANCE, "deadline: deployment.deadline + gap,", "deadline: deployment.deadline,"),
  ),
  defect(
    "gap-unbounded",
    "gap-bounded",
    "Gaps extend a step's time without a bound.",
    patch(
      ADVANCE,
      "return Math.min(late > GAP_MS ? late : 0, MAX_EXTENSION_MS - deployment.extended);",
      "return late > GAP_MS ? late : 0;",
    ),
  ),
  defect(
    "errors-not-counted",
    "I8",
    "Transient errors are never counted.",
    patch(ADVANCE, "const errors = transientErrors + 1;", "const errors = 1;"),
  ),
  defect(
    "poll-without-deadline",
    "deadline",
    "A step that is not finished is looked at for ever.",
    patch(
      ADVANCE,
      "      if (now >= deployment.deadline)\n" +
        "        return {\n" +
        '          kind: "failure",\n' +
        '          problem: errored("timed-out", `The step ${deployment.step} ran out of time. Last seen: ${outcome.found}`),\n' +
        "        };\n",
      "",
    ),
  ),
  defect(
    "deadline-ignored-by-errors",
    "deadline",
    "A step whose time is over goes on as long as it bears errors.",
    patch(ADVANCE, ".errorsBorne || now >= deployment.deadline)", ".errorsBorne)"),
  ),
  defect(
    "look-after-deadline",
    "deadline",
    "The look that finds the time run out comes as late as the outside asked for.",
    patch(
      ADVANCE,
      "Math.max(now, Math.min(now + verdict.afterSeconds * 1000, deployment.deadline))",
      "now + verdict.afterSeconds * 1000",
    ),
  ),
  defect(
    "failed-is-errored",
    "I8",
    "What failed is tried again for ever, as if Belay could not find out.",
    patch(
      ADVANCE,
      '    case "failed":\n      return { kind: "failure", problem: outcome.problem };',
      '    case "failed":\n      return { kind: "again", afterSeconds: FIRST_RETRY_SECONDS, transientErrors };',
    ),
  ),
  defect(
    "errored-is-failed",
    "I6",
    "A version of which Belay could not find out is quarantined as if it were bad.",
    patch(ENDING, 'problem.kind === "failed" && !NOT_THE_MODEL', "!NOT_THE_MODEL"),
  ),
  defect(
    "stable-before-verified",
    "I4",
    "A release becomes stable when its rollout is done, before it is verified.",
    patch(
      ADVANCE,
      "  // The save that enters rollout is the first change",
      '  if (step === "verify" && next.work.release !== undefined) {\n' +
        "    const { id, image } = next.work.release;\n" +
        "    const { generation, policyId } = next;\n" +
        "    const stable = { releaseId: id, image, model: identityOf(next.model), generation, policyId };\n" +
        "    return { deployment: next, target: { ...target, stable } };\n" +
        "  }\n" +
        "  // The save that enters rollout is the first change",
    ),
  ),
  defect(
    "changer-not-saved",
    "I5",
    "The target does not remember whose tokens stand on the cluster.",
    patch(
      ADVANCE,
      "return begins ? { deployment: next, target: changing(target, next.generation) } : { deployment: next };",
      "return begins ? { deployment: next, target } : { deployment: next };",
    ),
  ),
  defect(
    "stopped-after-change",
    "I14",
    "A person's stop ends a deployment that has changed the cluster, and leaves the candidate there.",
    patch(
      ADVANCE,
      'if (!hasBegun(deployment)) return end(deployment, target, waiting, "Rejected", problem',
      'return end(deployment, target, waiting, "Rejected", problem',
    ),
  ),
  defect(
    "no-hold-after-failed-rollback",
    "I5",
    "A target whose way back failed takes the next promotion without a person's word.",
    patch(ENDING, '!hold && ended.phase !== "RollbackFailed" &&', "!hold &&"),
  ),
];
