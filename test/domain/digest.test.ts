import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, sha256, slug } from "../../shared/domain/digest.ts";

/** Any character at all, line breaks and emoji among them. */
const character = fc.integer({ min: 0, max: 0x10_ff_ff }).map((code) => String.fromCodePoint(code));

describe("sha256", () => {
  it.each([
    { name: "of nothing", text: "", hash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { name: "of abc", text: "abc", hash: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { name: "of UTF-8", text: "é", hash: "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c" },
  ])("$name", ({ text, hash }) => {
    expect(sha256(text)).toBe(hash);
  });
});

describe("canonical JSON", () => {
  it.each([
    { name: "sorts keys at every depth", value: { b: 1, a: { d: 2, c: 3 } }, text: '{"a":{"c":3,"d":2},"b":1}' },
    { name: "keeps the order of lists", value: [2, 1, { b: 1, a: 2 }], text: '[2,1,{"a":2,"b":1}]' },
    { name: "leaves undefined members out", value: { a: undefined, b: null }, text: '{"b":null}' },
    { name: "takes plain values as they are", value: "text", text: '"text"' },
  ])("$name", ({ value, text }) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it("is the same for equal values whatever the order of their keys, and says the same", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

describe("a slug", () => {
  it.each([
    { name: "keeps a readable name", of: "churn-classifier", stem: "churn-classifier" },
    { name: "lowers letters and joins words", of: "Churn Classifier!", stem: "churn-classifier" },
    { name: "cuts long names", of: "a".repeat(2_000), stem: "a".repeat(24) },
    { name: "does not end its stem with a dash where it was cut", of: `${"a".repeat(23)} b`, stem: "a".repeat(23) },
    { name: "has a stem where nothing readable is left", of: "\n😀'", stem: "model" },
  ])("$name", ({ of, stem }) => {
    expect(slug(of)).toBe(`${stem}-${sha256(of).slice(0, 32)}`);
  });

  it("of any name is legal as a label, a repository and a row key", () => {
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 200 }), (name) => {
        expect(slug(name)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
      }),
    );
  });
});
