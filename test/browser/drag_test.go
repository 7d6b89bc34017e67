package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nightkeeper/internal/loop/page/rota"
)

// place returns where a share of a row is on the screen, from 0 to 1.
func (b *browser) place(row string, share float64) (x, y float64) {
	b.t.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		e.scrollIntoView({block: "center"});
		const r = e.getBoundingClientRect();
		return [r.left + r.width * %f, r.top + 10];
	})()`, row, share))
	return at[0], at[1]
}

// field returns what a field of the override form of the primary schedule has.
func (b *browser) field(name string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector("#override-primary [name=`+name+`]").value`)
}

// An override is drawn over the calendar: the form opens with that time, and only the form makes it.
func TestAnOverrideIsDrawnOnTheCalendar(t *testing.T) {
	w := newWorld(t)
	w.calm()
	b := browse(t, w)
	b.signIn("amira")
	b.open("/oncall")
	const row = `[data-drag="override-primary"]`
	today := w.clock.now().UTC().Truncate(24 * time.Hour)
	for _, l := range []look{looks[0], looks[2]} {
		b.take(l)
		b.open("/oncall")
		b.wait("the script", `document.querySelector("`+strings.ReplaceAll(row, `"`, `\"`)+`") !== null`)
		eval[bool](b, `new Promise((done) => setTimeout(() => done(true), 300))`) // the module is loaded on its own
		x1, y := b.place(row, 2.5/14)
		x2, _ := b.place(row, 4.0/14)
		b.do(chromedp.MouseEvent("mousePressed", x1, y, chromedp.ButtonLeft), chromedp.MouseEvent("mouseMoved", (x1+x2)/2, y, chromedp.ButtonLeft), chromedp.MouseEvent("mouseMoved", x2, y, chromedp.ButtonLeft))
		if eval[int](b, `document.querySelectorAll(".strip-mark").length`) != 1 {
			t.Errorf("%s: what is drawn is not seen", l.name)
		}
		b.do(chromedp.MouseEvent("mouseReleased", x2, y, chromedp.ButtonLeft))
		b.wait("the form", `document.querySelector("#override-primary").open`)
		from, err1 := time.Parse("2006-01-02T15:04", b.field("from"))
		to, err2 := time.Parse("2006-01-02T15:04", b.field("to"))
		// A pixel of the narrow screen is more than an hour.
		if err1 != nil || err2 != nil || from.Sub(today.Add(60*time.Hour)).Abs() > 3*time.Hour || to.Sub(today.Add(96*time.Hour)).Abs() > 3*time.Hour || from.Minute() != 0 {
			t.Errorf("%s: the form has %s to %s, want %s to %s", l.name, b.field("from"), b.field("to"), today.Add(60*time.Hour), today.Add(96*time.Hour))
		}
		if eval[string](b, `document.activeElement.name`) != "people" {
			t.Errorf("%s: the next thing to type is not who", l.name)
		}
		b.shoot("drag-" + l.name)
		// A touch without a way is the whole day.
		x1, y = b.place(row, 2.5/14)
		b.do(chromedp.MouseClickXY(x1, y))
		day := today.AddDate(0, 0, 2).Format("2006-01-02") + "T00:00"
		if got := b.field("from"); got != day || b.field("to") != today.AddDate(0, 0, 3).Format("2006-01-02")+"T00:00" {
			t.Errorf("%s: a click is %s to %s, want the whole of %s", l.name, got, b.field("to"), day)
		}
		b.quiet("drag " + l.name)
		b.fits("drag " + l.name)
	}
	os, err := w.page.Overrides(w.ctx, "", w.clock.now(), w.clock.now().Add(30*24*time.Hour))
	w.must(err)
	if len(os) != 0 {
		t.Errorf("drawing alone made %+v", os)
	}
	eval[bool](b, `(document.querySelector("#override-primary [name=people]").value = "mei", true)`)
	b.do(chromedp.Click("#override-primary button"))
	w.until("the override", func() bool {
		os, err = w.page.Overrides(w.ctx, "primary", w.clock.now(), w.clock.now().Add(30*24*time.Hour))
		return err == nil && len(os) == 1
	})
	if !os[0].From.Equal(today.AddDate(0, 0, 2)) || os[0].People[0] != "mei" {
		t.Errorf("%+v", os[0])
	}
	b.open("/logout")
	v := visit(t, w)
	v.signIn("vera")
	if _, body := v.get("/oncall"); strings.Contains(body, "data-drag") {
		t.Error("who may not act can draw")
	}
}

// A swap is asked for on the page, and only the other can agree.
func TestASwapIsAskedForOnThePage(t *testing.T) {
	w := newWorld(t)
	w.calm()
	mine, theirs := w.half("tomas", 0), w.half("amira", 0)
	if !mine.From.After(w.clock.now()) || mine.From.Before(theirs.To) && theirs.From.Before(mine.To) {
		mine = w.half("tomas", int(theirs.To.Sub(w.clock.now()).Hours())+1)
	}
	sw, err := w.page.AskSwap(w.ctx, mine, theirs, "a wedding", "tomas", w.clock.now())
	w.must(err)
	b := browse(t, w)
	b.signIn("tomas")
	b.open("/oncall")
	line := "#" + sw.ID
	if got := eval[string](b, `[...document.querySelectorAll("`+line+` button")].map((e) => e.textContent).join()`); got != "Withdraw" {
		t.Errorf("who asked can press %q", got)
	}
	b.open("/login")
	b.do(chromedp.SendKeys("input[name=name]", "amira"), chromedp.SendKeys("input[name=password]", backwards("amira")), chromedp.Click("button[type=submit]"), chromedp.WaitReady("#nav"))
	for _, l := range []look{looks[0], looks[2]} {
		b.take(l)
		b.open("/oncall")
		b.quiet("swap " + l.name)
		b.fits("swap " + l.name)
		b.accessible("swap " + l.name)
		b.shoot("swap-" + l.name)
	}
	b.do(chromedp.Click(line + " button.primary"))
	w.until("the swap", func() bool {
		ss, err := w.page.Swaps(w.ctx, w.clock.now())
		return err == nil && len(ss) == 1 && ss[0].State == rota.SwapTaken && ss[0].EndedBy == "amira"
	})
	b.wait("the line gone", `!document.querySelector("`+line+`")`)
}
