import { BuildError } from "./dockerfile.ts";

/** The value of a variable, or undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;

const VARIABLE = String.raw`\$\w+|\$\{\w+(?::?[-+](?:[^{}]|\{[^{}]*\})*)?\}`;

function patterns(escapeCharacter: string) {
  const e = escapeCharacter === "\\" ? "\\\\" : escapeCharacter;
  const quoted = `'[^']*'|"(?:${e}[\\s\\S]|[^"${e}])*"`;
  return {
    words: new RegExp(`(?:${quoted}|${e}[\\s\\S]|\\S)+`, "g"),
    parts: new RegExp(`${quoted}|${e}[\\s\\S]|${VARIABLE}|[\\s\\S]`, "g"),
    quotedParts: new RegExp(`${e}[\\s\\S]|${VARIABLE}|[\\s\\S]`, "g"),
  };
}

/** Splits at white space outside quotes; the words keep their quotes and escapes. */
export function splitWords(text: string, escapeCharacter: string): string[] {
  return text.match(patterns(escapeCharacter).words) ?? [];
}

function refuse(word: string): never {
  throw new BuildError(`the substitution in ${word} is not supported by the built-in builder`);
}

/** What `:-`, `-`, `:+` or `+` makes of a value; undefined stands for the other word. */
function choose(value: string | undefined, operator: string): string | undefined {
  const isSet = value !== undefined && !(operator.startsWith(":") && value === "");
  if (operator.endsWith("-")) return isSet ? value : undefined;
  return isSet ? undefined : "";
}

/** Takes quotes and escapes away and puts variables in: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`. */
export function expandWord(word: string, lookup: Lookup, escapeCharacter: string): string {
  const { parts, quotedParts } = patterns(escapeCharacter);

  function expandVariable(part: string): string {
    const plain = /^\$\{?(\w+)\}?$/.exec(part)?.[1];
    if (plain !== undefined) return lookup(plain) ?? "";
    const [, name = "", operator = "", other = ""] = /^\$\{(\w+)(:?[-+])([\s\S]*)\}$/.exec(part) ?? [];
    return choose(lookup(name), operator) ?? expandWord(other, lookup, escapeCharacter);
  }

  function expandQuotedPart(part: string): string {
    if (part.length === 1) return part;
    if (part.startsWith("$")) return expandVariable(part);
    return ['"', "$", escapeCharacter].includes(part.slice(1)) ? part.slice(1) : part;
  }

  function expandQuoted(text: string): string {
    return text.replace(quotedParts, (part, at: number) => {
      if (part === "$" && text[at + 1] === "{") refuse(word);
      return expandQuotedPart(part);
    });
  }

  function expandPart(part: string): string {
    switch (part[0]) {
      case "'":
        return part.slice(1, -1);
      case '"':
        return expandQuoted(part.slice(1, -1));
      case "$":
        return expandVariable(part);
      default:
        return part.slice(1);
    }
  }

  return word.replace(parts, (part, at: number) => {
    if (part === "$" && word[at + 1] === "{") refuse(word);
    if (part === "'" || part === '"') throw new BuildError(`the quote in ${word} is not closed`);
    return part.length === 1 ? part : expandPart(part);
  });
}

/** The strings of a JSON list, or undefined where the text is not one. */
export function parseJsonWords(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    // Docker, too, reads a list that is not JSON as the shell form.
    return undefined;
  }
}
