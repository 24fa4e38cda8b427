import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../shared/config/secret.ts";

const secret = new Secret("hunter2");

test.each([
  ["text", `${secret}`],
  ["a sum", `a ${String(secret)}`],
  ["JSON", JSON.stringify({ secret })],
  ["inspect", inspect({ deep: [secret] }, { depth: 9, showHidden: true })],
  ["format", format("%s %o %j", secret, secret, secret)],
  ["a copy", JSON.stringify({ ...secret, ...Object.fromEntries(Object.entries(secret)) })],
])("as %s it shows nothing", (_name, shown) => {
  expect(shown).not.toContain("hunter2");
});

test("it says what it hides", () => {
  expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
  expect(inspect(secret)).toBe("[secret]");
});

test("it gives the text to who asks for it", () => {
  expect(secret.reveal()).toBe("hunter2");
});
