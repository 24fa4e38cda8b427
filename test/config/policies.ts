import { readDocument } from "../../shared/config/policy-document.ts";
import type { PolicySettings } from "../../shared/config/policy-settings.ts";
import { checkPolicy } from "../../shared/config/read-policy.ts";

export const SETTINGS: PolicySettings = {
  clusters: { resourceGroup: "rg-models", aksName: "aks-models" },
  notifiers: ["log"],
};

/** A target that needs nothing more. */
export const CHURN = `
    model: churn-classifier
    pointer: { alias: champion }`;

/** Checks a policy with one target, `churn`, of these entries beside model and pointer. */
export function checkTarget(entries: string, settings: PolicySettings | undefined = SETTINGS) {
  const lines = entries.split("\n").map((line) => `    ${line}`);
  return check(`version: 1\ntargets:\n  churn:${CHURN}\n${lines.join("\n")}\n`, settings);
}

export function check(text: string, settings: PolicySettings | undefined = SETTINGS) {
  return checkPolicy(readDocument("delivery.yaml", text), settings);
}
