import { posix } from "node:path";
import { invalid } from "./errors.ts";

const TAG_KEY_CHARACTERS =
  "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";

/** Throws for the names MLflow 3.17.2 refuses: blank, with `/` or `:`, or `.` and `..`. */
export function checkModelName(name: string): void {
  if (name.trim() === "") throw invalid("Missing value for required parameter 'name'.");
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`);
  checkUniquePath("name", name);
}

/** A trailing newline and Unicode letters pass, as they do in MLflow. */
export function checkAlias(alias: string): void {
  if (!/^[\p{L}\p{N}_-]*\n?$/u.test(alias)) {
    throw invalid(
      `Invalid alias name: '${alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    );
  }
  checkLength("Registered model alias name", 255, alias);
}

/** An alias that is to be set: also not `latest` and not a version. */
export function checkNewAlias(alias: string): void {
  checkAlias(alias);
  if (alias.toLowerCase() === "latest") throw invalid("'latest' alias name (case insensitive) is reserved.");
  if (/^[vV]\p{Nd}+\n?$/u.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`);
}

export function checkTag(key: string, value: string): void {
  checkEntityKey("key", key);
  checkLength("key", 250, key);
  checkLength("value", 100_000, value);
}

/** The rule for keys of tags, metrics and parameters. */
export function checkEntityKey(parameter: string, key: string): void {
  if (!/^[/\p{L}\p{N}_.\- :]*\n?$/u.test(key)) {
    throw invalid(`Invalid value ${JSON.stringify(key)} for parameter '${parameter}' supplied: ${TAG_KEY_CHARACTERS}`);
  }
  checkUniquePath(parameter, key);
}

export function checkLength(what: string, most: number, text: string): void {
  if ([...text].length > most) throw invalid(`'${what}' exceeds the maximum length of ${most} characters`);
}

/** Reads a version as Python's `int` does; throws for anything else. */
export function parseVersion(text: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw invalid(`Parameter 'version' must be an integer, got '${text}'.`);
  return Number(text);
}

function checkUniquePath(parameter: string, name: string): void {
  const normal = posix.normalize(name).replace(/(?<=.)\/$/, "");
  if (normal === name && normal !== "." && !normal.startsWith("..") && !normal.startsWith("/")) return;
  throw invalid(
    `Invalid value ${JSON.stringify(name)} for parameter '${parameter}' supplied: Names may be treated as files in certain cases, ` +
      `and must not resolve to other names when treated as such. This name would resolve to '${normal}'`,
  );
}
