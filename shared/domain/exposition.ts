import { announcedFamily, beginningOf, isRemark, parseSample, type Sample } from "./exposition-line.ts";

/** What a pod's `/metrics` said, in Prometheus' text format or in OpenMetrics. */
export interface Exposition {
  /** In the order they were said; of duplicates the first. */
  samples: readonly Sample[];
  /** The names that a TYPE line announced, with or without samples. */
  families: ReadonlySet<string>;
  /** How many lines could not be read. */
  malformed: number;
  /** What those lines begin with, which is a metric's name where they are not wholly broken. */
  malformedNames: ReadonlySet<string>;
  /** How many lines repeated a name with the same labels. */
  duplicates: number;
}

/** `refused`: too large to be read at all, in one sentence. */
export type ParsedExposition = { kind: "exposition"; exposition: Exposition } | { kind: "refused"; reason: string };

export interface ExpositionLimits {
  /** UTF-16 units, of which there are never more than bytes. */
  maxCharacters: number;
  maxLines: number;
  maxLineCharacters: number;
  /** On one line. */
  maxLabels: number;
}

/** Far above what a model server says, and read in a fraction of a second. */
export const EXPOSITION_LIMITS: ExpositionLimits = {
  maxCharacters: 4_194_304,
  maxLines: 50_000,
  maxLineCharacters: 16_384,
  maxLabels: 64,
};

/**
 * Reads every line on its own and never throws. A malformed one is counted, and so is a last one without its line
 * feed, whose number may be cut short.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function parseExposition(text: string, limits: ExpositionLimits = EXPOSITION_LIMITS): ParsedExposition {
  if (text.length > limits.maxCharacters)
    return { kind: "refused", reason: `the metrics are longer than ${limits.maxCharacters} characters` };
  const found = begin();
  let count = 0;
  for (const line of linesOf(text)) {
    count++;
    if (count > limits.maxLines)
      return { kind: "refused", reason: `the metrics have more than ${limits.maxLines} lines` };
    const reason = readLine(found, line, limits);
    if (reason !== undefined) return { kind: "refused", reason };
  }
  const { samples, families, malformed, malformedNames, duplicates } = found;
  const exposition = { samples: [...samples.values()], families, malformed, malformedNames, duplicates };
  return { kind: "exposition", exposition };
}

interface Line {
  text: string;
  /** Whether its line feed was there. */
  whole: boolean;
}

/** One at a time: a text of nothing but line feeds must not become millions of strings. */
function* linesOf(text: string): Generator<Line> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf("\n", start);
    const whole = end !== -1;
    yield { text: text.slice(start, whole ? end : undefined), whole };
    start = whole ? end + 1 : text.length;
  }
}

function begin() {
  return {
    samples: new Map<string, Sample>(),
    families: new Set<string>(),
    malformed: 0,
    malformedNames: new Set<string>(),
    duplicates: 0,
  };
}

/** Why the whole is refused, if it is. */
function readLine(found: ReturnType<typeof begin>, line: Line, limits: ExpositionLimits): string | undefined {
  if (line.text.length > limits.maxLineCharacters)
    return `a line of the metrics is longer than ${limits.maxLineCharacters} characters`;
  if (isRemark(line.text)) {
    const family = announcedFamily(line.text);
    if (family !== undefined) found.families.add(family);
    return undefined;
  }
  const sample = line.whole ? parseSample(line.text) : undefined;
  if (sample === undefined) {
    found.malformed++;
    found.malformedNames.add(beginningOf(line.text));
    return undefined;
  }
  if (sample.labels.size > limits.maxLabels) return `a line of the metrics has more than ${limits.maxLabels} labels`;
  const key = keyOf(sample);
  if (found.samples.has(key)) found.duplicates++;
  else found.samples.set(key, sample);
  return undefined;
}

/** Equal for the same name with the same labels, in whatever order they stand. */
function keyOf(sample: Sample): string {
  const names = [...sample.labels.keys()].sort();
  return JSON.stringify([sample.name, ...names.map((name) => [name, sample.labels.get(name)])]);
}
