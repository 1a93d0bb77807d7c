// Sends by openapi-fetch, with the types that openapi-typescript makes: URL and credentials are arguments.
import createClient from "openapi-fetch";

import type { paths } from "./generated";

declare const process: { argv: string[] };

const [baseUrl, caller] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { "X-Bkapi-Authorization": caller } });

async function main(): Promise<void> {
  const { data: answer } = await client.POST("/api/c/compapi/cmsi/send_weixin/", {
    body: {
      receiver: "zhangsan,nobody",
      data: { heading: "Hello", message: "from openapi-fetch" },
    },
    params: { header: { "Idempotency-Key": "order-2" } },
  });
  const missed = answer?.data?.failed?.map((each) => each.receiver);
  console.log(JSON.stringify([answer?.result, answer?.data?.accepted, missed]));
}

void main();
