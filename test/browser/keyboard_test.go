package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// focus is what has the focus, as a selector would say it.
const focus = `(() => { const e = document.activeElement; return (e.closest("details.confirm")?.id ?? "") + " " + e.tagName.toLowerCase() + (e.id ? "#" + e.id : ""); })()`

// Whoever works by keyboard gets the focus back: after the help, after a form that was left or sent, and after what had it
// is gone.
func TestFocusComesBack(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := string(w.burn())
	b := browse(t, w)
	b.signIn("amira")
	b.open("/incidents/" + id)
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	f := func(when, want string) {
		t.Helper()
		if got := strings.TrimSpace(eval[string](b, focus)); got != want {
			t.Errorf("%s: the focus is at %q, want %q", when, got, want)
		}
	}
	eval[bool](b, `document.querySelector("[data-keys-help]").focus(); true`)
	b.do(chromedp.KeyEvent("\r"))
	b.wait("help", `document.querySelector("#keys").open`)
	b.do(chromedp.KeyEvent("\x1b"))
	b.wait("no help", `!document.querySelector("#keys").open`)
	if !eval[bool](b, `document.activeElement.matches("[data-keys-help]")`) {
		f("after help", "button")
	}

	// A form that is left with Escape keeps what was written, also over an update of its part of the page.
	eval[bool](b, `document.querySelector("#order-resolve > summary").focus(); true`)
	b.do(chromedp.KeyEvent("\r"), chromedp.KeyEvent("\t"))
	f("in the form", "order-resolve input")
	b.do(chromedp.KeyEvent("too early"))
	eval[bool](b, `window.swapped = 0; document.addEventListener("htmx:after:swap", () => window.swapped++); true`)
	b.wait("an update", `window.swapped > 0`)
	f("after an update", "order-resolve input")
	if got := eval[string](b, `document.querySelector("#order-resolve input").value`); got != "too early" {
		t.Errorf("what was written is now %q", got)
	}
	b.do(chromedp.KeyEvent("\x1b"))
	b.wait("a closed form", `!document.querySelector("#order-resolve").open`)
	f("after Escape", "order-resolve summary")

	// A form that was sent closes, and the focus is at what opened it.
	eval[bool](b, `document.querySelector("#order-role > summary").focus(); true`)
	b.do(chromedp.KeyEvent("\r"), chromedp.Focus("#order-role form button"), chromedp.KeyEvent("\r"))
	b.wait("a closed form", `!document.querySelector("#order-role").open`)
	f("after a form was sent", "order-role summary")

	b.do(chromedp.Focus(".room-bar .ack button"), chromedp.KeyEvent("\r"))
	b.wait("who has it", `document.querySelector(".room-bar").textContent.includes("Acknowledged")`)
	b.wait("the focus in the page", `document.activeElement.id === "main"`)
	b.quiet("focus")
}

// Whatever can be pressed can be reached by the tab key, on every kind of page.
func TestEveryActionIsReachedByKeyboard(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := string(w.burn())
	pages := w.paged()
	b := browse(t, w)
	b.signIn("amira")
	for _, path := range []string{"/", "/incidents/" + id, "/alerts", "/tickets", "/oncall", "/oncall/contacts", "/teams", "/teams/platform", "/people/amira", "/pages/" + string(pages[0].ID), "/map", "/silences", "/heartbeats", "/integrations", "/runbooks/retry-storm", "/settings/tokens", "/accounts"} {
		b.open(path)
		if bad := eval[[]string](b, `[...document.querySelectorAll("main *")].filter((e) => {
			if (!e.checkVisibility() || e.closest("svg")) return false;
			const press = e.matches("a[href], button:not(:disabled), summary, input:not([type=hidden]), select, textarea");
			if (press) return e.tabIndex < 0;
			return getComputedStyle(e).cursor === "pointer" && !e.closest("a, button, summary, label, input, select");
		}).map((e) => e.outerHTML.slice(0, 120))`); len(bad) > 0 {
			t.Errorf("%s: cannot be reached: %s", path, strings.Join(bad, "\n"))
		}
	}
}

// Every time is written by the reader's clock and says the exact time with its zone; where only how long ago is written, the
// focus shows it.
func TestTimesAreExactInTheReadersZone(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := string(w.burn())
	pages := w.paged()
	b := browse(t, w)
	b.signIn("amira")
	for _, path := range []string{"/", "/incidents", "/incidents/" + id, "/alerts", "/pages/" + string(pages[0].ID), "/teams/storefront"} {
		eval[string](b, `document.cookie = "nightkeeper_zone=Asia%2FKolkata; path=/"`)
		b.open(path)
		if n := eval[int](b, `document.querySelectorAll("main time").length`); n == 0 {
			t.Errorf("%s has no time", path)
		}
		if bad := eval[[]string](b, `[...document.querySelectorAll("main time")].filter((e) => !/^(since |until )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d IST$/.test(e.title) || !e.dateTime || !e.textContent.trim()).map((e) => e.outerHTML)`); len(bad) > 0 {
			t.Errorf("%s: %s", path, strings.Join(bad, "\n"))
		}
	}
	b.open("/alerts")
	b.do(chromedp.Focus("#alerts tbody a"))
	shown := eval[string](b, `getComputedStyle(document.querySelector("#alerts tbody time"), "::after").content`)
	if want := fmt.Sprintf("%q", eval[string](b, `document.querySelector("#alerts tbody time").title`)); shown != want {
		t.Errorf("the focus in a row shows %s, want %s", shown, want)
	}
}
