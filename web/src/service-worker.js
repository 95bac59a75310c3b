/**
 * Keeps the page for when there is no network: its own files when it is installed, those of the device folder when they are first fetched.
 * What goes to the service (v1/…) is never kept.
 */
const worker = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const PAGE = `page-${SHELL_VERSION}`;
const DEVICE = "device";
/** Let the browser use several threads, where the host of static files does not send them. */
const ISOLATION = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

worker.addEventListener("install", (event) => {
  const kept = caches.open(PAGE).then((cache) => cache.addAll(SHELL.map((path) => new Request(path, { cache: "no-cache" }))));
  event.waitUntil(kept.then(() => worker.skipWaiting()));
});

worker.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== PAGE && name !== DEVICE).map((name) => caches.delete(name))));
  event.waitUntil(Promise.all([old, forgetOldRuntimes()]).then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  const home = new URL(worker.registration.scope);
  if (event.request.method !== "GET" || address.origin !== home.origin || !address.pathname.startsWith(home.pathname)) return;
  const path = address.pathname.slice(home.pathname.length);
  const shell = SHELL.find((name) => name.split("?")[0] === path || (name === "./" && (path === "" || path === "index.html")));
  if (shell) event.respondWith(answered(event.request, shell));
  else if (path.startsWith("device/")) event.respondWith(isFixed(path, address) ? firstKept(event.request) : firstFetched(event.request));
});

async function forgetOldRuntimes() {
  const cache = await caches.open(DEVICE);
  const old = (await cache.keys()).filter(({ url }) => url.includes("/device/ort-") && !url.includes(`/device/ort-${ORT_VERSION}/`));
  await Promise.all(old.map((request) => cache.delete(request)));
}

/** Named by version or checksum: what is kept cannot be old. @param {string} path @param {URL} address */
function isFixed(path, address) {
  return path.startsWith("device/ort-") || address.search !== "";
}

/** @param {Request} request @param {string} shell */
async function answered(request, shell) {
  const kept = await caches.match(shell, { cacheName: PAGE });
  return isolated(kept ?? (await fetch(request)));
}

/** @param {Request} request */
async function firstKept(request) {
  const kept = await caches.match(request, { cacheName: DEVICE });
  return isolated(kept ?? (await fetchedAndKept(request)));
}

/** @param {Request} request */
async function firstFetched(request) {
  try {
    return await fetchedAndKept(request);
  } catch (problem) {
    const kept = await caches.match(request, { cacheName: DEVICE });
    if (kept) return kept;
    throw problem;
  }
}

/** @param {Request} request */
async function fetchedAndKept(request) {
  const answer = await fetch(request);
  if (!answer.ok) return answer;
  const cache = await caches.open(DEVICE);
  const address = new URL(request.url);
  for (const old of address.search ? await cache.keys(request, { ignoreSearch: true }) : []) await cache.delete(old); // an older network
  await cache.put(request, answer.clone());
  return answer;
}

/** @param {Response} answer */
function isolated(answer) {
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}
