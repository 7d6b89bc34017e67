package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The calendars show a week, two or a month, later days too, and say who a bar is also where no name fits into it.
func TestCalendarShowsAMonthAndLaterDays(t *testing.T) {
	w := newWorld(t)
	b := browse(t, w)
	b.signIn("amira")
	bars := func() float64 {
		return eval[float64](b, `[...document.querySelectorAll("#rosters .strip[data-starts]")].at(-1).dataset.starts.split(" ").length - 1`)
	}
	b.open("/oncall")
	if got := bars(); got != 14 {
		t.Errorf("got %v days, want 14", got)
	}
	b.do(chromedp.Click(`nav[aria-label="Days shown"] a:last-child`, chromedp.NodeVisible), chromedp.WaitReady(`nav[aria-label="Days shown"] a:last-child[aria-current]`))
	if got := bars(); got != 28 {
		t.Errorf("got %v days, want 28", got)
	}
	first := eval[string](b, `document.querySelector("#rosters .strip[data-starts]").dataset.starts.split(" ").at(-1).split("@")[1]`)
	b.do(chromedp.Click(`.spread a[rel=next]`, chromedp.NodeVisible), chromedp.WaitReady(`.spread a[rel=prev]`))
	b.wait("later days", `document.querySelector("#rosters .strip[data-starts]")?.dataset.starts.split(" ")[0].endsWith("@`+first+`")`)
	titles := eval[[]string](b, `[...document.querySelectorAll(".strip-names title")].map((e) => e.textContent)`)
	if got := strings.Join(titles, "\n"); !strings.Contains(got, "amira, mei from ") || !strings.Contains(got, "nobody from ") {
		t.Errorf("bars say %s", got)
	}
	b.do(chromedp.Click(`.spread a[rel=prev]`, chromedp.NodeVisible), chromedp.WaitReady(`.spread:not(:has(a[rel=prev]))`))
}
