// Uses the types that were made of the API's description: `node client.js URL`.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const client = createClient<paths>({ baseUrl: process.argv[2]! });

const checked = <T>(answer: { data?: T; error?: unknown }): T => {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
};

const before = checked(await client.GET("/api/v1/status"));
const payment: components["schemas"]["ClassicTransaction"] = { sender: "ann", recipient: "bob", amount: 2.5 };
const sent = checked(await client.POST("/api/v1/tx", { body: payment }));
const mined = checked(await client.POST("/api/v1/mine"));
const path = { id: sent.id };
const found = checked(await client.GET("/api/v1/tx/{id}", { params: { path } }));
if (mined.index !== before.length + 1 || found.block_index !== mined.index) throw new Error(JSON.stringify({ mined, found }));
const { error, response } = await client.GET("/api/v1/tx/{id}", { params: { path: { id: "0".repeat(64) } } });
if (response.status !== 404 || error?.status !== 404) throw new Error(JSON.stringify(error));
console.log(`TypeScript: block ${mined.index} holds ${sent.id}`);
