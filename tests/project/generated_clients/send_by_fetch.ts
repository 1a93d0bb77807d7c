// Sends by the client that openapi-generator makes for typescript-fetch: URL and credentials are arguments.
import { CmsiApi, Configuration } from "./generated";

declare const process: { argv: string[] };

const [url, caller] = process.argv.slice(2);
const api = new CmsiApi(new Configuration({ basePath: url, apiKey: caller }));

async function main(): Promise<void> {
  const answer = await api.cmsiSendWeixin({
    sendWeixinParams: { receiver: "zhangsan,nobody", data: { heading: "Hello", message: "from typescript-fetch" } },
    idempotencyKey: "order-1",
  });
  const missed = answer.data?.failed?.map((each) => each.receiver);
  console.log(JSON.stringify([answer.result, answer.data?.accepted, missed]));
}

void main();
