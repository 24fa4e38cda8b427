import { app, output, trigger } from "@azure/functions";

app.hook.preInvocation((context) => {
  context.invocationContext.extraInputs.set("hooked", "yes");
});

app.http("echo", {
  methods: ["POST", "GET"],
  route: "echo/{source:alpha}/{id:int?}",
  async handler(request, context) {
    const body = Buffer.from(await request.arrayBuffer());
    return {
      status: 202,
      headers: { "x-echo": "yes" },
      jsonBody: {
        params: request.params,
        query: Object.fromEntries(request.query),
        headers: Object.fromEntries(request.headers),
        hex: body.toString("hex"),
        bytes: body.length,
        hooked: context.extraInputs.get("hooked"),
        traceParent: context.traceContext?.traceParent,
      },
    };
  },
});
app.http("literal", { route: "echo/literal", handler: () => ({ body: "literal" }) });
app.http("files", {
  methods: ["GET"],
  route: "files/{*path}",
  handler: ({ params }) => ({ body: params["path"] ?? "none" }),
});
app.generic("nothing", {
  trigger: trigger.http({ route: "nothing" }),
  return: output.http({}),
  handler: () => undefined,
});
app.http("broken", {
  route: "broken",
  handler() {
    throw new Error("broken on purpose");
  },
});
app.http("keyed", { route: "keyed", authLevel: "function", handler: () => ({ body: "open" }) });
app.http("cookie", { route: "cookie", handler: () => ({ cookies: [{ name: "a", value: "b" }] }) });

let ticks = 0;
app.timer("tick", {
  schedule: "%TICK%",
  handler(timer, context) {
    ticks += 1;
    context.log(`tick ${ticks} ${timer.isPastDue} ${JSON.stringify(timer.scheduleStatus)}`);
  },
});
app.http("ticks", { route: "ticks", handler: () => ({ body: String(ticks) }) });
