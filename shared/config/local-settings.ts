import * as z from "zod";
import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.ts";
import { describeFound } from "./found.ts";
import { nearest } from "./nearest.ts";
import { isSetting, SETTING_NAMES } from "./settings.ts";

const FILE = "local.settings.json";
/** What the Functions tools know at the file's top. */
const TOP = ["IsEncrypted", "Values", "Host", "ConnectionStrings"];
/** Names of the Functions host: switches of single functions, keys of host.json, and the identity forms of connections. */
const OF_HOST = [
  /^AzureWebJobs\.[\w-]+\.Disabled$/,
  /^AzureFunctionsJobHost__\w+$/,
  /^(AzureWebJobsStorage|ServiceBusConnection|TablesConnection)__(accountName|blobServiceUri|queueServiceUri|tableServiceUri|credential|clientId)$/,
];

const localSettings = z.looseObject({ Values: z.record(z.string(), z.unknown()) });

/**
 * Checks the content of local.settings.json and returns its values.
 * @throws ConfigurationError with every unknown key, and the known one that was most likely meant.
 */
export function checkLocalSettings(json: unknown): Readonly<Record<string, string>> {
  const read = localSettings.safeParse(json);
  if (!read.success)
    throw new ConfigurationError([
      {
        where: FILE,
        found: describeFound(json),
        allowed: "a mapping with Values",
        remedy: "Start from local.settings.sample.json.",
      },
    ]);
  const { Values: values, ...others } = read.data;
  const problems = [
    ...Object.keys(others)
      .filter((name) => !TOP.includes(name))
      .map((name) => unknown(name, name, TOP)),
    ...Object.keys(values)
      .filter((name) => !isKnown(name))
      .map((name) => unknown(`Values.${name}`, name, SETTING_NAMES)),
    ...Object.entries(values)
      .filter(([, value]) => typeof value !== "string")
      .map(([name]) => noText(name)),
  ];
  if (problems.length > 0) throw new ConfigurationError(problems);
  return z.record(z.string(), z.string()).parse(values);
}

function isKnown(name: string): boolean {
  return isSetting(name) || OF_HOST.some((form) => form.test(name));
}

function unknown(path: string, name: string, known: readonly string[]): ConfigurationProblem {
  const meant = nearest(name, known);
  return {
    where: `${FILE} ${path}`,
    found: "an unknown key",
    allowed: meant === undefined ? known.join(", ") : meant,
    remedy: meant === undefined ? "Remove it." : `Write ${meant}.`,
  };
}

function noText(name: string): ConfigurationProblem {
  const remedy = "Write it in quotation marks: it becomes an environment variable.";
  return { where: `${FILE} Values.${name}`, found: "a value that is no text", allowed: "text", remedy };
}
