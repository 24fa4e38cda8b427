/** A compiled route template of ASP.NET, for example `webhooks/{source:alpha}/{id:int?}`. */
export interface Route {
  /** The parameters of a decoded path (no leading slash), or undefined when it does not match. */
  match(segments: readonly string[]): Readonly<Record<string, string>> | undefined;
  /** Sorts before another route when it is more specific. */
  readonly precedence: string;
}

type Check = (value: string) => boolean;
interface Parameter {
  readonly name: string;
  readonly catchAll: boolean;
  readonly optional: boolean;
  readonly checks: readonly Check[];
}
type Segment = string | Parameter;

const CONSTRAINTS: Readonly<Record<string, (...limits: number[]) => Check>> = {
  alpha: () => (value) => /^[a-z]+$/i.test(value),
  bool: () => (value) => /^(true|false)$/i.test(value),
  int: () => (value) => isInteger(value, 2n ** 31n),
  long: () => (value) => isInteger(value, 2n ** 63n),
  guid: () => (value) => /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(value),
  length:
    (from = 0, to = from) =>
    (value) =>
      value.length >= from && value.length <= to,
  minlength:
    (from = 0) =>
    (value) =>
      value.length >= from,
  maxlength:
    (to = 0) =>
    (value) =>
      value.length <= to,
  min:
    (from = 0) =>
    (value) =>
      isInteger(value, 2n ** 63n) && Number(value) >= from,
  max:
    (to = 0) =>
    (value) =>
      isInteger(value, 2n ** 63n) && Number(value) <= to,
  range:
    (from = 0, to = 0) =>
    (value) =>
      isInteger(value, 2n ** 63n) && Number(value) >= from && Number(value) <= to,
};

const PARAMETER = /^\{(\*{0,2})([A-Za-z_]\w*)((?::\w+(?:\([^)]*\))?)*)(\?)?\}$/;

/** Compiles a template; throws on what it does not know: defaults, several parameters in a segment, other constraints. */
export function compileRoute(template: string): Route {
  const segments = template
    .split("/")
    .filter(Boolean)
    .map((text) => toSegment(text, template));
  const early = segments
    .slice(0, -1)
    .find((segment) => typeof segment !== "string" && (segment.catchAll || segment.optional));
  if (early !== undefined) throw new Error(`Route "${template}": only the last segment can be optional or catch all`);
  return { precedence: segments.map(rank).join(""), match: (path) => matchAll(segments, path) };
}

function toSegment(text: string, template: string): Segment {
  if (!/[{}]/.test(text)) return text.toLowerCase();
  const [, stars, name, constraints = "", optional] = PARAMETER.exec(text) ?? [];
  if (name === undefined)
    throw new Error(`Route "${template}": segment "${text}" is not supported by the local Functions host`);
  const checks = [...constraints.matchAll(/:(\w+)(?:\(([^)]*)\))?/g)].map(([written, kind = "", limits]) => {
    const make = CONSTRAINTS[kind.toLowerCase()];
    if (make === undefined)
      throw new Error(`Route "${template}": constraint "${written}" is not supported by the local Functions host`);
    return make(...(limits === undefined ? [] : limits.split(",").map(Number)));
  });
  return { name, catchAll: stars !== "", optional: optional !== undefined, checks };
}

function matchAll(segments: readonly Segment[], path: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = isCatchAll(segment) ? path.slice(index).join("/") : path[index];
    if (!matchOne(segment, value, params)) return undefined;
  }
  return path.length <= segments.length || isCatchAll(segments.at(-1)) ? params : undefined;
}

function matchOne(segment: Segment, value: string | undefined, params: Record<string, string>): boolean {
  if (typeof segment === "string") return value?.toLowerCase() === segment;
  if (value === undefined || value === "") return segment.optional || segment.catchAll;
  params[segment.name] = value;
  return segment.checks.every((check) => check(value));
}

function isCatchAll(segment: Segment | undefined): boolean {
  return typeof segment === "object" && segment.catchAll;
}

/** Literal before constrained before free before catch-all, segment by segment. */
function rank(segment: Segment): string {
  if (typeof segment === "string") return "1";
  return String((segment.catchAll ? 4 : 2) + (segment.checks.length > 0 ? 0 : 1));
}

function isInteger(value: string, limit: bigint): boolean {
  if (!/^-?\d{1,19}$/.test(value)) return false;
  return BigInt(value) >= -limit && BigInt(value) < limit;
}
