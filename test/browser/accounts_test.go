package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// An admin makes an account on the page and sees its link once.
func TestAnAccountIsMadeOnThePage(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.signIn("amira")
	b.see(t, looks, "/accounts", "accounts")
	b.take(looks[2])
	b.open("/accounts")
	b.do(chromedp.SendKeys("input[name=name]", "mei"), chromedp.Click("#main form[action='/accounts'] button"), chromedp.WaitVisible("code.secret"))
	b.fits("the link")
	b.accessible("the link")
	b.shoot("accounts-link")
	if got := eval[string](b, `document.querySelector("#account-mei").textContent`); got == "" {
		t.Error("the account is not listed")
	}
	b.do(chromedp.Click("#disable-amira > summary"), chromedp.WaitVisible("#disable-amira button"))
	b.fits("disable")
	b.open("/accounts")
	if eval[bool](b, `document.querySelector("code.secret") !== null`) {
		t.Error("the link is shown again")
	}
	b.quiet("accounts")
}
