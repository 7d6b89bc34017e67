package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/edge/web/ui"
	"nightkeeper/internal/loop/page"
)

// pushKey is a public key of web push of nobody; a browser without a push service never gets to use it.
const pushKey = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"

// A person looks at their own contacts, tries one, and allows this browser. A browser without a push service cannot be
// subscribed: the worker is registered, and why it does not go further is said.
func TestAPersonTriesTheirContacts(t *testing.T) {
	w := newWorld(t, func(c *ui.Config) { c.PushKey = pushKey })
	w.calm()
	w.must(w.page.AddDevice(w.ctx, page.Device{Person: "amira", Name: "an older phone", Endpoint: "https://push.example.com/1", Key: pushKey, Auth: "AAAAAAAAAAAAAAAAAAAAAA"}, w.clock.now()))
	b := browse(t, w)
	b.signIn("amira")
	b.do(chromedp.Click(".who a"), chromedp.WaitReady("#contacts"))
	if got := eval[string](b, `location.pathname`); got != "/people/amira" {
		t.Fatalf("the name in the menu leads to %s", got)
	}
	for _, l := range looks {
		b.take(l)
		b.open("/people/amira")
		b.wait("the button of this device", `!document.querySelector("[data-push]").hidden`)
		b.quiet("profile " + l.name)
		b.fits("profile " + l.name)
		b.accessible("profile " + l.name)
		b.shoot("profile-" + l.name)
	}
	channel := eval[string](b, `document.querySelector("#contacts input[name=channel]").value`)
	b.do(chromedp.Click("#contacts form button"))
	// This server has no such channel, and the page says so.
	b.wait("what became of it", `document.querySelector("#contacts").textContent.includes("channel `+channel+` is not configured")`)
	if got := eval[string](b, `navigator.serviceWorker.ready.then((r) => r.active.scriptURL)`); !strings.HasSuffix(got, "/push-worker.js") {
		t.Errorf("the worker in the background is %q", got)
	}
	b.do(chromedp.Click("[data-push] button"))
	b.wait("an answer", `document.querySelector("[data-push-note]").textContent.startsWith("That did not work") || document.querySelector("[data-push-note]").textContent.startsWith("Messages to you are pushed")`)
	b.do(chromedp.Click("#contacts form[action$='/devices/drop'] button"))
	b.wait("the older phone forgotten", `!document.querySelector("#contacts").textContent.includes("an older phone")`)
	if ds, err := w.page.Devices(w.ctx, "amira"); err != nil || len(ds) != 0 {
		t.Errorf("%v %v", ds, err)
	}
	v := visit(t, w)
	v.signIn("tomas")
	if _, body := v.get("/people/amira"); strings.Contains(body, "/people/amira/test") || strings.Contains(body, "an older phone") {
		t.Error("somebody else sees and tries the contacts")
	}
}
