// Lists stations, has one report its transaction, and follows energy and costs across reconnects.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EventsService } from "./gen/citrine/events/v1/events_service_pb.js";
import { RemoteControlService } from "./gen/citrine/api/v1/remote_control_pb.js";
import { StationsService } from "./gen/citrine/api/v1/stations_pb.js";
import type { Event } from "./gen/citrine/events/v1/events_pb.js";
import { MessageTriggerEnum } from "./gen/citrine/ocpp/v2/remote_control_pb.js";
import { TriggerMessageStatusEnum } from "./gen/citrine/ocpp/v2/remote_control_pb.js";

const SILENCE = 45_000; // ms; the core sends a sign of life every 15 s
const FINAL = [Code.Unauthenticated, Code.PermissionDenied, Code.InvalidArgument, Code.NotFound, Code.OutOfRange];

const key = readFileSync(process.env.CITRINE_KEY_FILE ?? ".citrine/operator.key", "utf8").trim();
const authenticate: Interceptor = (next) => (request) => {
  request.header.set("authorization", `Bearer ${key}`);
  request.header.set("citrine-tenant", process.env.CITRINE_TENANT ?? "demo");
  return next(request);
};
const baseUrl = `http://${process.env.CITRINE_CORE ?? "127.0.0.1:50051"}`;
const transport = createGrpcTransport({ baseUrl, interceptors: [authenticate] });
const stations = createClient(StationsService, transport);
const remoteControl = createClient(RemoteControlService, transport);
const events = createClient(EventsService, transport);

/** Prints the stations, page by page, and returns the ids of those that are connected. */
async function connectedStations(): Promise<string[]> {
  const connected: string[] = [];
  let pageToken = "";
  do {
    const page = await stations.listStations({ pageToken });
    for (const station of page.stations) {
      console.log(`${station.stationId} ${station.connected ? "connected" : "offline"}`);
      if (station.connected) connected.push(station.stationId);
    }
    pageToken = page.nextPageToken;
  } while (pageToken);
  return connected;
}

/** Yields events for ever. Each comes at least once: one that must count once is recognised by its token. */
async function* follow(): AsyncGenerator<Event> {
  let fromToken = ""; // a program that must miss nothing stores it with what it made of the event
  for (let wait = 250; ; wait = Math.min(2 * wait, 10_000)) {
    const silence = new AbortController();
    let alarm = setTimeout(() => silence.abort(), SILENCE);
    try {
      for await (const { event } of events.subscribe({ fromToken }, { signal: silence.signal })) {
        clearTimeout(alarm);
        alarm = setTimeout(() => silence.abort(), SILENCE);
        if (!event) continue;
        yield event;
        fromToken = event.token || fromToken;
        wait = 250;
      }
    } catch (error) {
      if (!(error instanceof ConnectError) || FINAL.includes(error.code)) throw error;
      console.log(`stream lost: ${Code[error.code]}`);
    } finally {
      clearTimeout(alarm);
    }
    await sleep(wait * (0.5 + Math.random() / 2));
  }
}

const [stationId] = await connectedStations();
let asked = !stationId;
for await (const { stationId: from, body } of follow()) {
  if (!asked) {
    asked = true; // the stream is open, so what the station reports now is seen
    const request = { requestedMessage: MessageTriggerEnum.TRANSACTION_EVENT };
    const { response } = await remoteControl.triggerMessage({ target: { stationId }, request });
    console.log(`${stationId} answered ${response && TriggerMessageStatusEnum[response.status]}`);
  }
  switch (body.case) {
    case "transactionStarted":
    case "transactionUpdated":
    case "transactionEnded": {
      const { transactionId, energyWh } = body.value.transaction ?? {};
      if (energyWh !== undefined) console.log(`${from} ${transactionId} took ${(energyWh / 1000).toFixed(3)} kWh`);
      break;
    }
    case "transactionCostChanged":
      console.log(`${from} ${body.value.transactionId} costs ${body.value.afterTax} ${body.value.currency}`);
  }
}
