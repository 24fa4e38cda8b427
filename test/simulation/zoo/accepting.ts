import { type Defect, defect, patch } from "./defect.ts";

const ACCEPT = "shared/domain/accept.ts";
const ADVANCE = "shared/domain/advance.ts";
const ENDING = "shared/domain/ending.ts";
const READ_WISH = "shared/steps/read-wish.ts";
const VISIT = "shared/steps/accept-promotion.ts";

/** What is wanted, who waits, who is refused. */
export const ACCEPTING: readonly Defect[] = [
  defect(
    "runs-is-wanted",
    "wanted-is-a-repeat",
    "A wish for what runs counts as a repeat, although something else is wanted by now.",
    patch(
      ACCEPT,
      "target.wanted === undefined || wanted === undefined || !sameModel(target.wanted.model, asked)",
      "target.stable === undefined || wanted === undefined || !sameModel(target.stable.model, asked)",
    ),
  ),
  defect(
    "registry-before-target",
    "both-reads",
    "The registry is read before the target, so an older answer is committed over a newer one.",
    patch(READ_WISH, "  const found = await registry.resolve(promotion.model, promotion.pointer, signal);\n", ""),
    patch(
      READ_WISH,
      "  const { now, record } = await store.readTarget(policy.target);\n",
      "  const found = await registry.resolve(promotion.model, promotion.pointer, signal);\n" +
        "  const { now, record } = await store.readTarget(policy.target);\n",
    ),
  ),
  defect(
    "registry-assumed",
    "I1",
    "A registry that cannot be read counts as one whose pointer points nowhere.",
    patch(
      READ_WISH,
      "await registry.resolve(promotion.model, promotion.pointer, signal);",
      "await registry.resolve(promotion.model, promotion.pointer, signal).catch(() => undefined);",
    ),
  ),
  defect(
    "accept-conflict-is-success",
    "both-reads",
    "A lost race of an accepted promotion counts as saved, and it is never accepted.",
    patch(VISIT, '  if (saved === "conflict") return false;\n', ""),
  ),
  defect(
    "accepted-not-repeated",
    "repeat-sends-owed",
    "What an accepted promotion owes is not sent again when its message comes again.",
    patch(VISIT, "  await sendOwed({ store, bus }, deployment);\n", ""),
  ),
  defect(
    "generation-from-zero",
    "epoch-generations",
    "Generations count from zero after a lost table, and fall behind the tokens on the cluster.",
    patch(ACCEPT, "return Math.max(generation + 1, Math.floor(now / 1000));", "return generation + 1;"),
  ),
  defect(
    "refusal-not-wanted",
    "refusal-moves-wanted",
    "A refused promotion leaves what is wanted as it was, so that the reconciler asks for ever.",
    patch(
      ACCEPT,
      '    return { kind: "commit", target, deployments: [rejected], accepted: rejected };',
      "    const { wanted: _wanted, ...rest } = target;\n" +
        "    const before = wish.target.wanted === undefined ? rest : { ...rest, wanted: wish.target.wanted };\n" +
        '    return { kind: "commit", target: before, deployments: [rejected], accepted: rejected };',
    ),
  ),
  defect(
    "superseded-while-changing",
    "I2",
    "A newer promotion takes the place of one that has changed the cluster, unless that is on its way back.",
    patch(
      ACCEPT,
      "return target.changing && isOpen(wish.active)\n",
      'return isOpen(wish.active) && wish.active.phase === "Running" && wish.active.step === "rollback"\n',
    ),
  ),
  defect(
    "rollout-leaves-target",
    "first-change-writes-target",
    "The save that enters rollout does not write the target, so that a newer one still takes its place.",
    patch(
      ADVANCE,
      'return step === "rollout" ? { deployment: next, target: { ...target, changing: true } } : { deployment: next };',
      "return { deployment: next };",
    ),
  ),
  defect(
    "oldest-waiting-kept",
    "I6",
    "Of two that wait, the older one is kept.",
    patch(
      ACCEPT,
      "former: Deployment | undefined, now: number): Decision {\n" +
        "  const replaced = isOpen(former) ? [supersede(former, accepted, target, now)] : [];\n" +
        "  const linked = linkTo(accepted, replaced);\n" +
        "  return {\n" +
        '    kind: "commit",\n' +
        "    target: { ...target, waiting: accepted.generation },",
      "former: Deployment | undefined, now: number): Decision {\n" +
        "  if (isOpen(former)) {\n" +
        "    const late = supersede(accepted, former, target, now);\n" +
        '    return { kind: "commit", target, deployments: [late], accepted: late };\n' +
        "  }\n" +
        "  const linked = linkTo(accepted, []);\n" +
        "  const replaced: readonly Deployment[] = [];\n" +
        "  return {\n" +
        '    kind: "commit",\n' +
        "    target: { ...target, waiting: accepted.generation },",
    ),
  ),
  defect(
    "superseded-not-linked",
    "owed-by-all",
    "An accepted record forgets whom it replaced, so that after a crash nobody tells of the superseded one.",
    patch(
      ACCEPT,
      "return replaced.length === 0 ? accepted : { ...accepted, linked: replaced.map(({ generation }) => generation) };",
      "return accepted;",
    ),
  ),
  defect(
    "quarantine-ignored-at-start",
    "refused-at-start",
    "The waiting one starts although its version has failed here since it was asked for.",
    patch(
      ADVANCE,
      "const refused = refusal(target, waiting.model, waiting.promotion.wishedAt);",
      "const refused = refusal({ ...target, quarantine: [] }, waiting.model, waiting.promotion.wishedAt);",
    ),
  ),
  defect(
    "hold-ignored-at-start",
    "refused-at-start",
    "The waiting one starts although the target is held.",
    patch(
      ADVANCE,
      "const refused = refusal(target, waiting.model, waiting.promotion.wishedAt);",
      "const { hold: _hold, ...free } = target;\n" +
        "  const refused = refusal(free, waiting.model, waiting.promotion.wishedAt);",
    ),
  ),
  defect(
    "hold-ignored-at-accept",
    "I6",
    "A held target takes new promotions.",
    patch(
      ACCEPT,
      "  return refusal(target, found, promotion.wishedAt)",
      "  const { hold: _hold, ...free } = target;\n  return refusal(free, found, promotion.wishedAt)",
    ),
  ),
  defect(
    "quarantine-never-lifted",
    "I1",
    "A version that failed once is refused for ever, however often a person asks for it anew.",
    patch(ENDING, "entry === undefined || wishedAt > entry.endedAt", "entry === undefined"),
  ),
  defect(
    "identity-without-creation",
    "I1",
    "A version of a model that was deleted and made anew counts as the former one.",
    patch(
      "shared/domain/model.ts",
      "canonicalJson([model.name, model.version, model.createdAt])",
      "canonicalJson([model.name, model.version])",
    ),
  ),
];
