import type { Random } from "./random.ts";

/** Ways to spoil a value's text so that it may no longer be JSON, or is JSON of another meaning. */
export const TEXT_KINDS = [
  "cut off",
  "bit flipped",
  "bytes inserted",
  "not UTF-8",
  "nested deeply",
  "a huge number",
  "a key twice",
  "NaN",
  "a page",
  "nothing",
  "a byte order mark",
] as const;
export type TextKind = (typeof TEXT_KINDS)[number];

const PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in to continue.</body></html>";

/** Spoils the text of a value in one of the ways. */
export function spoilText(random: Random, kind: TextKind, text: string): Buffer {
  const bytes = Buffer.from(text);
  const at = random.below(Math.max(bytes.length, 1));
  switch (kind) {
    case "cut off":
      return bytes.subarray(0, at);
    case "bit flipped":
      return flipBit(bytes, at, random.below(8));
    case "bytes inserted":
      return insert(bytes, at, Buffer.from(random.pick([",", "}", '"', "\\", "\0", " ", "[", "1", "\n\n"])));
    case "not UTF-8":
      return insert(bytes, at, random.pick([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80], [0xe2, 0x28]]));
    case "nested deeply": {
      const depth = random.pick([100, 3_000, 20_000]);
      const [open, close] = random.chance(0.5) ? ["[", "]"] : ['{"a":', "}"];
      const nest = (inner: string | number) => `${open.repeat(depth)}${inner}${close.repeat(depth)}`;
      return Buffer.from(random.chance(0.3) ? nest(text) : replaceValue(random, text, nest(0)));
    }
    case "a huge number":
      return Buffer.from(replaceValue(random, text, random.pick(["1e999", "-1e999", "9".repeat(400), "1e-999", "-0"])));
    case "a key twice":
      return Buffer.from(
        text.replace(/"(\w+)":/, (key, name) => `"${name}":${random.pick(["null", "7", '""'])},${key}`),
      );
    case "NaN":
      return Buffer.from(replaceValue(random, text, random.pick(["NaN", "Infinity", "undefined", "0x10", "1_000"])));
    case "a page":
      return Buffer.from(random.chance(0.5) ? PAGE : `${PAGE}${text}`);
    case "nothing":
      return Buffer.from(random.pick(["", " ", "\n", "null", "[]", "{}", '""', "0", "true"]));
    case "a byte order mark":
      return Buffer.from(`\ufeff${text}`);
    default:
      return kind satisfies never;
  }
}

export function flipBit(bytes: Uint8Array, at: number, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  if (flipped.length > 0) flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}

function insert(bytes: Uint8Array, at: number, more: Uint8Array | readonly number[]): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(more), bytes.subarray(at)]);
}

/** Puts another literal in place of one of the values. */
function replaceValue(random: Random, text: string, literal: string): string {
  const values = [...text.matchAll(/(?<=[:[,]\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,}\]])/g)];
  if (values.length === 0) return literal;
  const { index, 0: value } = random.pick(values);
  return `${text.slice(0, index)}${literal}${text.slice(index + value.length)}`;
}
