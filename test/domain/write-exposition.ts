/** A line of the text format as its rules say it is written. */
export interface WrittenSample {
  name: string;
  labels: readonly (readonly [string, string])[];
  value: number;
}

const IDENTIFIER = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`;
}

function writeNumber(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

function writeLabel([name, value]: readonly [string, string]): string {
  return `${/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name)}=${quote(value)}`;
}

/** `tail` follows each number: a timestamp, an exemplar. */
export function writeExposition(samples: readonly WrittenSample[], tail = ""): string {
  const lines = samples.map(({ name, labels, value }) => {
    const written = labels.map(writeLabel);
    const head = IDENTIFIER.test(name) ? `${name}{${written.join(",")}}` : `{${[quote(name), ...written].join(",")}}`;
    return `${head} ${writeNumber(value)}${tail}\n`;
  });
  return lines.join("");
}
