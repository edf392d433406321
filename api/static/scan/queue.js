// What the phone keeps in IndexedDB: events to send, in the order of the taps, and the items last shown.
// An event leaves the queue only when the server has it, or when somebody has read why it was refused.

const ITEMS_MAX = 500;

let opened;
function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("suyuan-scan", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("events", { keyPath: "number", autoIncrement: true });
      request.result.createObjectStore("items", { keyPath: "text" }).createIndex("asOf", "asOf");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

// The result of `work` once its transaction is on the disk.
async function transact(store, mode, work) {
  const db = await open();
  return new Promise((resolve, reject) => {
    const tx = db.transaction(store, mode, { durability: "strict" });
    let request;
    tx.oncomplete = () => resolve(request?.result);
    tx.onabort = tx.onerror = () => reject(tx.error);
    request = work(tx.objectStore(store));
  });
}

// States: "waiting"; "refused" and "warned" wait for a reader, with `why` and `detail`.
export const addEvent = event => transact("events", "readwrite", store => store.add({ ...event, state: "waiting", detail: "" }));
export const allEvents = () => transact("events", "readonly", store => store.getAll());
export const putEvent = event => transact("events", "readwrite", store => store.put(event));
export const removeEvent = number => transact("events", "readwrite", store => store.delete(number));
export const nextEvent = async () => (await allEvents()).find(event => event.state === "waiting");

export const keptItem = text => transact("items", "readonly", store => store.get(text));
export async function keepItem(text, item) {
  await transact("items", "readwrite", store => {
    store.put({ text, item, asOf: Date.now() });
    store.count().onsuccess = ({ target }) => forgetOldest(store, target.result - ITEMS_MAX);
  });
}

function forgetOldest(store, surplus) {
  if (surplus <= 0) return;
  store.index("asOf").openCursor().onsuccess = ({ target }) => {
    if (!target.result || surplus-- <= 0) return;
    target.result.delete();
    target.result.continue();
  };
}
