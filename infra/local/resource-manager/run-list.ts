import { invalid, notImplemented } from "./answer.ts";
import type { Run } from "./runs.ts";

const MAX_PAGE = 100;

/** One page of runs, newest first, for `$filter` by Status and RunId, `$top` and `$skiptoken`. */
export function pageOfRuns(
  runs: readonly Run[],
  { url, endpoint }: { url: URL; endpoint: string },
): { value: Run[]; nextLink?: string } {
  const top = readTop(url.searchParams.get("$top"));
  const after = url.searchParams.get("$skiptoken");
  const matching = runs.filter(filterOf(url.searchParams.get("$filter")));
  const start = matching.findIndex(({ name }) => name === after) + 1;
  const value = matching.slice(start, start + top);
  const last = value.at(-1);
  if (last === undefined || start + top >= matching.length) return { value };

  const next = new URL(`${url.pathname}${url.search}`, endpoint);
  next.searchParams.set("$skiptoken", last.name);
  return { value, nextLink: next.href };
}

function readTop(text: string | null): number {
  if (text === null) return MAX_PAGE;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw invalid("$top is not a number from 1.");
  return Math.min(Number(text), MAX_PAGE);
}

function filterOf(text: string | null): (run: Run) => boolean {
  if (text === null) return () => true;
  const conditions = text.split(/\s+and\s+/i).map((condition) => {
    const [, field = "", value = ""] = /^\s*(\w+)\s+eq\s+'([^']*)'\s*$/i.exec(condition) ?? [];
    return { field: field.toLowerCase(), value };
  });
  const unknown = conditions.some(({ field }) => field !== "status" && field !== "runid");
  if (unknown) throw notImplemented(`The filter ${text}`);
  return ({ properties }) =>
    conditions.every(({ field, value }) => (field === "status" ? properties.status : properties.runId) === value);
}
