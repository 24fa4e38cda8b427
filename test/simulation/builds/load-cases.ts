import { z } from "zod";
import { TransientError } from "../../../shared/domain/errors.ts";
import { ENTRIES, type Entries, loadBuild } from "./load-build.ts";
import { type Build, type Patch, PRESENT } from "./patches.ts";

type Owed = typeof import("../../../shared/domain/owed.ts");
const OWED: Entries<{ owed: Owed }> = { owed: "shared/domain/owed.ts" };

const SEPARATOR: Patch = {
  file: "shared/domain/deployment.ts",
  find: "deployment.target}.$",
  replace: "deployment.target}_$",
};

const LATER: Patch = {
  file: "shared/domain/owed.ts",
  find: "/** Every message a record owes",
  replace: 'export const later = () => import("./deployment.ts");\n\n/** Every message a record owes',
};

const record = { phase: "Waiting", target: "churn", generation: 7, sequence: 2, resumeAt: 5 };

/** The id of what a record is owed, which `owed.ts` makes with what it imports. */
async function idIn(build: Build): Promise<string | undefined> {
  const { owed } = await loadBuild(build, OWED);
  return owed.owed(record as Parameters<Owed["owed"]>[0])[0]?.id;
}

export async function sideBySide() {
  return [await idIn(PRESENT), await idIn({ name: "patched", patches: [SEPARATOR] }), await idIn(PRESENT)];
}

export async function loadedLater() {
  const entries: Entries<{ owed: { later(): Promise<typeof import("../../../shared/domain/deployment.ts")> } }> = OWED;
  const { owed } = await loadBuild({ name: "later", patches: [SEPARATOR, LATER] }, entries);
  return (await owed.later()).deploymentId(record);
}

export async function loadedTwice() {
  const patched: Build = { name: "patched", patches: [SEPARATOR] };
  const [first, again] = [await loadBuild(patched, OWED), await loadBuild(structuredClone(patched), OWED)];
  const present = await loadBuild(PRESENT, OWED);
  return { again: first.owed === again.owed, present: first.owed === present.owed };
}

/** Whether both builds know the error that a fake throws, and a schema of the one package. */
export async function sharedByAll() {
  const entries: Entries<{
    outcome: typeof import("../../../shared/steps/outcome-of-error.ts");
    messages: typeof import("../../../shared/steps/messages.ts");
    errors: typeof import("../../../shared/domain/errors.ts");
  }> = {
    outcome: "shared/steps/outcome-of-error.ts",
    messages: "shared/steps/messages.ts",
    errors: "shared/domain/errors.ts",
  };
  const builds = [PRESENT, { name: "patched", patches: [SEPARATOR] }];
  return Promise.all(
    builds.map(async (build) => {
      const { outcome, messages, errors } = await loadBuild(build, entries);
      return {
        problem: outcome.outcomeOfError(new TransientError("unreachable", "down")),
        error: errors.TransientError === TransientError,
        schema: messages.stepMessage instanceof z.ZodType,
      };
    }),
  );
}

export async function everyEntry() {
  const modules = await loadBuild(PRESENT, ENTRIES);
  return Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, Object.keys(module)]));
}

/** What is said of builds that cannot be loaded, in this order. */
export async function refused(builds: readonly Build[]) {
  const said: string[] = [];
  for (const build of builds)
    await loadBuild(build, OWED).then(
      () => said.push("loaded"),
      (error: Error) => said.push(error.message),
    );
  return said;
}
