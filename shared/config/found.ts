/** Longest piece of a value that a problem repeats. */
const MAX_SHOWN = 60;
/** Addresses that carry a user or a password, and the secrets of Azure's connection strings and signed addresses. */
const CREDENTIALS = /[a-z][\w+.-]*:\/\/[^/\s?#]*@|(AccountKey|SharedAccessKey|SharedAccessSignature)=|[?&]sig=/i;

/** Whether a text carries a secret on its face. */
export function carriesCredentials(value: unknown): boolean {
  return typeof value === "string" && CREDENTIALS.test(value);
}

/** A value as a problem repeats it: in a few words, without what may be a secret. */
export function describeFound(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (carriesCredentials(value)) return "a text with credentials in it (not shown)";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return describeMapping(Object.keys(value));
  return typeof value === "string" ? clip(JSON.stringify(value)) : `${String(value)} (${typeof value})`;
}

function describeMapping(keys: readonly string[]): string {
  return keys.length === 0 ? "an empty mapping" : clip(`a mapping of ${keys.join(", ")}`);
}

function clip(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
