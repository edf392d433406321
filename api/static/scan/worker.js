// The service worker: keeps the page and its files on the phone. VERSION and FILES are written above by the server.
// Answers about items are never kept here: they are of their moment (queue.js keeps them, with the time).

const CACHE = `suyuan-scan-${VERSION}`;
const PAGES = ["/scan", "/scan?lang=zh", "/scan?lang=en"];
const TIMEOUT_MS = 4_000;

self.addEventListener("install", event => {
  event.waitUntil(
    caches
      .open(CACHE)
      // Without cookies: asking for a page in a language would otherwise choose it for the reader.
      .then(cache => cache.addAll([...FILES, ...PAGES.slice(1).map(url => new Request(url, { credentials: "omit" }))]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", event => {
  const old = names => names.filter(name => name.startsWith("suyuan-scan-") && name !== CACHE);
  event.waitUntil(
    caches
      .keys()
      .then(names => Promise.all(old(names).map(name => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", event => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === "/scan") event.respondWith(page(event.request, url));
  else if (FILES.includes(url.pathname)) event.respondWith(file(event.request));
});

const file = async request => (await caches.match(request, { cacheName: CACHE, ignoreVary: true })) ?? fetch(request);

async function page(request, url) {
  const cache = await caches.open(CACHE);
  const key = PAGES.includes(url.pathname + url.search) ? url.pathname + url.search : "/scan";
  try {
    const answer = await fetch(request.url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { Accept: "text/html" } });
    if (answer.ok) await cache.put("/scan", answer.clone());
    return answer.status < 500 ? answer : ((await kept(cache, key)) ?? answer);
  } catch {
    return (await kept(cache, key)) ?? (await kept(cache, "/scan?lang=zh")) ?? Response.error();
  }
}

const kept = (cache, key) => cache.match(key, { ignoreVary: true });
