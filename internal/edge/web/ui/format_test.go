package ui

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
)

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestNumbersAreSaidTheWayPeopleDo(t *testing.T) {
	check(t, "42 s", elapsed(42*time.Second), "42 s")
	check(t, "an hour", elapsed(65*time.Minute), "1 h 05 min")
	check(t, "days", elapsed(50*time.Hour), "2 d 2 h")
	check(t, "in the future", elapsed(-time.Second), "0 s")
	check(t, "stopwatch", stopwatch(64*time.Minute+9*time.Second), "1:04:09")
	check(t, "fast", latency(1500*time.Microsecond), "1.5 ms")
	check(t, "slow", latency(1234*time.Millisecond), "1.2 s")
	check(t, "none", latency(0), "–")
	check(t, "28 days", period(28*24*time.Hour), "28 d")
	check(t, "72 hours", period(72*time.Minute), "72 min")
	check(t, "thousands", number(1234567), "1,234,567")
	check(t, "below zero", number(-1234), "-1,234")
	check(t, "rare", rate(0.05), "3.0/min")
	check(t, "often", rate(1234.4), "1,234/s")
	check(t, "tiny share", percent(0.0002), "<0.1 %")
	check(t, "share", percent(0.0123), "1.2 %")
	check(t, "objective", objective(0.9995), "99.95 %")
	check(t, "whole objective", objective(0.9), "90 %")
	check(t, "money", money(1240.4, "EUR"), "1,240 EUR")
}

func TestSentenceLeavesNamesAlone(t *testing.T) {
	check(t, "text", sentence("no alert fires any more"), "No alert fires any more")
	check(t, "service", sentence("checkout-api burns over 1h0m0s"), "checkout-api burns over 1 h")
	check(t, "call", sentence("http.post done after 1m30s"), "http.post done after 1 min 30 s")
	check(t, "incident", sentence("INC-4 resolved"), "INC-4 resolved")
	check(t, "nothing", sentence(""), "")
}

func TestOnlyOwnPathsAreFollowed(t *testing.T) {
	for next, want := range map[string]string{
		"/slos?x=1#y": "/slos?x=1#y", "": "/", "slos": "/", "//evil": "/", "https://evil": "/", "/\\evil": "/", "javascript:x": "/", "/a\r\nb": "/",
	} {
		check(t, next, safeNext(next), want)
	}
}

func TestAddressesAreMasked(t *testing.T) {
	check(t, "email", maskAddress("email", "amira@shop.example"), "a…@shop.example")
	check(t, "webhook", maskAddress("webhook", "https://hooks.example/t/secret"), "https://hooks.example/…")
	check(t, "phone", maskAddress("sms", "+491701234567"), "+4…67")
	check(t, "short", maskAddress("sms", "112"), "…")
	check(t, "inbox", maskAddress("inbox", ""), "")
}

func spanOf(id, parent string, kind observe.Kind, name string, at, d time.Duration) observe.Span {
	return observe.Span{TraceID: "t", SpanID: id, ParentID: parent, Service: "a", Name: name, Kind: kind, Start: time.Unix(0, 0).Add(at), Duration: d}
}

func TestProfileNamesTheWidestLeaf(t *testing.T) {
	call := spanOf("2", "1", observe.Client, "GET", 10, 70)
	call.Peer = "b"
	bs := boxes(profileOf("a", []observe.Span{
		spanOf("1", "", observe.Server, "GET /x", 0, 100), call, spanOf("3", "1", observe.Internal, "pool acquire", 0, 10),
		spanOf("4", "", observe.Server, "GET /quick", 0, 5),
	}))
	w, ok := widest(bs)
	check(t, "found", ok, true)
	check(t, "widest", w.Name, "call b")
	check(t, "total", w.Total, time.Duration(70))
	var own time.Duration
	for _, b := range bs {
		if b.Name == ownWork {
			own += b.Total
			check(t, "title", b.title(), "own work in GET /x")
		}
		if b.X < 0 || b.X+b.W > flameWide+0.01 {
			t.Errorf("%s lies outside: %v + %v", b.Path, b.X, b.W)
		}
	}
	check(t, "own work", own, 20)
	if len(boxes(profileOf("a", nil))) != 0 {
		t.Error("nothing has boxes")
	}
}

func TestWaterfallNestsAndSurvivesBrokenTraces(t *testing.T) {
	failed := spanOf("3", "2", observe.Server, "deep", 20, 30)
	failed.Error = true
	d := waterfall("t", []observe.Span{
		failed, spanOf("2", "1", observe.Client, "call", 10, 50), spanOf("1", "", observe.Server, "root", 0, 100),
		spanOf("9", "lost", observe.Server, "orphan", 90, 10), spanOf("8", "8", observe.Server, "own parent", 95, 5),
		spanOf("6", "7", observe.Internal, "circle", 0, 1), spanOf("7", "6", observe.Internal, "circle", 0, 1),
	})
	check(t, "length", d.Length, time.Duration(100))
	var names []string
	for _, r := range d.Rows {
		names = append(names, r.Name)
	}
	check(t, "rows", len(names), 5)
	check(t, "first", names[0], "root")
	check(t, "depth", d.Rows[2].Depth, 2)
	check(t, "deepest failure", d.First.Name, "deep")
	check(t, "place", d.Rows[1].X, 10)
	check(t, "nothing", len(waterfall("t", nil).Rows), 0)
}

// A budget that has stopped burning is not said to be gone soon, though longer windows still hold what was bad.
func TestBudgetThatStoppedBurningIsNotSaidToRunOut(t *testing.T) {
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	o := &catalog.SLO{Service: "checkout-api", Target: 0.999, Window: 28 * 24 * time.Hour}
	status := func(bad func(ago time.Duration) bool) detect.Status {
		l := slo.NewLedger()
		for ago := 2 * time.Hour; ago > 0; ago -= 10 * time.Second {
			good := int64(100)
			if bad(ago) {
				good = 50
			}
			l.Add(now.Add(-ago), good, 100)
		}
		st := detect.Status{SLO: o, First: l.First(), Budget: slo.Spent(l, o, nil, now)}
		for _, r := range slo.Rules(o.Window) {
			st.Readings = append(st.Readings, slo.Read(l, r, o, slo.Absence{}, time.Time{}, now))
		}
		return st
	}
	burning := status(func(ago time.Duration) bool { return ago < 5*time.Minute })
	over := status(func(ago time.Duration) bool { return ago < 10*time.Minute && ago > 2*time.Minute })
	if got := spentAt(burning); !strings.HasPrefix(got, "gone in ") {
		t.Errorf("while it burns: %q", got)
	}
	if got := spentAt(over); got != "not burning too fast" {
		t.Errorf("after it stopped: %q", got)
	}
	if !fires(over.Readings[1]) {
		t.Error("the slow rule does not read the burn that is over: the test tests nothing")
	}
}

func TestLengthsOfAPolicyAreWrittenAsOnPages(t *testing.T) {
	for in, want := range map[string]string{
		"after 20m again from the first step, 3 times in all; after 1h30m nobody is told any more": "after 20 min again from the first step, 3 times in all; after 1 h 30 min nobody is told any more",
		"sms +1m, voice +2h (does not work)": "sms +1 min, voice +2 h (does not work)",
		"inbox":                              "inbox",
		"for 2d":                             "for 2d",
	} {
		if got := spans(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
