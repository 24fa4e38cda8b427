import { describe, expect, it } from "vitest";
import { fence } from "../../shared/domain/fence.ts";
import { parseToken } from "../../shared/domain/token.ts";

const own = { generation: 50, sequence: 7 };

describe("the fence before an object", () => {
  it.each([
    { name: "our own earlier save is let through", seen: "50.6", formerly: 40, says: "open" },
    { name: "our own save, as after a repeat, is let through", seen: "50.7", formerly: 40, says: "open" },
    {
      name: "a later save of our own generation stops us: our rollback was here",
      seen: "50.8",
      formerly: 40,
      says: "newer",
    },
    { name: "a later generation stops us", seen: "51.1", formerly: 40, says: "newer" },
    {
      name: "a later generation stops us even where it is called the target's last",
      seen: "51.1",
      formerly: 51,
      says: "newer",
    },
    { name: "a later generation stops us where the table was lost", seen: "51.1", formerly: undefined, says: "newer" },
    { name: "the target's last is let through, at any sequence", seen: "40.99", formerly: 40, says: "open" },
    { name: "an older one that is not the target's last is foreign", seen: "39.1", formerly: 40, says: "foreign" },
    { name: "one between the target's last and ours is foreign", seen: "45.1", formerly: 40, says: "foreign" },
    {
      name: "a lost table knows of none: every older token is let through",
      seen: "3.1",
      formerly: undefined,
      says: "open",
    },
    { name: "an object without a token is foreign", seen: "none", formerly: 40, says: "foreign" },
    {
      name: "an object without a token is foreign to a lost table too",
      seen: "none",
      formerly: undefined,
      says: "foreign",
    },
  ])("$name", ({ seen, formerly, says }) => {
    expect(fence(parseToken(seen), own, formerly === undefined ? undefined : { since: formerly, last: formerly })).toBe(
      says,
    );
  });
});

describe("where those before ended without having changed everything", () => {
  const formerly = { since: 30, last: 40 };
  it.each([
    { seen: "29.1", says: "foreign" },
    { seen: "30.1", says: "open" },
    { seen: "35.1", says: "open" },
    { seen: "40.1", says: "open" },
    { seen: "41.1", says: "foreign" },
  ])("a token $seen is $says", ({ seen, says }) => {
    expect(fence(parseToken(seen), own, formerly)).toBe(says);
  });
});
