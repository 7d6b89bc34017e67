// The button that has messages pushed to this device. It shows itself only when the browser can do it.
export async function start() {
  const box = document.querySelector("[data-push]");
  if (!box || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const key = box.dataset.push;
  const button = box.querySelector("button");
  const note = box.querySelector("[data-push-note]");
  const registration = await navigator.serviceWorker.register("/push-worker.js");
  let subscription = await registration.pushManager.getSubscription();

  const show = (text) => {
    button.textContent = subscription ? "Do not push to this device" : "Push to this device";
    if (text) note.textContent = text;
    box.hidden = false;
  };

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (subscription) {
        await send("/api/v1/push/devices/drop", { endpoint: subscription.endpoint });
        await subscription.unsubscribe();
        subscription = null;
        show("Messages are not pushed to this device any more.");
      } else {
        const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
        const { endpoint, keys } = made.toJSON();
        await send("/api/v1/push/devices", { endpoint, keys, name: navigator.userAgent.slice(0, 190) });
        subscription = made;
        show("Messages to you are pushed to this device. Send yourself a test.");
      }
    } catch (error) {
      show(`That did not work: ${error.message}`);
    }
    button.disabled = false;
  });
  show("");
}

async function send(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (answer.ok) return;
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail || `the server answered ${answer.status}`);
}
