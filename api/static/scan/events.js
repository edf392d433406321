// A step as an EPCIS 2.0 document with one event, complete when the thumb has tapped: what is sent later are these bytes.

const CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";
const DISPOSITIONS = {
  arriving: "in_progress",
  departing: "in_transit",
  packing: "in_progress",
  unpacking: "in_progress",
  destroying: "destroyed",
};

// `item` and `parent` have uri and isClass. Inspecting alone says nothing of the result, so it has no disposition.
export function makeEvent({ step, item, parent, place, now = new Date() }) {
  const eventID = `urn:uuid:${crypto.randomUUID()}`;
  const event = {
    type: parent ? "AggregationEvent" : "ObjectEvent",
    eventID,
    eventTime: now.toISOString(),
    eventTimeZoneOffset: offset(now),
    bizStep: step,
    ...(DISPOSITIONS[step] && { disposition: DISPOSITIONS[step] }),
    ...(parent ? contained(step, item, parent) : observed(item)),
    readPoint: { id: place },
    ...(step !== "departing" && { bizLocation: { id: place } }),
  };
  const body = JSON.stringify({
    "@context": CONTEXT,
    type: "EPCISDocument",
    schemaVersion: "2.0",
    creationDate: now.toISOString(),
    epcisBody: { eventList: [event] },
  });
  return { eventID, body };
}

function observed(item) {
  // Everybody may say what they saw, a disposal too; ADD and DELETE are for who owns the identifier.
  return { action: "OBSERVE", ...(item.isClass ? { quantityList: [{ epcClass: item.uri }] } : { epcList: [item.uri] }) };
}

function contained(step, item, parent) {
  const children = item.isClass ? { childQuantityList: [{ epcClass: item.uri }] } : { childEPCs: [item.uri] };
  return { action: step === "packing" ? "ADD" : "DELETE", parentID: parent.uri, ...children };
}

function offset(now) {
  const minutes = -now.getTimezoneOffset();
  const two = number => String(Math.floor(number)).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}
