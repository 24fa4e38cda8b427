import { describe, expect, it } from "vitest";
import { compareTokens, formatToken, parseToken } from "../../shared/domain/token.ts";

const token = { generation: 1_790_000_000, sequence: 12 };

describe("a token", () => {
  it("is read as it was written", () => {
    expect(formatToken(token)).toBe("1790000000.12");
    expect(parseToken(formatToken(token))).toEqual(token);
  });

  it.each(["", "12", "1.", ".1", "1.2.3", "-1.2", "1.2 ", "1e3.1", "a.b", "1234567890123456.1", "1.1\n"])(
    "is not the text %j",
    (text) => {
      expect(parseToken(text)).toBeUndefined();
    },
  );

  it.each([
    { name: "a later generation is newer, whatever the sequence", a: "8.1", b: "7.99", sign: 1 },
    { name: "an earlier generation is older", a: "7.99", b: "8.1", sign: -1 },
    { name: "within a generation the later save is newer", a: "7.10", b: "7.9", sign: 1 },
    { name: "the same token is neither", a: "7.9", b: "7.9", sign: 0 },
  ])("$name", ({ a, b, sign }) => {
    const [first, second] = [parseToken(a), parseToken(b)];
    if (first === undefined || second === undefined) throw new Error("no token");
    expect(Math.sign(compareTokens(first, second))).toBe(sign);
  });
});
