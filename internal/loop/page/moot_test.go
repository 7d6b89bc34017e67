package page_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// day is nine o'clock on a day of rotaWorld: mira is on call from 0, tomas from 1, ines from 2.
func day(n int) time.Time { return time.Date(2026, 11, 26+n, 9, 0, 0, 0, time.UTC) }

func half(person string, n int) rota.Half {
	return rota.Half{Schedule: "night", Person: person, From: day(n), To: day(n + 1)}
}

func says(t *testing.T, err error, code errs.Code, want string) {
	t.Helper()
	if !errs.Is(err, code) || !strings.Contains(errs.Message(err), want) {
		t.Errorf("got %v, want %s with %q", err, code, want)
	}
}

func TestAnOverrideInsteadOfSomebodyChangesTheirShifts(t *testing.T) {
	w := rotaWorld(t)
	w.cat.People["ines"].TimeZone = "Asia/Tokyo"
	f := func(instead string, from, to time.Time) (rota.Override, error) {
		return w.s.MakeOverride(t.Context(), rota.Override{Schedule: "night", People: []string{"zoe"}, Instead: instead, From: from, To: to}, "mira", w.Now())
	}
	w.cat.People["zoe"] = w.cat.People["mira"]
	_, err := f("ines", day(0), day(2))
	says(t, err, errs.Invalid, "ines is not on call on night between Fri 27 Nov 2026 03:00 UTC (for ines 12:00 JST) and Sat 28 Nov 2026 09:00 UTC (for ines 18:00 JST); on call then: mira and tomas")
	w.want("overrides", len(w.Facts(page.KindOverridden)), 0)
	o := must(f("ines", day(1), day(3)))
	w.want("a part of it", o.Changes, []rota.Span{{From: day(2), To: day(3)}})
	if e := w.Facts(page.KindOverridden)[0]; !strings.HasSuffix(e.Text, "instead of ines, who is on call from Sat 28 Nov 2026 09:00 UTC to Sun 29 Nov 2026 09:00 UTC of it") {
		t.Error(e.Text)
	}
	kept := must(w.s.Overrides(t.Context(), "night", day(1), day(2)))
	w.want("kept", kept[0].Changes, o.Changes)
	w.want("all of it", must(f("tomas", day(1), day(2))).Partly(), false)
}

func TestWhatNobodyNeedsAnyMoreIsClosed(t *testing.T) {
	w := rotaWorld(t)
	cover := func(person string, n int) rota.Cover {
		return must(w.s.AskCover(t.Context(), rota.Cover{Schedule: "night", Person: person, From: day(n), To: day(n + 1)}, person, w.Now()))
	}
	gone, stays := cover("tomas", 1), cover("mira", 3)
	swap := must(w.s.AskSwap(t.Context(), half("tomas", 1), half("ines", 2), "", "tomas", w.Now()))
	other := must(w.s.AskSwap(t.Context(), half("mira", 3), half("ines", 2), "", "mira", w.Now()))
	w.Settle()
	w.mail.sent = nil
	must(w.s.ForceSwap(t.Context(), half("tomas", 1), half("mira", 6), "ill", "root", true, w.Now()))
	w.Settle()
	told := []string{}
	for _, m := range w.mail.sent {
		told = append(told, m.Person+": "+m.Title)
	}
	slices.Sort(told)
	w.want("those concerned are told", told, []string{"ines: No swap any more", "mira: Shifts were swapped", "tomas: No cover is needed any more", "tomas: No swap any more", "tomas: Shifts were swapped"})
	const why = "tomas is not on call on night between Fri 27 Nov 2026 09:00 UTC and Sat 28 Nov 2026 09:00 UTC; on call then: mira"
	for _, kind := range []string{page.KindCoverCancelled, page.KindSwapCancelled} {
		if es := w.Facts(kind); len(es) != 1 || es[0].Actor != event.System || !strings.HasSuffix(es[0].Text, "is closed, because root changed who is on call: "+why) {
			t.Errorf("%s: %+v", kind, es)
		}
	}
	_, err := w.s.TakeCover(t.Context(), gone.ID, "ines", "ines", w.Now())
	says(t, err, errs.Conflict, "the request was closed: "+why)
	_, err = w.s.AnswerSwap(t.Context(), swap.ID, true, "", "ines", w.Now())
	says(t, err, errs.Conflict, "the swap was closed: "+why)
	must(w.s.AnswerSwap(t.Context(), other.ID, true, "", "ines", w.Now()))
	// That took ines' place on day 3, and mira's cover with it.
	_, err = w.s.TakeCover(t.Context(), stays.ID, "tomas", "tomas", w.Now())
	says(t, err, errs.Conflict, "mira is not on call on night")
	w.want("open", slices.ContainsFunc(must(w.s.Covers(t.Context(), "night", w.Now())), func(c rota.Cover) bool { return c.State == rota.CoverOpen }), false)
}

// The catalog may change while a request is open: nobody closes it then, and nobody can take it.
func TestACoverForNothingIsNotTaken(t *testing.T) {
	w := rotaWorld(t)
	c := must(w.s.AskCover(t.Context(), rota.Cover{Schedule: "night", Person: "tomas", From: day(1), To: day(2)}, "tomas", w.Now()))
	w.cat.Schedules["night"].Members = w.cat.Schedules["night"].Members[:1]
	_, err := w.s.TakeCover(t.Context(), c.ID, "ines", "ines", w.Now())
	says(t, err, errs.Conflict, "there is nothing to cover any more: tomas is not on call")
}

func TestWhatIsOverNamesTheClockOfTheSchedule(t *testing.T) {
	w := rotaWorld(t)
	w.cat.Schedules["night"].TimeZone = "Europe/Berlin"
	w.cat.People["ines"].TimeZone = "America/New_York"
	from, to := day(0), day(1)
	c := must(w.s.AskCover(t.Context(), rota.Cover{Schedule: "night", Person: "mira", From: from, To: to.Add(-2 * time.Hour)}, "mira", w.Now()))
	sw := must(w.s.AskSwap(t.Context(), rota.Half{Schedule: "night", Person: "mira", From: from, To: to.Add(-2 * time.Hour)}, rota.Half{Schedule: "night", Person: "ines", From: day(2), To: day(3)}, "", "mira", w.Now()))
	w.Until(day(1))
	const want = "it was over on Fri 27 Nov 2026 08:00 CET (for ines 02:00 EST)"
	_, err := w.s.TakeCover(t.Context(), c.ID, "ines", "ines", w.Now())
	says(t, err, errs.Conflict, want)
	_, err = w.s.AnswerSwap(t.Context(), sw.ID, true, "", "ines", w.Now())
	says(t, err, errs.Conflict, want)
}
