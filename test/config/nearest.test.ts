import { expect, test } from "vitest";
import { nearest } from "../../shared/config/nearest.ts";

const KNOWN = ["alias", "tag", "newest", "attempts", "maxUnavailable"];

test.each([
  ["alais", "alias"],
  ["Alias", "alias"],
  ["tags", "tag"],
  ["atempts", "attempts"],
  ["max_unavailable", "maxUnavailable"],
  ["colour", undefined],
  ["", undefined],
])("%j was most likely meant as %s", (name, meant) => {
  expect(nearest(name, KNOWN)).toBe(meant);
});
