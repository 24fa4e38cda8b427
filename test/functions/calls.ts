import { HttpRequest, InvocationContext } from "@azure/functions";
import type { App } from "../../shared/composition.ts";

/** An app that does what the test says; whatever it does not say fails the test. */
export function appThat(does: Partial<App>): App {
  const unexpected = (name: string) => () => {
    throw new Error(`${name} must not be called`);
  };
  return {
    receiveDelivery: unexpected("receiveDelivery"),
    consume: unexpected("consume"),
    tick: unexpected("tick"),
    giveCommand: unexpected("giveCommand"),
    readTarget: unexpected("readTarget"),
    findDrift: unexpected("findDrift"),
    planTarget: unexpected("planTarget"),
    deadLetterOffice: unexpected("deadLetterOffice"),
    listDeployments: unexpected("listDeployments"),
    readDeployment: unexpected("readDeployment"),
    checkHealth: unexpected("checkHealth"),
    recordCaller: unexpected("recordCaller"),
    ...does,
  };
}

/** An invocation and the lines it logged. */
export function invocation(triggerMetadata?: Record<string, unknown>) {
  const lines: string[] = [];
  const context = new InvocationContext({
    functionName: "tested",
    invocationId: "invocation-1",
    logHandler: (_level, ...parts) => void lines.push(parts.join(" ")),
    ...(triggerMetadata === undefined ? {} : { triggerMetadata }),
  });
  return { context, lines };
}

/** A request as the host gives it to a function. */
export function request(parts: ConstructorParameters<typeof HttpRequest>[0]): HttpRequest {
  return new HttpRequest({ method: "GET", url: "http://127.0.0.1/api/anything", ...parts });
}
