import { expect, it } from "vitest";
import { podList } from "../../shared/adapters/kubernetes/schemas.ts";
import { toPodStatus } from "../../shared/adapters/kubernetes/statuses.ts";

const running = (started: boolean, restartCount = 0) => ({ name: "model", started, restartCount });

it.each([
  { name: "a pod that no node has yet", ready: false, containers: [], starting: true },
  {
    name: "a pod whose startup probe has not succeeded yet",
    ready: false,
    containers: [running(false)],
    starting: true,
  },
  { name: "a pod that came up and is not ready", ready: false, containers: [running(true)], starting: false },
  { name: "a pod that died and starts again", ready: false, containers: [running(false, 1)], starting: false },
  { name: "a ready pod", ready: true, containers: [running(true)], starting: false },
])("$name is starting: $starting", ({ ready, containers, starting }) => {
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  const status = { conditions, containerStatuses: containers };
  const { items } = podList.parse({ items: [{ metadata: { name: "a", uid: "u", resourceVersion: "1" }, status }] });
  expect(items.map(toPodStatus)).toMatchObject([{ ready, starting }]);
});
