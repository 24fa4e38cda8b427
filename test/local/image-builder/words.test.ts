// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write their variables so.
import { expect, test } from "vitest";
import { parseDockerfile } from "../../../infra/local/image-builder/dockerfile.ts";
import { parseIgnore } from "../../../infra/local/image-builder/ignore.ts";
import { expandWord, parseJsonWords, splitWords } from "../../../infra/local/image-builder/words.ts";

const variables: Record<string, string> = { NAME: "value", EMPTY: "" };
const expand = (word: string, escapeCharacter = "\\") => expandWord(word, (name) => variables[name], escapeCharacter);

test.each([
  ["$NAME", "value"],
  ["${NAME}s", "values"],
  ["$UNSET!", "!"],
  ["${UNSET:-other}", "other"],
  ["${EMPTY:-other}", "other"],
  ["${EMPTY-other}", ""],
  ["${NAME:-other}", "value"],
  ["${NAME:+other}", "other"],
  ["${EMPTY:+other}", ""],
  ["${EMPTY+other}", "other"],
  ["${UNSET:-${NAME}}", "value"],
  ["'$NAME'", "$NAME"],
  ['"$NAME and \\"more\\" \\n"', 'value and "more" \\n'],
  ["a\\ b\\$NAME", "a b$NAME"],
  ["$", "$"],
  ["", ""],
])("%s becomes %s", (word, expected) => {
  expect(expand(word)).toBe(expected);
});

test("another escape character is honoured", () => {
  expect(expand("C:\\$NAME`$", "`")).toBe("C:\\value$");
});

test.each(["${NAME#v}", '"${NAME#v}"', "'open", '"open'])("%s is refused", (word) => {
  expect(() => expand(word)).toThrow(/not supported|not closed/);
});

test("words are split outside quotes and escapes only", () => {
  expect(splitWords("a=1  b='2 3' c=\"4 5\"6 d=7\\ 8", "\\")).toEqual(["a=1", "b='2 3'", 'c="4 5"6', "d=7\\ 8"]);
});

test("a list that is not JSON, or not of strings, is no list", () => {
  expect(parseJsonWords('["a", "b c"]')).toEqual(["a", "b c"]);
  expect(parseJsonWords("['a']")).toBeUndefined();
  expect(parseJsonWords("[1]")).toBeUndefined();
  expect(parseJsonWords("a")).toBeUndefined();
});

test("comments, empty lines and continuations are read as docker reads them", () => {
  const { instructions } = parseDockerfile(
    ["# syntax=docker/dockerfile:1", "", "from scratch", "ENV a=1 \\  ", "  # not this", "", "    b=2", "# end"].join(
      "\n",
    ),
  );
  expect(instructions.map(({ line, keyword, arguments: text }) => [line, keyword, text])).toEqual([
    [3, "FROM", "scratch"],
    [4, "ENV", "a=1     b=2"],
  ]);
});

test("the escape directive changes what continues a line", () => {
  const { escapeCharacter, instructions } = parseDockerfile("# escape=`\nFROM `\n  scratch\nWORKDIR C:\\");
  expect(escapeCharacter).toBe("`");
  expect(instructions.map(({ arguments: text }) => text)).toEqual(["scratch", "C:\\"]);
});

test("flags are taken off the arguments", () => {
  const [copy] = parseDockerfile("COPY --chown=1:2 --link a b").instructions;
  expect([...(copy?.flags ?? [])]).toEqual([
    ["chown", "1:2"],
    ["link", ""],
  ]);
  expect(copy?.arguments).toBe("a b");
});

test.each([
  ["", "cannot be empty"],
  ["# only a comment", "cannot be empty"],
  ["FROM scratch\nFOO bar", "on line 2: unknown instruction: FOO"],
  ["FROM scratch\n\nCMD", "on line 3: CMD requires at least one argument"],
  ["# escape=x\nFROM scratch", "invalid escape"],
  ["FROM scratch\nCOPY <<EOF /a\nx\nEOF", "line 2: here-documents"],
])("the Dockerfile %j is refused", (source, message) => {
  expect(() => parseDockerfile(source)).toThrow(message);
});

const ignored = parseIgnore(
  [
    "# comment",
    "*.md",
    "!README.md",
    "/data",
    "**/*.pyc",
    "logs/**/old",
    "keep?.txt",
    "./a/../b",
    "dir",
    "!dir/x",
  ].join("\n"),
);

test.each([
  ["notes.md", true],
  ["docs/notes.md", false],
  ["README.md", false],
  ["data", true],
  ["data/train.csv", true],
  ["sub/data", false],
  ["a.pyc", true],
  ["x/y/a.pyc", true],
  ["logs/old", true],
  ["logs/1/2/old", true],
  ["keep1.txt", true],
  ["keep.txt", false],
  ["b", true],
  ["dir/y", true],
  ["dir/x", false],
  ["aXpyc", false],
])("%s is excluded: %s", (path, expected) => {
  expect(ignored(path)).toBe(expected);
});
