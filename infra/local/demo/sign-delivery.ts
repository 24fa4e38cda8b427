import { createHmac, randomUUID } from "node:crypto";

/** A delivery as MLflow would send it, ready to be sent as often as one likes. */
export interface SignedDelivery {
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Signs an alias event as MLflow does: HMAC-SHA256 over `id.timestamp.body`. */
export function signDelivery(secret: string, data: Readonly<Record<string, string>>, now = Date.now()): SignedDelivery {
  const id = randomUUID();
  const timestamp = String(Math.floor(now / 1000));
  const body = JSON.stringify({
    entity: "model_version_alias",
    action: "created",
    timestamp: new Date(now).toISOString(),
    data,
  });
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
  return {
    headers: {
      "content-type": "application/json",
      "x-mlflow-delivery-id": id,
      "x-mlflow-timestamp": timestamp,
      "x-mlflow-signature": `v1,${signature}`,
    },
    body,
  };
}
