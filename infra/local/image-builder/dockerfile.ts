/** What is wrong with a Dockerfile or its context, in one line a person can act on. */
export class BuildError extends Error {
  override name = "BuildError";
}

export type Instruction = {
  /** Where it begins, from 1. */
  line: number;
  /** In upper case. */
  keyword: string;
  /** `--name=value` before the arguments; a flag without a value has an empty one. */
  flags: ReadonlyMap<string, string>;
  arguments: string;
  /** As written, continuation lines joined. */
  text: string;
};

export type Dockerfile = { escapeCharacter: string; instructions: readonly Instruction[] };

const KEYWORDS = new Set([
  ..."ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER".split(" "),
  ..."ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split(" "),
]);
const WITH_FLAGS = new Set(["ADD", "COPY", "FROM", "HEALTHCHECK", "RUN"]);
const HERE_DOCUMENT = /<<-?\s*["']?[A-Za-z_]/;

/** The lines after the parser directives, and the escape character they choose. */
function readDirectives(lines: readonly string[]): { escapeCharacter: string; begin: number } {
  let escapeCharacter = "\\";
  let begin = 0;
  for (const line of lines) {
    const [, name, value] = /^#\s*([A-Za-z]+)\s*=\s*(.+?)\s*$/.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() === "escape") escapeCharacter = value ?? escapeCharacter;
    begin += 1;
  }
  if (escapeCharacter !== "\\" && escapeCharacter !== "`") {
    throw new BuildError(`invalid escape '${escapeCharacter}': it must be \\ or a backtick`);
  }
  return { escapeCharacter, begin };
}

type Logical = { line: number; text: string };

/** Joins continuation lines; comments and empty lines between them do not count. */
function joinLines(lines: readonly string[], begin: number, escapeCharacter: string): Logical[] {
  const counted = lines
    .map((text, index) => ({ line: index + 1, text }))
    .filter(({ line, text }) => line > begin && !/^\s*(?:#|$)/.test(text));
  const joined: Logical[] = [];
  let open: Logical | undefined;
  for (const { line, text } of counted) {
    const current: Logical = open ?? { line, text: "" };
    if (!open) joined.push(current);
    const ended = text.trimEnd();
    const continues = ended.endsWith(escapeCharacter);
    current.text += continues ? ended.slice(0, -1) : text;
    open = continues ? current : undefined;
  }
  return joined.map(({ line, text }) => ({ line, text: text.trim() }));
}

function splitFlags(keyword: string, rest: string): Pick<Instruction, "flags" | "arguments"> {
  const flags = new Map<string, string>();
  let left = rest;
  for (;;) {
    const [whole, name, value = ""] = /^--([a-z-]+)(?:=(\S*))?(?:\s+|$)/.exec(left) ?? [];
    if (!WITH_FLAGS.has(keyword) || whole === undefined || name === undefined) return { flags, arguments: left };
    flags.set(name, value);
    left = left.slice(whole.length);
  }
}

function toInstruction({ line, text }: Logical): Instruction {
  const [, word = "", rest = ""] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  const keyword = word.toUpperCase();
  if (!KEYWORDS.has(keyword))
    throw new BuildError(`dockerfile parse error on line ${line}: unknown instruction: ${word}`);
  if (rest === "")
    throw new BuildError(`dockerfile parse error on line ${line}: ${keyword} requires at least one argument`);
  return { line, keyword, text, ...splitFlags(keyword, rest) };
}

/** Reads a Dockerfile; throws a BuildError that names line and instruction. */
export function parseDockerfile(source: string): Dockerfile {
  const lines = source.replace(/^\uFEFF/, "").split(/\r?\n/);
  const { escapeCharacter, begin } = readDirectives(lines);
  const instructions: Instruction[] = [];
  for (const logical of joinLines(lines, begin, escapeCharacter)) {
    const instruction = toInstruction(logical);
    instructions.push(instruction);
    if (!["RUN", "COPY", "ADD"].includes(instruction.keyword) || !HERE_DOCUMENT.test(instruction.arguments)) continue;
    // What follows is the document, not instructions; the build ends at a RUN in any case.
    if (instruction.keyword === "RUN") break;
    throw new BuildError(`dockerfile line ${logical.line}: here-documents are not supported by the built-in builder`);
  }
  if (instructions.length === 0) throw new BuildError("the Dockerfile cannot be empty");
  return { escapeCharacter, instructions };
}
