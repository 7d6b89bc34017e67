// Drawing over the row of a schedule opens the form of an override with that time in it: whole hours, and on a small screen
// whole days too when a finger is laid on one. The form is there for the keyboard as well; this only fills it in.
const HOUR = 60;
const LEAST = 6; // pixels that a pointer moves before it draws

// Where each day begins, in per cent of the row, and its date; days differ in length when clocks change.
function days(strip) {
  return strip.dataset.starts.split(" ").map((s) => {
    const [x, date] = s.split("@");
    return { x: Number(x), date };
  });
}

// The local time at a place of the row, to the hour; as the form writes it.
function timeAt(list, x) {
  const share = Math.min(Math.max(x, 0), 100);
  let i = 0;
  while (i + 2 < list.length && share >= list[i + 1].x) i++;
  const within = (share - list[i].x) / (list[i + 1].x - list[i].x);
  let minutes = Math.round((within * 24 * 60) / HOUR) * HOUR;
  let date = list[i].date;
  if (minutes >= 24 * 60) {
    date = list[i + 1].date;
    minutes = 0;
  }
  return `${date}T${String(Math.floor(minutes / 60)).padStart(2, "0")}:00`;
}

function fill(strip, a, b) {
  const box = document.getElementById(strip.dataset.drag);
  if (!box) return;
  const list = days(strip);
  let [from, to] = [timeAt(list, Math.min(a, b)), timeAt(list, Math.max(a, b))];
  if (from === to) {
    // A touch without a way is the whole day.
    const date = from.slice(0, 10);
    const k = Math.min(list.findIndex((d) => d.date === date), list.length - 2);
    [from, to] = [`${list[k].date}T00:00`, `${list[k + 1].date}T00:00`];
  }
  box.open = true;
  box.querySelector("[name=from]").value = from;
  box.querySelector("[name=to]").value = to;
  const who = box.querySelector("[name=people]");
  who.focus({ preventScroll: true });
  box.scrollIntoView({ block: "nearest" });
}

export function start() {
  let drawing = null;
  const share = (strip, event) => {
    const r = strip.getBoundingClientRect();
    return (100 * (event.clientX - r.left)) / r.width;
  };
  const end = () => {
    drawing?.mark.remove();
    drawing = null;
  };
  document.addEventListener("pointerdown", (event) => {
    const strip = event.target.closest?.("[data-drag]");
    if (!strip || event.button !== 0) return;
    const mark = document.createElement("span");
    mark.className = "strip-mark";
    drawing = { strip, mark, id: event.pointerId, x: event.clientX, from: share(strip, event), moved: false };
    strip.setPointerCapture?.(event.pointerId);
    if (event.pointerType === "mouse") event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (!drawing || event.pointerId !== drawing.id) return;
    if (!drawing.moved && Math.abs(event.clientX - drawing.x) < LEAST) return;
    if (!drawing.moved) drawing.strip.append(drawing.mark);
    drawing.moved = true;
    const [a, b] = [drawing.from, share(drawing.strip, event)].map((v) => Math.min(Math.max(v, 0), 100));
    drawing.mark.style.left = `${Math.min(a, b)}%`;
    drawing.mark.style.width = `${Math.abs(b - a)}%`;
  });
  document.addEventListener("pointerup", (event) => {
    if (!drawing || event.pointerId !== drawing.id) return;
    const { strip, from, moved } = drawing;
    end();
    fill(strip, from, moved ? share(strip, event) : from);
  });
  document.addEventListener("pointercancel", end); // a finger that scrolls the page
}
