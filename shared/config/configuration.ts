import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { TargetPolicy } from "../domain/policy.ts";
import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.ts";
import { checkEnvironment, type Environment, toPolicySettings, type Variables } from "./environment.ts";
import { checkLocalSettings } from "./local-settings.ts";
import { checkPolicy, type DeliveryPolicy, openPolicy } from "./read-policy.ts";

/** Everything Belay was told, read once. */
export interface Configuration {
  environment: Environment;
  policy: DeliveryPolicy;
}

/**
 * Reads settings and policy, with every problem of both in one error; `from` is a folder of the app.
 * @throws ConfigurationError
 */
export function readConfiguration(from: string, variables?: Variables): Configuration {
  const root = findRoot(from);
  const { environment, problems, policyFile: file } = checkEnvironment(variables);
  const settings = environment === undefined ? undefined : toPolicySettings(environment);
  const policy = checkPolicy(openPolicy(root, file), settings);
  const folder = dirname(resolve(root, file));
  const missing = policy.targets.flatMap((target) => findMissingFolders(file, folder, target));
  const all = [...checkLocalFile(root), ...problems, ...policy.problems, ...missing];
  if (environment === undefined || all.length > 0) throw new ConfigurationError(all);
  return { environment, policy: { folder, targets: policy.targets, retention: policy.retention } };
}

/** The app's root is where host.json lies: the bundle's own folder, or one above the sources. */
function findRoot(from: string): string {
  return existsSync(join(from, "host.json")) || dirname(from) === from ? from : findRoot(dirname(from));
}

/** The developer's own file, where there is one: it is never deployed, and the tools that read it refuse nothing. */
function checkLocalFile(root: string): readonly ConfigurationProblem[] {
  const file = join(root, "local.settings.json");
  if (!existsSync(file)) return [];
  try {
    checkLocalSettings(JSON.parse(readFileSync(file, "utf8")));
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    const remedy = "Start from local.settings.sample.json.";
    return [{ where: "local.settings.json", found: "a file that is not JSON", allowed: "JSON", remedy }];
  }
}

/** What a target's images and releases are made from must have been deployed with the app. */
function findMissingFolders(
  file: string,
  folder: string,
  { target, build, rollout }: TargetPolicy,
): readonly ConfigurationProblem[] {
  const template = join(resolve(folder, build.template), "Dockerfile");
  const manifests = resolve(folder, rollout.manifests);
  return [
    ...(existsSync(template)
      ? []
      : [missing(`${file} targets.${target}.build.template`, build.template, "a folder with a Dockerfile")]),
    ...(existsSync(manifests)
      ? []
      : [missing(`${file} targets.${target}.rollout.manifests`, rollout.manifests, "a folder with base manifests")]),
  ];
}

function missing(where: string, found: string, allowed: string): ConfigurationProblem {
  return {
    where,
    found: `${found}, where there is none`,
    allowed,
    remedy: "Name a folder beside the policy, and deploy it with the app.",
  };
}
