import { describe, expect, it } from "vitest";
import { describePointer, type Pointer, samePointer } from "../../shared/domain/promotion.ts";

const POINTERS: readonly { name: string; pointer: Pointer }[] = [
  { name: "alias champion", pointer: { kind: "alias", alias: "champion" } },
  { name: "alias challenger", pointer: { kind: "alias", alias: "challenger" } },
  { name: "tag stage=production", pointer: { kind: "tag", key: "stage", value: "production" } },
  { name: "tag stage=staging", pointer: { kind: "tag", key: "stage", value: "staging" } },
  { name: "tag tier=production", pointer: { kind: "tag", key: "tier", value: "production" } },
  { name: "newest version", pointer: { kind: "newest" } },
];

describe.each(POINTERS)("the pointer $name", ({ name, pointer }) => {
  it("is described as such", () => {
    expect(describePointer(pointer)).toBe(name);
  });

  it.each(POINTERS)("is the same as $name only if it is that", ({ name: other, pointer: another }) => {
    expect(samePointer(pointer, structuredClone(another))).toBe(name === other);
  });
});
