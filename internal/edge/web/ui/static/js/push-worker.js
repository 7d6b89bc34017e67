// Runs in the background of a device that allowed messages: shows what is pushed, and what its buttons do.
self.addEventListener("push", (event) => {
  const m = event.data.json();
  event.waitUntil(
    self.registration.showNotification(m.title, {
      body: m.body,
      tag: m.tag || undefined,
      renotify: Boolean(m.tag),
      requireInteraction: !m.quiet,
      data: { url: m.url, ack: m.ack },
      actions: m.ack ? [{ action: "ack", title: "Acknowledge" }] : [],
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  const { url, ack } = event.notification.data;
  event.notification.close();
  if (event.action === "ack") {
    event.waitUntil(acknowledge(event.notification.title, url, ack));
  } else if (url) {
    event.waitUntil(self.clients.openWindow(url));
  }
});

async function acknowledge(title, url, ack) {
  const taken = await fetch(ack, { method: "POST", credentials: "omit" }).then((r) => r.ok, () => false);
  if (taken) return;
  await self.registration.showNotification(title, {
    body: "This could not be acknowledged. Open the page and try there.",
    requireInteraction: true,
    data: { url, ack: "" },
  });
}
