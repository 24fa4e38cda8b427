import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Azurite's published account, the same on every machine. */
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Table Storage keeps idle connections for minutes; a shorter wait cuts off whoever takes one up again just then. */
const KEEP_ALIVE_SECONDS = 240;

/** Azurite's table service in this process, in memory. */
export interface TableServer {
  listen(port?: number): Promise<void>;
  /** For `TablesConnection`. */
  readonly connectionString: string;
  close(): Promise<void>;
}

interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

/** Azurite has no API for this; the two classes are pinned with its version. */
export function createTableServer(): TableServer {
  let server: AzuriteServer | undefined;
  return {
    listen: async (port = 0) => {
      const Configuration = require("azurite/dist/src/table/TableConfiguration").default;
      const Server = require("azurite/dist/src/table/TableServer").default;
      // host, port, keep-alive, database, debug log, access log, its stream, debug file, loose,
      // skip the API version check, certificate, key, password, OAuth, no product-style address, in memory
      const configuration = new Configuration(
        "127.0.0.1",
        port,
        KEEP_ALIVE_SECONDS,
        "",
        false,
        false,
        undefined,
        undefined,
        false,
        true,
        "",
        "",
        "",
        undefined,
        false,
        true,
      );
      const started: AzuriteServer = new Server(configuration);
      await started.start();
      server = started;
    },
    get connectionString() {
      if (server === undefined) throw new Error("The table server is not listening.");
      const endpoint = `${server.getHttpServerAddress()}/${ACCOUNT}`;
      return `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${KEY};TableEndpoint=${endpoint};`;
    },
    close: async () => {
      await server?.close();
      server = undefined;
    },
  };
}
