// Prints what each revision of each charge record changes, once: the loop of follow_charge_records, without events.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type ChargeRecord, ChargeRecordsService } from "./gen/citrine/api/v1/charge_records_pb.js";

const BOOK = "billing.json";
const PAUSE = 5_000; // ms between two looks; an event of the kind charge_record_made may end it
const FINAL = [Code.Unauthenticated, Code.PermissionDenied, Code.InvalidArgument];

const key = readFileSync(process.env.CITRINE_KEY_FILE ?? "billing.key", "utf8").trim();
const authenticate: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${key}`); // the key of a tenant: its tenant needs no name
  return next(request);
};
const baseUrl = `http://${process.env.CITRINE_CORE ?? "127.0.0.1:50051"}`;
const records = createClient(ChargeRecordsService, createGrpcTransport({ baseUrl, interceptors: [authenticate] }));

/** What was posted, and up to which change: they are stored together, so a program that is killed does nothing twice. */
type Book = { change: string; total: Record<string, { currency: string; amount: string }> };

const book: Book = existsSync(BOOK) ? JSON.parse(readFileSync(BOOK, "utf8")) : { change: "0", total: {} };

/** Posts a revision. It says the whole amount anew; amounts are decimals, so no number of JavaScript holds them. */
function post(record: ChargeRecord): void {
  const { recordId, revision, transactionId, currency, total } = record;
  const before = book.total[recordId];
  if (total) book.total[recordId] = { currency, amount: total.afterTax };
  else delete book.total[recordId]; // no tariff applies, or the cost can't be known
  book.change = record.change.toString();
  writeFileSync(`${BOOK}.new`, JSON.stringify(book));
  renameSync(`${BOOK}.new`, BOOK);
  const amount = total ? `${total.afterTax} ${currency}` : "nothing";
  console.log(`${transactionId} revision ${revision}: ${amount}${before ? `, not ${before.amount}` : ""}`);
}

for (;;) {
  try {
    let pageToken = "";
    const afterChange = BigInt(book.change);
    do {
      const page = await records.listChargeRecords({ afterChange, pageToken });
      page.records.forEach(post);
      pageToken = page.nextPageToken;
    } while (pageToken);
  } catch (error) {
    if (!(error instanceof ConnectError) || FINAL.includes(error.code)) throw error;
    console.error(`no records now: ${Code[error.code]}`);
  }
  await sleep(PAUSE);
}
