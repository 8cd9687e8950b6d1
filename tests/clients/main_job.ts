// The main job with the types that openapi-typescript makes of /api/schema/ (api.d.ts, beside this file in the test).
// The compiler checks every field that is sent and read here; then it runs, with Junction, a token and the vendor as arguments.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

declare const process: { argv: string[] };

const [junction, token, vendor] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: junction, headers: { Authorization: `Bearer ${token}` } });

function given<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data;
}

const made = given(
  await client.POST("/api/integrations", { body: { name: "By hand", apiBaseUri: `${vendor}/v1`, authType: "none", type: "custom" } }),
);
given(
  await client.POST("/api/integrations/{key}/actions", {
    params: { path: { key: made.slug } },
    body: { name: "List tags", path: "/tags", method: "GET" },
  }),
);

const imported = given(await client.POST("/api/integrations/import", { body: { url: `${vendor}/openapi.json` } }));
const path = { key: imported.slug };
given(await client.POST("/api/integrations/{key}/finalize", { params: { path }, body: { note: "By a generated client" } }));
const read = await client.GET("/api/integrations/{key}", { params: { path } });
const tag = read.response.headers.get("ETag") ?? "";
given(
  await client.PUT("/api/integrations/{key}", {
    params: { path, header: { "If-Match": tag } },
    body: { status: "published" },
  }),
);
const late = await client.PUT("/api/integrations/{key}", {
  params: { path, header: { "If-Match": tag } },
  body: { description: "Late" },
});
const problem: components["schemas"]["Problem"] | string | undefined = late.error;
if (typeof problem !== "object" || problem.type !== "urn:junction:problem:outdated") throw new Error(JSON.stringify(problem));

const connection = given(
  await client.POST("/api/connections", {
    params: { header: { "Idempotency-Key": "typescript-1" } },
    body: { integration: imported.slug, name: "TypeScript", credentials: { apiKey: "sample-key" } },
  }),
);
const tested = given(await client.POST("/api/connections/{key}/test", { params: { path: { key: connection.id } } }));
if (!tested.ok) throw new Error(tested.message);
const actions = given(
  await client.GET("/api/integrations/{key}/actions", { params: { path, query: { q: "list devices" } } }),
);
let run = given(
  await client.POST("/api/runs", { body: { action: actions[0].id, connection: connection.id, pageSize: 200, maxPages: null } }),
);
while (run.state !== "finished") {
  await new Promise((resolve) => setTimeout(resolve, 100));
  run = given(await client.GET("/api/runs/{key}", { params: { path: { key: run.id } } }));
}
const part = given(
  await client.GET("/api/runs/{key}/records", { params: { path: { key: run.id }, query: { cursor: "", limit: 10000 } } }),
);
if (typeof part === "string" || Array.isArray(part)) throw new Error("a part was asked for");
console.log(JSON.stringify({ verdict: run.verdict, records: run.records, read: part.records.length, more: part.more }));
