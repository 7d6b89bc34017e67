package page_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	parser "github.com/arran4/golang-ical"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// rotaWorld pages whoever is on call: mira from Thursday nine o'clock, then tomas, then ines, a day each. It is Friday, three
// in the morning.
func rotaWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.cat.Schedules = map[string]*catalog.Schedule{"night": {Meta: catalog.Meta{Name: "night", DisplayName: "Night watch"}, TimeZone: "UTC", Start: "2026-11-26T09:00",
		Turn: catalog.Every(24 * time.Hour), Members: catalog.Crews("mira", "tomas", "ines"), NoticeBefore: catalog.Duration(6 * time.Hour)}}
	w.cat.Policies["default"].Steps = []catalog.Step{{Targets: []catalog.Target{{Schedule: "night"}}}, {After: mins(60 * 24), Targets: []catalog.Target{{Person: "ines"}}}}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) onCall() string {
	w.t.Helper()
	ps, err := w.s.Plans(w.t.Context(), w.Now(), w.Now().Add(time.Hour))
	w.must(err)
	return strings.Join(ps[0].Rota.At(w.Now()).People(), "+")
}

func (w *world) override(hours int, instead string, people ...string) rota.Override {
	w.t.Helper()
	o, err := w.s.MakeOverride(w.t.Context(), rota.Override{Schedule: "night", People: people, Instead: instead, From: w.Now(), To: w.Now().Add(time.Duration(hours) * time.Hour), Reason: "because"}, "mira", w.Now())
	w.must(err)
	w.Settle()
	return o
}

// pages returns who was told of pages; notices are left out.
func (w *world) paged() []string {
	var out []string
	for _, m := range w.mail.sent {
		if !m.Notice {
			out = append(out, m.Person)
		}
	}
	slices.Sort(out) // people of one step are told in any order
	return out
}

func TestEscalationPagesWhoeverStandsIn(t *testing.T) {
	w := rotaWorld(t)
	w.fire("g1", detect.SEV1)
	w.want("by rota", w.paged(), []string{"mira"})
	o := w.override(2, "", "tomas", "ines")
	w.fire("g2", detect.SEV1)
	w.want("with an override", w.paged(), []string{"ines", "mira", "tomas"})
	if _, err := w.s.CancelOverride(t.Context(), o.ID, "tomas", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.fire("g3", detect.SEV1)
	w.want("when it is cancelled", w.paged(), []string{"ines", "mira", "mira", "tomas"})
}

func TestOverrideIsSaidAndMarkedNeverDeleted(t *testing.T) {
	w := rotaWorld(t)
	o := w.override(2, "mira", "tomas")
	facts := w.Facts(page.KindOverridden)
	if len(facts) != 1 || facts[0].Actor != "mira" || facts[0].Subject != o.ID || facts[0].Text != "tomas is on call for night from Fri 27 Nov 2026 03:00 UTC to Fri 27 Nov 2026 05:00 UTC instead of mira: because" {
		t.Errorf("%+v", facts)
	}
	w.want("on call", w.onCall(), "tomas")
	w.For(time.Hour)
	got, err := w.s.CancelOverride(t.Context(), o.ID, "ines", w.Now())
	if err != nil || got.CancelledBy != "ines" || !got.CancelledAt.Equal(w.Now()) {
		t.Fatalf("%+v, %v", got, err)
	}
	w.want("on call", w.onCall(), "mira")
	if again, err := w.s.CancelOverride(t.Context(), o.ID, "tomas", w.Now()); err != nil || again.CancelledBy != "ines" {
		t.Errorf("cancelled twice: %+v, %v", again, err)
	}
	all, err := w.s.Overrides(t.Context(), "night", t0, t0.Add(time.Hour))
	if err != nil || len(all) != 1 || all[0].CancelledBy != "ines" {
		t.Errorf("%+v, %v", all, err)
	}
	w.want("said", len(w.Facts(page.KindUnoverridden)), 1)
	// What was is not rewritten: tomas was on call for an hour.
	r, err := rota.New(w.cat.Schedules["night"], all)
	w.must(err)
	w.want("then", r.At(t0.Add(30*time.Minute)).People(), []string{"tomas"})
	past := w.override(1, "mira", "tomas")
	w.For(2 * time.Hour)
	if _, err := w.s.CancelOverride(t.Context(), past.ID, "ines", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("cancelling what is over: %v", err)
	}
	if _, err := w.s.CancelOverride(t.Context(), "ov_none", "ines", w.Now()); !errs.Is(err, errs.NotFound) {
		t.Errorf("cancelling what never was: %v", err)
	}
	if _, err := w.s.MakeOverride(t.Context(), rota.Override{Schedule: "night", From: w.Now(), To: w.Now().Add(time.Hour)}, "mira", w.Now()); !errs.Is(err, errs.Invalid) {
		t.Errorf("nobody on call: %v", err)
	}
}

func TestCoverIsAskedTakenAndAskedAgain(t *testing.T) {
	w := rotaWorld(t)
	c, err := w.s.AskCover(t.Context(), rota.Cover{Schedule: "night", Person: "mira", From: w.Now().Add(time.Hour), To: w.Now().Add(3 * time.Hour), Reason: "dentist"}, "mira", w.Now())
	w.must(err)
	w.Settle()
	var asked []string
	for _, m := range w.mail.sent {
		asked = append(asked, m.Person+": "+m.Title)
		if !m.Notice || m.Answerable() || m.PageURL != "https://nk.example.org/oncall" {
			t.Errorf("a notice is like a page: %+v", m)
		}
	}
	slices.Sort(asked)
	w.want("the others are told", asked, []string{"ines: Who covers for mira?", "tomas: Who covers for mira?"})
	w.want("open changes nothing", w.onCall(), "mira")
	taken, err := w.s.TakeCover(t.Context(), c.ID, "tomas", "tomas", w.Now())
	if err != nil || taken.State != rota.CoverTaken || taken.Override == "" {
		t.Fatalf("%+v, %v", taken, err)
	}
	if _, err := w.s.TakeCover(t.Context(), c.ID, "ines", "ines", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken twice: %v", err)
	}
	if _, err := w.s.CancelCover(t.Context(), c.ID, "mira", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("cancelled when taken: %v", err)
	}
	w.For(90 * time.Minute)
	w.want("in its time", w.onCall(), "tomas")
	if _, err := w.s.CancelOverride(t.Context(), taken.Override, "tomas", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.want("given back", w.onCall(), "mira")
	open, err := w.s.Covers(t.Context(), "", w.Now())
	if err != nil || len(open) != 1 || open[0].State != rota.CoverOpen || open[0].TakenBy != "" {
		t.Errorf("%+v, %v", open, err)
	}
	got, err := w.s.CancelCover(t.Context(), c.ID, "mira", w.Now())
	if err != nil || got.State != rota.CoverCancelled {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.s.TakeCover(t.Context(), c.ID, "ines", "ines", w.Now()); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken when cancelled: %v", err)
	}
	if _, err := w.s.TakeCover(t.Context(), c.ID, "zoe", "zoe", w.Now()); !errs.Is(err, errs.Invalid) {
		t.Errorf("taken by nobody we know: %v", err)
	}
	if _, err := w.s.AskCover(t.Context(), rota.Cover{Schedule: "night", Person: "ines", From: w.Now(), To: w.Now().Add(time.Hour)}, "ines", w.Now()); !errs.Is(err, errs.Invalid) {
		t.Errorf("cover for somebody who is not on call: %v", err)
	}
	w.want("facts", []int{len(w.Facts(page.KindCoverAsked)), len(w.Facts(page.KindCoverTaken)), len(w.Facts(page.KindCoverCancelled))}, []int{2, 1, 1})
}

func TestASwapNeedsTheOther(t *testing.T) {
	w := rotaWorld(t)
	day := func(n int) time.Time { return time.Date(2026, 11, 26+n, 9, 0, 0, 0, time.UTC) }
	half := func(person string, n int) rota.Half {
		return rota.Half{Schedule: "night", Person: person, From: day(n), To: day(n + 1)}
	}
	r := func() []string {
		ps, err := w.s.Plans(t.Context(), w.Now(), day(3))
		w.must(err)
		return []string{strings.Join(ps[0].Rota.At(day(1)).People(), "+"), strings.Join(ps[0].Rota.At(day(2)).People(), "+")}
	}
	ask := func(by string) rota.Swap {
		t.Helper()
		sw, err := w.s.AskSwap(t.Context(), half("tomas", 1), half("ines", 2), "wedding", by, w.Now())
		w.must(err)
		return sw
	}
	answer := func(id string, take bool, by string) error {
		_, err := w.s.AnswerSwap(t.Context(), id, take, "", by, w.Now())
		return err
	}

	sw := ask("tomas")
	w.Settle()
	if len(w.mail.sent) != 1 || w.mail.sent[0].Person != "ines" || w.mail.sent[0].Title != "Do you swap shifts?" {
		t.Errorf("%+v", w.mail.sent)
	}
	w.want("nothing changes until the other agrees", r(), []string{"tomas", "ines"})
	for _, by := range []string{"tomas", "mira"} {
		if err := answer(sw.ID, true, by); !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "only ines can answer") {
			t.Errorf("%s took it: %v", by, err)
		}
	}
	w.must(answer(sw.ID, true, "ines"))
	w.Settle()
	w.want("swapped", r(), []string{"ines", "tomas"})
	w.want("who asked is told", w.mail.sent[len(w.mail.sent)-1].Person, "tomas")
	if err := answer(sw.ID, false, "ines"); !errs.Is(err, errs.Conflict) {
		t.Errorf("refused after it was taken: %v", err)
	}
	os, err := w.s.Overrides(t.Context(), "night", w.Now(), day(9))
	w.must(err)
	if _, err := w.s.CancelOverride(t.Context(), os[1].ID, "ines", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.want("as before", r(), []string{"tomas", "ines"})
	w.want("both are marked", len(w.Facts(page.KindUnoverridden)), 2)

	sw = ask("ines")
	w.must(answer(sw.ID, false, "tomas"))
	w.want("refused", r(), []string{"tomas", "ines"})
	sw = ask("mira") // for two others: both are asked
	w.must(answer(sw.ID, true, "ines"))
	w.want("one is not enough", r(), []string{"tomas", "ines"})
	w.must(answer(sw.ID, true, "tomas"))
	w.want("both", r(), []string{"ines", "tomas"})
	for _, o := range must(w.s.Overrides(t.Context(), "night", w.Now(), day(9))) {
		if o.CancelledBy == "" {
			must(w.s.CancelOverride(t.Context(), o.ID, "ines", w.Now()))
		}
	}
	sw = ask("tomas")
	if _, err := w.s.CancelSwap(t.Context(), sw.ID, "mira", w.Now()); !errs.Is(err, errs.Denied) {
		t.Errorf("somebody else withdrew it: %v", err)
	}
	must(w.s.CancelSwap(t.Context(), sw.ID, "tomas", w.Now()))
	must(w.s.CancelSwap(t.Context(), sw.ID, "tomas", w.Now()))
	if err := answer(sw.ID, true, "ines"); !errs.Is(err, errs.Conflict) {
		t.Errorf("taken after it was withdrawn: %v", err)
	}
	w.want("facts", []int{len(w.Facts(page.KindSwapAsked)), len(w.Facts(page.KindSwapTaken)), len(w.Facts(page.KindSwapRefused)), len(w.Facts(page.KindSwapCancelled))}, []int{5, 2, 1, 1})
	if _, err := w.s.AskSwap(t.Context(), rota.Half{Schedule: "x", Person: "tomas", From: day(1), To: day(2)}, half("ines", 2), "", "tomas", w.Now()); !errs.Is(err, errs.NotFound) {
		t.Errorf("%v", err)
	}
	sw = ask("tomas")
	w.Until(day(2).Add(time.Hour))
	if err := answer(sw.ID, true, "ines"); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "it was over") {
		t.Errorf("taken too late: %v", err)
	}
}

func TestAManagerMakesASwapWithAReason(t *testing.T) {
	w := rotaWorld(t)
	day := func(n int) time.Time { return time.Date(2026, 11, 26+n, 9, 0, 0, 0, time.UTC) }
	a, b := rota.Half{Schedule: "night", Person: "tomas", From: day(1), To: day(2)}, rota.Half{Schedule: "night", Person: "ines", From: day(2), To: day(3)}
	w.cat.Teams = map[string]*catalog.Team{"night": {Manager: "mira", Members: []string{"tomas"}}, "day": {Manager: "zoe", Members: []string{"mira"}}}
	if _, err := w.s.ForceSwap(t.Context(), a, b, "ill", "zoe", false, w.Now()); !errs.Is(err, errs.Denied) {
		t.Errorf("the manager of another team: %v", err)
	}
	if _, err := w.s.ForceSwap(t.Context(), a, b, " ", "mira", false, w.Now()); !errs.Is(err, errs.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if !w.s.MayForceSwap("night", "mira") || w.s.MayForceSwap("night", "ines") || w.s.MayForceSwap("x", "mira") {
		t.Error("who may make a swap is not who manages one of its people")
	}
	sw := must(w.s.ForceSwap(t.Context(), a, b, "ill", "mira", false, w.Now()))
	if sw.State != rota.SwapTaken || !sw.Forced {
		t.Errorf("%+v", sw)
	}
	w.Settle()
	var told []string
	for _, m := range w.mail.sent {
		told = append(told, m.Person)
	}
	w.want("both are told", told, []string{"ines", "tomas"})
	os := must(w.s.Overrides(t.Context(), "night", w.Now(), day(9)))
	must(w.s.CancelOverride(t.Context(), os[0].ID, "ines", w.Now()))
	must(w.s.ForceSwap(t.Context(), a, b, "ill", "root", true, w.Now()))
	w.want("asked for nothing", len(w.Facts(page.KindSwapAsked)), 0)
}

// notices returns the ones that were sent, with the hours since the beginning, in order.
func (w *world) notices() []string {
	var out []string
	for _, m := range w.mail.sent {
		if m.Notice {
			out = append(out, fmt.Sprintf("%02.0f %s: %s", m.At.Sub(t0).Hours(), m.Person, strings.TrimSuffix(m.Title, ": Night watch")))
		}
	}
	slices.Sort(out)
	return out
}

func TestPeopleHearOfTheirShifts(t *testing.T) {
	w := rotaWorld(t)
	w.cat.People["tomas"].TimeZone = "Asia/Tokyo"
	w.must(w.s.WatchSchedules(t.Context(), w.Now()))
	w.Settle()
	w.want("what is the case is known", w.notices(), []string{})
	w.For(40 * time.Hour)
	want := []string{"06 mira: You are not on call any more", "06 tomas: You are on call now", "24 ines: You are on call soon", "30 ines: You are on call now", "30 tomas: You are not on call any more"}
	w.want("notices", w.notices(), want)
	if !slices.ContainsFunc(w.mail.sent, func(m page.Message) bool {
		return m.Text == "You are on call for Night watch until Sat 28 Nov 18:00 JST."
	}) {
		t.Errorf("not in the person's own zone: %+v", w.mail.sent)
	}
	facts := w.Facts(page.KindHandedOver)
	if len(facts) != 2 || facts[0].Text != "Night watch: tomas is on call now, before it was mira" {
		t.Errorf("%+v", facts)
	}
	w.want("nobody was paged", w.paged(), []string{})
	inbox, err := w.s.Notices(t.Context(), "ines")
	if err != nil || len(inbox) != 4 || inbox[0].Kind != "now" { // by inbox and by mail
		t.Errorf("%+v, %v", inbox, err)
	}
	w.want("facts of delivery", len(w.Facts(page.KindNoticed)), 5)
}

func TestNoticesFollowOverridesAndTheCatalog(t *testing.T) {
	w := rotaWorld(t)
	w.must(w.s.WatchSchedules(t.Context(), w.Now()))
	w.Settle()
	w.override(12, "mira", "ines")
	w.want("at once", w.notices(), []string{"00 ines: You are on call now", "00 mira: You are not on call any more"})
	w.mail.sent = nil
	// The same look again says nothing, and a catalog that was not changed is not looked at again.
	w.must(w.s.WatchSchedules(t.Context(), w.Now()))
	w.Settle()
	w.want("again", w.notices(), []string{})
	c := *w.cat
	changed := *w.cat.Schedules["night"]
	changed.Members = catalog.Crews("tomas")
	c.Schedules = map[string]*catalog.Schedule{"night": &changed}
	w.cat = &c
	w.must(w.s.WatchSchedules(t.Context(), w.Now()))
	w.Settle()
	w.want("with another catalog", w.notices(), []string{"00 ines: You are not on call any more", "00 tomas: You are on call now"})
	w.mail.sent = nil
	changed.NoticeBefore = 0
	w.For(100 * time.Hour)
	w.want("when it says 0", w.notices(), []string{})
}

func TestNoticeThatCannotBeSentSaysSo(t *testing.T) {
	w := rotaWorld(t)
	w.must(w.s.WatchSchedules(t.Context(), w.Now()))
	w.mail.fail = func(page.Message) error { return errs.New(errs.Invalid, "no such mailbox") }
	w.Settle()
	w.override(12, "mira", "ines")
	if facts := w.Facts(page.KindUnnoticed); len(facts) != 2 || !strings.Contains(facts[0].Text, "no such mailbox") {
		t.Errorf("%+v", facts)
	}
	w.mail.fail = func(page.Message) error { return errs.New(errs.Unavailable, "try again") }
	w.override(14, "", "tomas")
	w.mail.fail = nil
	w.For(time.Minute)
	w.want("tried again", slices.Contains(w.notices(), "00 tomas: You are on call now"), true)
}

func TestCalendarsAreReadByTheirAddressOnly(t *testing.T) {
	w := rotaWorld(t)
	o := w.override(2, "mira", "ines")
	token := func(url string) string {
		t.Helper()
		rest, ok := strings.CutPrefix(url, "https://nk.example.org/calendar/")
		if !ok || !strings.HasSuffix(rest, ".ics") {
			t.Fatalf("address %q", url)
		}
		return rest
	}
	f := page.Feed{Kind: "person", Name: "ines"}
	url, err := w.s.FeedURL(t.Context(), f)
	w.must(err)
	read := func(url string) *parser.Calendar {
		t.Helper()
		b, err := w.s.Calendar(t.Context(), token(url), w.Now())
		w.must(err)
		c, err := parser.ParseCalendar(bytes.NewReader(b))
		w.must(err)
		return c
	}
	es := read(url).Events()
	from, err := es[0].GetStartAt()
	if err != nil || !from.Equal(o.From) || len(es) < 50 {
		t.Errorf("%d events, the first from %s, %v", len(es), from, err)
	}
	uids := map[string]bool{}
	for _, e := range es {
		if s := e.GetProperty(parser.ComponentPropertySummary).Value; s != "ines is on call: Night watch" || uids[e.Id()] {
			t.Errorf("%q, UID %q", s, e.Id())
		}
		uids[e.Id()] = true
	}
	for _, e := range read(url).Events() {
		if !uids[e.Id()] {
			t.Errorf("another UID for the same shift: %q", e.Id())
		}
	}
	everybody, err := w.s.FeedURL(t.Context(), page.Feed{Kind: "schedule", Name: "night"})
	w.must(err)
	if n := len(read(everybody).Events()); n < 180 {
		t.Errorf("%d events of the schedule", n)
	}
	fresh, err := w.s.NewFeedURL(t.Context(), f, "ines", w.Now())
	if err != nil || fresh == url {
		t.Fatalf("%q, %v", fresh, err)
	}
	read(fresh)
	w.want("said", len(w.Facts(page.KindCalendarMoved)), 1)
	if now, err := w.s.FeedURL(t.Context(), f); err != nil || now != fresh {
		t.Errorf("%q, %v", now, err)
	}
	forged := strings.Replace(token(fresh), fmt.Sprintf("%x", "ines"), fmt.Sprintf("%x", "mira"), 1)
	for _, bad := range []string{token(url), forged, "", "person", "person.zz.aa", "person." + fmt.Sprintf("%x", "ines") + ".", "..", token(fresh) + "x"} {
		if b, err := w.s.Calendar(t.Context(), bad, w.Now()); !errs.Is(err, errs.NotFound) {
			t.Errorf("%q: %d bytes, %v", bad, len(b), err)
		}
	}
	for _, f := range []page.Feed{{Kind: "person", Name: "zoe"}, {Kind: "schedule", Name: "day"}, {Kind: "team", Name: "ops"}} {
		if _, err := w.s.FeedURL(t.Context(), f); !errs.Is(err, errs.NotFound) {
			t.Errorf("%+v: %v", f, err)
		}
		if _, err := w.s.NewFeedURL(t.Context(), f, "x", w.Now()); !errs.Is(err, errs.NotFound) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestMyShifts(t *testing.T) {
	w := rotaWorld(t)
	w.override(2, "mira", "ines")
	got, err := w.s.Stints(t.Context(), "ines", w.Now(), 3, 30*24*time.Hour)
	if err != nil || len(got) != 3 || got[0].Instead != "mira" || !got[1].From.Equal(time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := w.s.Stints(t.Context(), "zoe", w.Now(), 3, 30*24*time.Hour); err != nil || len(got) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Overrides come in a storm of transactions: what is said and what counts is the same.
func TestFactsAndOverridesAreWrittenTogether(t *testing.T) {
	w := rotaWorld(t)
	for range 20 {
		w.override(1, "", "tomas")
	}
	var os []rota.Override
	w.must(w.DB.View(t.Context(), func(tx *store.Tx) (err error) {
		os, err = tx.Overrides(t.Context(), "", t0.Add(-time.Hour), t0.Add(time.Hour))
		return err
	}))
	w.want("facts and overrides", []int{len(w.Facts(page.KindOverridden)), len(os)}, []int{20, 20})
}
