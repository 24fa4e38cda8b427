import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXPOSITION_LIMITS, type Exposition, parseExposition } from "../../shared/domain/exposition.ts";
import { type WrittenSample, writeExposition } from "./write-exposition.ts";

function read(text: string): Exposition {
  const parsed = parseExposition(text);
  if (parsed.kind === "refused") throw new Error(parsed.reason);
  return parsed.exposition;
}

function only(line: string) {
  const { samples, malformed } = read(`${line}\n`);
  const [sample] = samples;
  if (sample === undefined) return { malformed };
  return { name: sample.name, labels: Object.fromEntries(sample.labels), value: sample.value };
}

describe("a line of metrics", () => {
  it.each<{ name: string; line: string; is: { name: string; labels: Record<string, string>; value: number } }>([
    { name: "has a name and a number", line: "up 1", is: { name: "up", labels: {}, value: 1 } },
    { name: "may have empty braces", line: "up{} 1", is: { name: "up", labels: {}, value: 1 } },
    {
      name: "has labels, of which the last may end with a comma",
      line: 'http_requests_total{method="post",code="200",} 1027',
      is: { name: "http_requests_total", labels: { method: "post", code: "200" }, value: 1027 },
    },
    {
      name: "may have blanks and tabs anywhere between its tokens",
      line: '\t up { a = "b" , c\t=\t"d" }\t 1.5 \t',
      is: { name: "up", labels: { a: "b", c: "d" }, value: 1.5 },
    },
    {
      name: "may have a timestamp, before the epoch too",
      line: "up 1 -3982045",
      is: { name: "up", labels: {}, value: 1 },
    },
    {
      name: "escapes backslash, quote and line feed in a label, and nothing else",
      line: String.raw`up{path="C:\\DIR\n\"x\"\t"} 1`,
      is: { name: "up", labels: { path: 'C:\\DIR\n"x"\\t' }, value: 1 },
    },
    {
      name: "may hold braces, commas and hashes in a label",
      line: 'up{a="}, # {",b=""} 1',
      is: { name: "up", labels: { a: "}, # {", b: "" }, value: 1 },
    },
    {
      name: "may have an exemplar with labels, number and time of its own",
      line: 'a_bucket{le="0.1"} 8 # {trace_id="# } 9"} 0.054 1520879607.789',
      is: { name: "a_bucket", labels: { le: "0.1" }, value: 8 },
    },
    {
      name: "may have a timestamp and an exemplar without labels",
      line: "a_total 8 1520879607.789 # {} 0.5",
      is: { name: "a_total", labels: {}, value: 8 },
    },
    {
      name: "has a name that is no identifier in quotes within the braces",
      line: '{"http.requests","http.method"="get"} 171',
      is: { name: "http.requests", labels: { "http.method": "get" }, value: 171 },
    },
    { name: "may consist of such a name", line: '{"a b"} 1', is: { name: "a b", labels: {}, value: 1 } },
  ])("$name", ({ line, is }) => {
    expect(only(line)).toEqual(is);
  });

  it.each([
    { text: "12.47", value: 12.47 },
    { text: "1.", value: 1 },
    { text: ".5", value: 0.5 },
    { text: "-1.7560473e+07", value: -17_560_473 },
    { text: "+3", value: 3 },
    { text: "NaN", value: Number.NaN },
    { text: "nan", value: Number.NaN },
    { text: "+Inf", value: Number.POSITIVE_INFINITY },
    { text: "infinity", value: Number.POSITIVE_INFINITY },
    { text: "-Inf", value: Number.NEGATIVE_INFINITY },
  ])("reads $text as a number", ({ text, value }) => {
    expect(only(`up ${text}`)).toEqual({ name: "up", labels: {}, value });
  });

  it.each([
    "up",
    "up ",
    "up one",
    "up 0x10",
    "up 1_000",
    "up 1e999",
    "up +NaN",
    "up .",
    "up 1 2 3",
    "up 1 now",
    "up 1\r",
    "1up 1",
    "{} 1",
    '{""} 1',
    '{a="b"} 1',
    "é 1",
    "up{ 1",
    "up} 1",
    "up{a} 1",
    'up{a="b" 1',
    'up{a="b} 1',
    "up{a=b} 1",
    'up{a="b" c="d"} 1',
    'up{,a="b"} 1',
    'up{a="b",,} 1',
    'up{a="b",a="c"} 1',
    'up{1a="b"} 1',
    'up{a:b="c"} 1',
    'up{"other"} 1',
    '{"a" "b"} 1',
    "up 1 #",
    "up 1 # {",
    "up 1 # {}",
    'up 1 # {a="b"} x',
    "up 1 # {} 1 1 1",
  ])("is malformed as %j", (line) => {
    expect(only(line)).toEqual({ malformed: 1 });
  });
});

describe("metrics", () => {
  it("may have comments and empty lines, and announce what they have no number of", () => {
    const { samples, families, malformed } = read(
      '# HELP up Is it? "\\\n\n  # a comment\n#\n \t\n# TYPE up gauge\n# TYPE "my.gauge" gauge\n# TYPE nothing\nup 1\n# EOF\n',
    );
    expect(samples).toHaveLength(1);
    expect([...families]).toEqual(["up", "my.gauge"]);
    expect(malformed).toBe(0);
  });

  it("may be empty", () => {
    expect(read("")).toMatchObject({ samples: [], malformed: 0, duplicates: 0 });
  });

  it("keep what is well formed between malformed lines, and the names of those", () => {
    const { samples, malformed, malformedNames } = read('a 1\nb{ 2\n{"c.d",x} 3\n)(\n{ 1\ne 5\n');
    expect(samples.map(({ name }) => name)).toEqual(["a", "e"]);
    expect(malformed).toBe(4);
    expect([...malformedNames]).toEqual(["b", "c.d", ""]);
  });

  it("may be cut off: a last number without its line feed is not believed", () => {
    expect(read("a 1\nb 12")).toMatchObject({ samples: [{ name: "a" }], malformed: 1 });
    expect(read("a 1\n# EOF")).toMatchObject({ samples: [{ name: "a" }], malformed: 0 });
  });

  it("count the same labels in another order as a duplicate, of which the first is kept", () => {
    const { samples, duplicates } = read('a{x="1",y="2"} 1\na{y="2",x="1"} 2\na{x="1"} 3\nb{x="1",y="2"} 4\n');
    expect(samples.map(({ value }) => value)).toEqual([1, 3, 4]);
    expect(duplicates).toBe(1);
  });

  const limits = { maxCharacters: 60, maxLines: 3, maxLineCharacters: 30, maxLabels: 2 };
  it.each([
    { what: "characters", just: "#".repeat(29).concat("\n").repeat(2), over: "#".repeat(29).concat("\n").repeat(3) },
    { what: "lines", just: "\n\na 1\n", over: "\n\na 1\n\n" },
    { what: "characters on a line", just: "#".repeat(30), over: "#".repeat(31) },
    { what: "labels on a line", just: 'a{b="1",c="2"} 1\n', over: 'a{b="1",c="2",d="3"} 1\n' },
  ])("with too many $what are refused, and with just as many as allowed are not", ({ just, over }) => {
    expect(parseExposition(just, limits).kind).toBe("exposition");
    expect(parseExposition(over, limits)).toEqual({
      kind: "refused",
      reason: expect.stringMatching(/(more|longer) than/),
    });
  });

  const name = fc.oneof(
    fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/),
    fc.string({ minLength: 1, unit: "binary" }),
  );
  const labels = fc.uniqueArray(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), {
    selector: ([label]) => label,
    maxLength: 6,
  });
  const value = fc.oneof(fc.double(), fc.nat(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0));
  const samples: fc.Arbitrary<WrittenSample[]> = fc.uniqueArray(fc.record({ name, labels, value }), {
    selector: (sample) => sample.name,
  });
  const tails = fc.constantFrom("", " ", " 1395066363000", ' # {a="b # }"} 1', " 1.5 # {} 1 2");

  it("are read as they were written, whatever names, labels and numbers", () => {
    fc.assert(
      fc.property(samples, tails, (written, tail) => {
        const found = read(writeExposition(written, tail));
        expect(found).toMatchObject({ malformed: 0, duplicates: 0 });
        expect(found.samples.map((sample) => ({ ...sample, labels: [...sample.labels] }))).toEqual(written);
      }),
    );
  });

  const broken = fc.array(
    fc.oneof(
      fc.constantFrom("up", "{", "}", '"', "\\", "=", ",", " ", "\n", "#", "1", "TYPE"),
      fc.string({ unit: "binary" }),
    ),
    { maxLength: 40 },
  );
  it("never throw, whatever bytes or bits of the format they are", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void read(new TextDecoder().decode(bytes))));
    fc.assert(
      fc.property(broken, (parts) => void read(parts.join(""))),
      { numRuns: 1_000 },
    );
  });

  it.each(["{", "\\", '"', '{a="\\', "a{", " ", "\t", "a ", ",", "# {", "="])(
    "of nothing but %j are read in time that grows with their length only",
    (part) => {
      const longest = EXPOSITION_LIMITS.maxLineCharacters;
      const lines = ['a{x="', "a 1 ", "a 1 # ", "{", "", "# TYPE "].map((head) =>
        (head + part.repeat(longest)).slice(0, longest),
      );
      const text = `${lines.join("\n")}\n`;
      const started = process.cpuUsage();
      expect(parseExposition(text.repeat(20)).kind).toBe("exposition");
      expect(process.cpuUsage(started).user / 1e6).toBeLessThan(3);
    },
  );
});
