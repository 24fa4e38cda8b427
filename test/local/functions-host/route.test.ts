import { describe, expect, test } from "vitest";
import { compileRoute } from "../../../infra/local/functions-host/route.ts";

const match = (template: string, path: string) => compileRoute(template).match(path.split("/"));

describe("a route", () => {
  const cases: readonly [template: string, path: string, params: Record<string, string> | undefined][] = [
    ["a/b", "a/b", {}],
    ["a/b", "A/B", {}],
    ["a/b", "a", undefined],
    ["a/b", "a/b/c", undefined],
    ["a/{x}", "a/1", { x: "1" }],
    ["a/{x}", "a", undefined],
    ["a/{x?}", "a", {}],
    ["a/{*x}", "a", {}],
    ["a/{*x}", "a/b/c", { x: "b/c" }],
    ["a/{**x}", "a/b/c", { x: "b/c" }],
    ["{x:int}", "-5", { x: "-5" }],
    ["{x:int}", "2147483648", undefined],
    ["{x:long}", "2147483648", { x: "2147483648" }],
    ["{x:int:min(3)?}", "2", undefined],
    ["{x:int:min(3)?}", "3", { x: "3" }],
    ["{x:range(1,5)}", "6", undefined],
    ["{x:max(5)}", "5", { x: "5" }],
    ["{x:alpha}", "ab1", undefined],
    ["{x:bool}", "True", { x: "True" }],
    ["{x:guid}", "0f8fad5b-d9cb-469f-a165-70867728950e", { x: "0f8fad5b-d9cb-469f-a165-70867728950e" }],
    ["{x:guid}", "0f8fad5b", undefined],
    ["{x:length(3)}", "abcd", undefined],
    ["{x:length(2,4)}", "abcd", { x: "abcd" }],
    ["{x:minlength(2):maxlength(3)}", "a", undefined],
  ];
  test.for(cases)("%s against %s gives %o", ([template, path, params]) => {
    expect(match(template, path)).toEqual(params);
  });

  test("is tried before another that is less specific", () => {
    const written = ["a/{*x}", "a/{x}", "a/{x:int}", "a/b"];
    const sorted = written.toSorted((a, b) => (compileRoute(a).precedence < compileRoute(b).precedence ? -1 : 1));
    expect(sorted).toEqual(["a/b", "a/{x:int}", "a/{x}", "a/{*x}"]);
  });

  test.for(["{x}-{y}", "file.{ext}", "{x=5}", "{x:regex(^a$)}", "{x:odd}", "{x?}/b", "{*x}/b"])(
    "%s is refused",
    (template) => {
      expect(() => compileRoute(template)).toThrow(`Route "${template}"`);
    },
  );
});
