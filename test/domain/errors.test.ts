import { describe, expect, it } from "vitest";
import { FencedError, ForeignChangeError, PermanentError, TransientError } from "../../shared/domain/errors.ts";

const cause = new Error("socket closed");

describe("an error of ours", () => {
  it("that is transient says which problem it is and when to come back", () => {
    const error = new TransientError("unreachable", "no answer", { cause, retryAfterSeconds: 9 });
    expect(error).toMatchObject({ name: "TransientError", code: "unreachable", retryAfterSeconds: 9, cause });
  });

  it("that is transient need not know when", () => {
    expect(new TransientError("unreachable", "no answer").retryAfterSeconds).toBeUndefined();
  });

  it("that is permanent says which problem it is", () => {
    const error = new PermanentError("access-denied", "403", { cause });
    expect(error).toMatchObject({ name: "PermanentError", code: "access-denied", message: "403", cause });
    expect(new PermanentError("access-denied", "403").cause).toBeUndefined();
  });

  it.each([
    { error: new FencedError("later"), name: "FencedError" },
    { error: new ForeignChangeError("kubectl"), name: "ForeignChangeError" },
  ])("is told apart by its name: $name", ({ error, name }) => {
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
  });
});
