import { describe, expect, it } from "vitest";
import { promotionMessage } from "../../shared/steps/messages.ts";
import { promotion } from "../domain/build.ts";

describe("a wish on the queue", () => {
  it("is read as it was sent", () => {
    const wish = promotion({ model: "模型 🚀'\"\n", wishedAt: 8.64e15 });
    expect(promotionMessage.parse(JSON.parse(JSON.stringify(wish)))).toEqual(wish);
  });

  it.each([
    ["for a model whose name has half a character", { model: "churn\ud800" }],
    ["for a pointer with half a character", { pointer: { kind: "alias", alias: "\udc00" } as const }],
    ["of a time that no date can name", { wishedAt: 8.64e15 + 1 }],
    ["of no time", { wishedAt: 0 }],
  ])("%s is refused", (_what, changes) => {
    expect(promotionMessage.safeParse(promotion(changes)).success).toBe(false);
  });
});
