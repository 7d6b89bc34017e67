package browser

import (
	"testing"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
)

// mark writes something into the page that a reload would lose.
func (b *browser) mark() { eval[bool](b, `window.marked = true`) }

// same fails the test when the page was loaded again since mark.
func (b *browser) same() {
	b.t.Helper()
	if !eval[bool](b, `window.marked === true`) {
		b.t.Error("the page was loaded again; it must change in place")
	}
}

// A fact that somebody else causes appears in the room without a reload; what is being typed stays, and nothing jumps.
func TestRoomChangesInPlace(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := w.burn()
	b := browse(t, w)
	b.signIn("amira")
	b.open("/incidents/" + string(id))
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	b.mark()
	b.do(chromedp.SendKeys("textarea[name=text]", "half a thought", chromedp.NodeVisible))
	before := eval[float64](b, `(scrollTo(0, document.querySelector("#facts").offsetTop), scrollY)`)

	w.must(w.respond.Note(w.ctx, id, "tomas", "Preferences were deployed at noon; I look at the diff.", w.clock.now()))
	b.wait("the note of somebody else", `document.querySelector("#facts").textContent.includes("I look at the diff")`)
	w.must(w.respond.Command(w.ctx, id, "tomas", "tomas", w.clock.now()))
	b.wait("the new commander", `document.querySelector(".room-head").textContent.includes("tomas")`)

	b.same()
	if got := eval[string](b, `document.querySelector("textarea[name=text]").value`); got != "half a thought" {
		t.Errorf("the note that was being written is now %q", got)
	}
	if after := eval[float64](b, `scrollY`); after != before {
		t.Errorf("the page jumped from %v to %v", before, after)
	}
	b.wait("charts", `document.querySelectorAll("[data-chart] canvas").length === 6`)

	b.do(chromedp.Click(".note-form button"))
	b.wait("my own note", `document.querySelector("#facts").textContent.includes("half a thought")`)
	b.wait("an empty form", `document.querySelector("textarea[name=text]").value === ""`)
	b.do(chromedp.Click(`[data-filter] label:nth-of-type(2)`))
	b.wait("only people", `[...document.querySelectorAll("#facts .of-machine")].every((e) => getComputedStyle(e).display === "none")`)
	w.must(w.respond.Note(w.ctx, id, "mei", "I am here too.", w.clock.now()))
	b.wait("a note while filtered", `document.querySelector("#facts").textContent.includes("I am here too")`)
	b.wait("the filter after an update", `[...document.querySelectorAll("#facts .of-machine")].every((e) => getComputedStyle(e).display === "none")`)
	b.same()
	b.quiet("room")
}

// The page is acknowledged and the question answered from where they are shown, in place.
func TestAckAndApproveInPlace(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := w.burn()
	b := browse(t, w)
	b.signIn("amira")
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	b.mark()
	b.do(chromedp.Click(".fire-act button"))
	b.wait("who has it", `document.querySelector(".fire-act").textContent.includes("Acknowledged")`)
	b.same()
	ps := w.paged()
	if len(ps) == 0 || ps[0].State != page.Acked || ps[0].AckedBy != "amira" {
		t.Errorf("got pages %+v, want one that amira acknowledged", ps)
	}

	b.do(chromedp.SendKeys(".ask input[name=reason]", "the repeats are the trouble"), chromedp.Click(`.ask button[value=yes]`))
	b.wait("no more question", `document.querySelector(".ask") === null`)
	b.same()
	as, err := w.remediate.PendingApprovals(w.ctx)
	w.must(err)
	if len(as) != 0 {
		t.Errorf("still pending: %+v", as)
	}
	runs, err := w.remediate.List(w.ctx, id, 1)
	w.must(err)
	_, _, decided, err := w.remediate.Get(w.ctx, runs[0].ID)
	w.must(err)
	if len(decided) != 1 || decided[0].State != remediate.Granted || decided[0].DecidedBy != "amira" || decided[0].Reason != "the repeats are the trouble" {
		t.Errorf("got %+v, want granted by amira with her reason", decided)
	}
	b.open("/runs/" + string(runs[0].ID))
	b.wait("the request of the run", `document.querySelector(".steps").textContent.includes("http.post")`)
	b.quiet("ack and approve")
}

// What is refused says so at the edge of the page, and changes nothing.
func TestRefusalIsSaid(t *testing.T) {
	w := newWorld(t)
	w.calm()
	id := w.burn()
	b := browse(t, w)
	b.signIn("amira")
	b.open("/incidents/" + string(id))
	b.wait("the feed", `document.querySelector("#live").dataset.state === "on"`)
	_, err := w.respond.Resolve(w.ctx, id, "tomas", "stopped by hand", w.clock.now())
	w.must(err)
	b.wait("the end", `document.querySelector(".room-head").textContent.includes("resolved")`)
	b.do(chromedp.Click("#order-role > summary"), chromedp.Click("#order-role form button"))
	b.wait("the refusal", `document.querySelector("#toasts").textContent.includes("already resolved")`)
}

// The keyboard goes everywhere: shortcuts, rows, forms, and help.
func TestKeyboard(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.signIn("amira")
	w.clock.run()
	for _, to := range []struct{ keys, path string }{{"gi", "/incidents"}, {"gs", "/services"}, {"gm", "/map"}, {"gn", "/"}} {
		b.do(chromedp.WaitReady("#nav"))
		for _, k := range to.keys {
			b.do(chromedp.KeyEvent(string(k)))
		}
		b.do(chromedp.WaitReady(`#nav a[href="` + to.path + `"][aria-current]`))
	}
	b.open("/services")
	b.do(chromedp.KeyEvent("/"))
	b.wait("the field", `document.activeElement.matches("input[data-find]")`)
	// The driver sends the letter itself although the page has taken the key.
	eval[string](b, `document.activeElement.value = ""`)
	b.do(chromedp.KeyEvent("pay"))
	b.wait("the filter", `[...document.querySelectorAll("#services-table tbody tr")].filter((r) => !r.hidden).length === 1`)
	b.do(chromedp.Blur("input[data-find]"), chromedp.KeyEvent("j"))
	b.wait("the row", `document.activeElement.textContent === "payment-api"`)
	b.do(chromedp.KeyEvent("?"))
	b.wait("help", `document.querySelector("#keys").open`)
	// Whatever the tab key reaches shows that it has the focus.
	b.open("/")
	for range 30 {
		b.do(chromedp.KeyEvent("\t"))
		if bad := eval[string](b, `(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			return e === document.body || s.outlineStyle !== "none" || e.className === "skip" ? "" : e.outerHTML.slice(0, 120);
		})()`); bad != "" {
			t.Errorf("has the focus and does not show it: %s", bad)
		}
	}
	b.quiet("keyboard")
}

// The theme changes at once and is remembered.
func TestThemeIsRemembered(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.signIn("amira")
	b.do(chromedp.Click(`.theme button[value=day]`))
	b.wait("day", `document.documentElement.dataset.theme === "day" && document.cookie.includes("nightkeeper_theme=day")`)
	b.open("/slos")
	if got := eval[string](b, `document.documentElement.dataset.theme`); got != "day" {
		t.Errorf("got theme %q on the next page, want day", got)
	}
	b.quiet("theme")
}

// On a phone the way around is one press away, and goes away again.
func TestPhoneMenu(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.signIn("amira")
	b.take(looks[2])
	b.open("/slos")
	b.wait("a closed menu", `getComputedStyle(document.querySelector("#nav")).display === "none"`)
	b.do(chromedp.Click(".menu", chromedp.NodeVisible))
	b.wait("an open menu", `getComputedStyle(document.querySelector("#nav")).display === "flex"`)
	b.fits("menu")
	b.accessible("menu")
	b.shoot("menu-phone-night")
	b.do(chromedp.KeyEvent("\x1b"))
	b.wait("a closed menu", `getComputedStyle(document.querySelector("#nav")).display === "none"`)
	b.do(chromedp.Click(".menu", chromedp.NodeVisible), chromedp.Click(`#nav a[href="/oncall"]`, chromedp.NodeVisible), chromedp.WaitReady(`#nav a[href="/oncall"][aria-current]`))
	b.quiet("menu")
}
