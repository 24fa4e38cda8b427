import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { canonicalJson } from "../domain/digest.ts";
import type { Retention, TargetPolicy } from "../domain/policy.ts";
import type { ConfigurationProblem } from "./configuration-error.ts";
import { type DocumentPath, type PolicyDocument, readDocument, unreadable, valueAt } from "./policy-document.ts";
import { findCredentials, toProblems } from "./policy-problems.ts";
import { retentionSection } from "./policy-retention-schema.ts";
import { type Fault, findFaults } from "./policy-rules.ts";
import { policyFile, sections, targetEntry } from "./policy-schema.ts";
import { findUnset, type PolicySettings } from "./policy-settings.ts";
import { toRetention } from "./to-retention.ts";
import { toTargetPolicy } from "./to-target-policy.ts";

/** What is delivered where. */
export interface DeliveryPolicy {
  /** Absolute; what `template` and `manifests` of a target are relative to. */
  folder: string;
  targets: readonly TargetPolicy[];
  /** For all targets. */
  retention: Retention;
}

/** The file as a document; one that cannot be read is a document with a problem. */
export function openPolicy(root: string, file: string): PolicyDocument {
  try {
    return readDocument(file, readFileSync(resolve(root, file), "utf8"));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    return unreadable(file, `a file that cannot be read (${code})`, "a readable file");
  }
}

/** Everything that is wrong with a policy; without settings only what does not depend on them. Never throws. */
export function checkPolicy(document: PolicyDocument, settings: PolicySettings | undefined) {
  const retention = readableRetention(document);
  if (document.problems.length > 0) return { targets: [], retention, problems: document.problems };
  const whole = policyFile.safeParse(document.value);
  const found = whole.success ? [] : toProblems(policyFile, whole.error.issues, document);
  const targets = readableTargets(document, settings);
  const problems = [
    ...found,
    ...findCredentials(document),
    ...targets.flatMap((policy) => toTargetProblems(policy, settings, document)),
    ...findTwins(targets, document),
  ];
  return { targets, retention, problems };
}

/** One that cannot be read is the field's: its problem is told by the whole. */
function readableRetention({ value }: PolicyDocument): Retention {
  return toRetention(retentionSection.safeParse(valueAt(value, ["retention"])).data ?? {});
}

/** Targets that can be read by themselves, so that one bad entry hides no problem of another. */
function readableTargets(document: PolicyDocument, settings: PolicySettings | undefined): readonly TargetPolicy[] {
  const defaults = sections.safeParse(valueAt(document.value, ["defaults"]) ?? {});
  const entries = valueAt(document.value, ["targets"]);
  if (!defaults.success || typeof entries !== "object" || entries === null) return [];
  return Object.entries(entries).flatMap(([name, entry]) => {
    const read = targetEntry.safeParse(entry);
    return read.success ? [toTargetPolicy(name, read.data, defaults.data, settings?.clusters ?? {})] : [];
  });
}

function toTargetProblems(
  policy: TargetPolicy,
  settings: PolicySettings | undefined,
  document: PolicyDocument,
): readonly ConfigurationProblem[] {
  const faults = [...findFaults(policy), ...(settings === undefined ? [] : findUnset(policy, settings))];
  return faults.map(({ path, ...fault }: Fault) => ({
    where: document.where(placeOf(policy, path, document)),
    ...fault,
  }));
}

/** The target's own entry, or that of the defaults where only these have one. */
function placeOf({ target }: TargetPolicy, path: readonly string[], { value }: PolicyDocument): DocumentPath {
  const own = ["targets", target, ...path];
  const inherited = ["defaults", ...path];
  return valueAt(value, own) === undefined && valueAt(value, inherited) !== undefined ? inherited : own;
}

function findTwins(targets: readonly TargetPolicy[], document: PolicyDocument): readonly ConfigurationProblem[] {
  const first = new Map<string, string>();
  return targets.flatMap(({ target, cluster, namespace, workload }) => {
    const place = canonicalJson([cluster, namespace, workload]);
    const twin = first.get(place);
    first.set(place, twin ?? target);
    if (twin === undefined) return [];
    return {
      where: document.where(["targets", target]),
      found: `the cluster, namespace and workload of target ${twin}`,
      allowed: "a place of its own for every target",
      remedy: "Give it another workload, namespace or cluster.",
    };
  });
}
