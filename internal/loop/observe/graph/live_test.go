package graph

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/observe"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// sp is a span that begins d after t0.
func sp(service, id, parent string, kind observe.Kind, begin, length time.Duration) observe.Span {
	return observe.Span{TraceID: "t", SpanID: id, ParentID: parent, Service: service, Kind: kind, Start: t0.Add(begin), Duration: length, Name: "GET /"}
}

func call(service, id, parent, peer string, begin, length time.Duration) observe.Span {
	s := sp(service, id, parent, observe.Client, begin, length)
	s.Peer = peer
	return s
}

// stats returns what was counted for a service around t0.
func stats(l *Live, service string) Stats {
	return l.Service(service, t0.Add(-time.Minute), t0.Add(time.Minute))
}

func calls(l *Live) map[Edge]Stats { return l.Calls(t0.Add(-time.Minute), t0.Add(time.Minute)) }

func TestSelfTimeIsWhatIsNotSpentInCallsAndWaits(t *testing.T) {
	f := func(what string, want time.Duration, children ...observe.Span) {
		t.Helper()
		l := New()
		l.Observe(children)
		l.Observe([]observe.Span{sp("cart", "s", "", observe.Server, 0, 100*ms)})
		st := stats(l, "cart")
		if st.Self != want || st.Requests != 1 || st.Total != 100*ms {
			t.Errorf("%s: self %s, want %s (%+v)", what, st.Self, want, st.Requests)
		}
	}
	again := func(c observe.Span) observe.Span { c.Resend = 1; return c }
	wait := func(name string, begin, length time.Duration) observe.Span {
		s := sp("cart", "w", "s", observe.Internal, begin, length)
		s.Name = name
		return s
	}
	f("no calls", 100*ms)
	f("one call", 70*ms, call("cart", "c", "s", "db", 10*ms, 30*ms))
	f("one after the other", 50*ms, call("cart", "c", "s", "db", 10*ms, 30*ms), call("cart", "d", "s", "db", 50*ms, 20*ms))
	f("at the same time", 60*ms, call("cart", "c", "s", "db", 10*ms, 30*ms), call("cart", "d", "s", "db", 20*ms, 30*ms))
	f("one inside another", 60*ms, call("cart", "c", "s", "db", 10*ms, 40*ms), call("cart", "d", "s", "db", 20*ms, 10*ms))
	f("in any order", 60*ms, call("cart", "d", "s", "db", 20*ms, 30*ms), call("cart", "c", "s", "db", 10*ms, 30*ms))
	f("longer than the request", 90*ms, call("cart", "c", "s", "db", 90*ms, 500*ms))
	f("before it began", 100*ms, call("cart", "c", "s", "db", -50*ms, 20*ms))
	f("the pause before a repeat is no work", 20*ms, call("cart", "c", "s", "db", 10*ms, 10*ms), again(call("cart", "d", "s", "db", 60*ms, 30*ms)))
	f("waiting for a connection", 60*ms, wait("pool.acquire", 10*ms, 40*ms))
	f("waiting for a worker", 60*ms, wait("queue wait", 10*ms, 40*ms))
	f("its own step", 100*ms, wait("render", 10*ms, 40*ms))
	f("another request's call", 100*ms, call("cart", "c", "other", "db", 10*ms, 30*ms))
}

func TestFailureBelongsToWhoHasNoReasonElsewhere(t *testing.T) {
	f := func(what string, want int64, children ...observe.Span) {
		t.Helper()
		l := New()
		l.Observe(children)
		s := sp("cart", "s", "", observe.Server, 0, 200*ms)
		s.Error = true
		l.Observe([]observe.Span{s})
		if st := stats(l, "cart"); st.Origin != want || st.RootErrs != 1 {
			t.Errorf("%s: origin %d, want %d (%+v)", what, st.Origin, want, st.RootErrs)
		}
	}
	bad := call("cart", "c", "s", "pay", 0, 10*ms)
	bad.Error = true
	wait := sp("cart", "w", "s", observe.Internal, 0, 60*ms)
	wait.Name = "pool.acquire"
	short := wait
	short.Duration = 40 * ms
	f("nothing to blame", 1)
	f("a call that went well", 1, call("cart", "c", "s", "pay", 0, 10*ms))
	f("a call that failed", 0, bad)
	f("a long wait", 0, wait)
	f("a short wait", 1, short)
}

func TestAddressesAreLearnedFromWhoAnswers(t *testing.T) {
	l := New()
	l.Observe([]observe.Span{call("cart", "c", "", "10.0.0.7", 0, 20*ms)})
	if got := fmt.Sprint(l.Edges(t0.Add(-time.Hour))); got != "[{cart 10.0.0.7}]" {
		t.Errorf("before anybody answered: %s", got)
	}
	l.Observe([]observe.Span{sp("pay", "s", "c", observe.Server, 5*ms, 10*ms), call("cart", "d", "", "10.0.0.7", 0, 20*ms), call("cart", "e", "", "pay", 0, 20*ms)})
	if got := fmt.Sprint(l.Edges(t0.Add(-time.Hour))); got != "[{cart pay}]" {
		t.Errorf("edges %s", got)
	}
	if st := calls(l)[Edge{"cart", "pay"}]; st.Requests != 3 {
		t.Errorf("%d calls, want those before the name was known too", st.Requests)
	}
}

func TestRootsAreWhatNobodyElseMade(t *testing.T) {
	l := New()
	l.Observe([]observe.Span{sp("cart", "a", "", observe.Server, 0, ms), sp("cart", "b", "x", observe.Server, 0, ms)})
	if st := stats(l, "cart"); st.Roots != 1 || st.Requests != 2 {
		t.Errorf("%+v", st)
	}
}

func TestServiceThatCallsItselfHasNoEdge(t *testing.T) {
	l := New()
	l.Observe([]observe.Span{call("cart", "c", "", "cart", 0, ms), call("cart", "d", "", "", 0, ms)})
	if es := l.Edges(t0.Add(-time.Hour)); len(es) != 0 {
		t.Errorf("edges %v", es)
	}
}

func TestVersionsAreRememberedFromTheirFirstRequest(t *testing.T) {
	l := New()
	for i, v := range []string{"v1", "v1", "v2", "", "v2"} {
		s := sp("cart", "s", "", observe.Server, time.Duration(i)*Width, ms)
		s.Version = v
		l.Observe([]observe.Span{s})
	}
	got := l.Versions("cart")
	if len(got) != 2 || !got["v1"].Equal(t0) || !got["v2"].Equal(t0.Add(2*Width)) {
		t.Errorf("%v", got)
	}
}

// traffic is a small fleet for an hour and a bit.
func traffic(l *Live) (end time.Time) {
	for i := range Keep + 20 {
		at := time.Duration(i) * Width
		id := fmt.Sprint(i)
		c := call("web", "c"+id, "w"+id, "cart:80", at, 40*ms)
		c.Error = i%5 == 0
		s := sp("cart", "s"+id, "c"+id, observe.Server, at+5*ms, 30*ms)
		s.Version = fmt.Sprint("v", i/200)
		w := sp("web", "w"+id, "", observe.Server, at, 50*ms)
		l.Observe([]observe.Span{c, s, w})
	}
	return t0.Add((Keep + 20) * Width)
}

func TestRestoredPictureIsTheSame(t *testing.T) {
	l, r := New(), New()
	var kept [][]byte
	if _, err := l.Snapshot(t0.Add(-Width)); err != nil {
		t.Fatal(err)
	}
	end := traffic(l)
	bs, err := l.Snapshot(end.Add(5 * Width))
	if err != nil {
		t.Fatal(err)
	}
	kept = append(kept, bs...)
	if again, err := l.Snapshot(end.Add(5 * Width)); err != nil || len(again) > 0 {
		t.Errorf("%d buckets were given twice, %v", len(again), err)
	}
	for _, b := range kept {
		if err := r.Restore(b); err != nil {
			t.Fatal(err)
		}
	}
	from := end.Add(-Keep * Width / 2)
	same := func(what string, a, b any) {
		t.Helper()
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Errorf("%s:\n got %s\nwant %s", what, y, x)
		}
	}
	for _, s := range []string{"web", "cart"} {
		same(s, l.Service(s, from, end), r.Service(s, from, end))
		same(s+" points", l.Points(s, from, end), r.Points(s, from, end))
	}
	same("edges", l.Edges(from), r.Edges(from))
	same("services", l.Services(end), r.Services(end))
	same("versions", l.Versions("cart"), r.Versions("cart"))
	for e, st := range l.Calls(from, end) {
		same(e.Client+" calls "+e.Server, st, r.Calls(from, end)[e])
	}
	if err := r.Restore([]byte("{")); err == nil {
		t.Error("half a bucket was read")
	}
}

func TestSpanBeforeTheEpochOrTheWindowIsIgnored(t *testing.T) {
	l := New()
	l.Observe([]observe.Span{sp("cart", "s", "", observe.Server, 0, ms), call("cart", "c", "", "pay", 0, ms)})
	for _, back := range []time.Duration{2 * time.Hour, 100 * 365 * 24 * time.Hour} {
		l.Observe([]observe.Span{sp("cart", "s", "", observe.Server, -back, ms), call("cart", "c", "", "pay", -back, ms), sp("cart", "i", "s", observe.Internal, -back, ms)})
	}
	if st := stats(l, "cart"); st.Requests != 1 {
		t.Errorf("%+v", st)
	}
	if ps := l.Points("cart", time.Time{}, t0.Add(-80*365*24*time.Hour)); len(ps) > Keep {
		t.Errorf("%d points", len(ps))
	}
}

func TestQuantilesAreUpperBoundsOfTheirBuckets(t *testing.T) {
	var h Hist
	if h.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for d := ms; d < 70*time.Second; d += d/7 + ms {
		h = Hist{}
		h[histIndex(d)]++
		got := h.Quantile(0.9)
		if d < 65*time.Second && (got < d || got > d*2) {
			t.Errorf("%s is counted as at most %s", d, got)
		}
	}
	h = Hist{}
	for i := range 100 {
		h[histIndex(time.Duration(i+1)*10*ms)]++
	}
	if p50, p99 := h.Quantile(0.5), h.Quantile(0.99); p50 < 500*ms || p50 > 768*ms || p99 < 990*ms || p99 > 1536*ms {
		t.Errorf("median %s, 99th %s", p50, p99)
	}
	if got := histIndex(-time.Second); got != 0 {
		t.Errorf("a negative duration is in bucket %d", got)
	}
}

func TestTopology(t *testing.T) {
	topo := NewTopology([]Edge{{"web", "cart"}, {"web", "search"}, {"cart", "pay"}, {"cart", "db"}, {"search", "index"}, {"pay", "db"}, {"mail", "smtp"}, {"a", "b"}, {"b", "a"}})
	f := func(what string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	f("dependents of db", topo.Dependents("db"), "cart", "pay", "web")
	f("dependencies of web", topo.Dependencies("web"), "cart", "db", "index", "pay", "search")
	f("in a circle", topo.Dependents("a"), "b")
	f("unknown", topo.Dependents("x"), []string{}...)
	f("callers of db", topo.Callers("db"), "cart", "pay")
	f("callees of cart", topo.Callees("cart"), "pay", "db")
	related := func(a, b string, want bool) {
		t.Helper()
		if slices.Contains(topo.Related(a), b) != want || slices.Contains(topo.Related(b), a) != want {
			t.Errorf("%s and %s: related %v, want %v", a, b, !want, want)
		}
	}
	related("web", "db", true)
	related("cart", "cart", false) // it is not its own neighbour
	related("cart", "web", true)
	related("pay", "web", true)
	related("cart", "search", false) // siblings with nothing below in common
	related("pay", "cart", true)
	related("mail", "web", false)
	related("x", "web", false)
}

func TestBlastRadiusCountsCustomersAboveAndAtTheService(t *testing.T) {
	l := New()
	for i := range 60 {
		at := time.Duration(i) * time.Second
		id := fmt.Sprint(i)
		l.Observe([]observe.Span{sp("web", "w"+id, "", observe.Server, at, ms), call("web", "c"+id, "w"+id, "cart", at, ms), sp("cart", "s"+id, "c"+id, observe.Server, at, ms),
			sp("search", "x"+id, "", observe.Server, at, ms)})
	}
	c := &catalog.Catalog{Services: map[string]*catalog.Service{"web": {RevenuePerRequest: 2, Currency: "EUR"}, "cart": {RevenuePerRequest: 1}}}
	b := l.BlastRadius(c, "cart", time.Minute, t0.Add(time.Minute))
	if !slices.Equal(b.Dependents, []string{"web"}) || b.RequestsPerMinute != 60 || b.RevenuePerMinute != 120 || b.Currency != "EUR" {
		t.Errorf("%+v", b)
	}
}

func TestSeriesOnlyRise(t *testing.T) {
	l := New()
	last := map[string]float64{}
	for i := range 40 {
		at := time.Duration(i) * Width
		c := call("web", fmt.Sprint("c", i), "", "cart", at, 40*ms)
		c.Error = i%3 == 0
		l.Observe([]observe.Span{c, sp("cart", fmt.Sprint("s", i), "", observe.Server, at, 30*ms)})
		for _, s := range l.Series(t0.Add(at)) {
			key := fmt.Sprint(s.Labels)
			if v := s.Points[0].Value; v < last[key] {
				t.Fatalf("%s fell from %v to %v", key, last[key], v)
			} else {
				last[key] = v
			}
		}
	}
	want := map[string]string{"__name__": "traces_service_graph_request_total", "client": "web", "server": "cart"}
	if got := last[fmt.Sprint(want)]; got != 38 { // the newest two buckets are not finished
		t.Errorf("%v calls, want 38", got)
	}
}

func TestPendingHalvesAreBounded(t *testing.T) {
	l := New()
	for i := range maxPending + maxPending/2 {
		l.Observe([]observe.Span{call("cart", fmt.Sprint(i), fmt.Sprint("p", i), "pay", 0, ms)})
	}
	if n := len(l.callers.young) + len(l.callers.old); n > maxPending {
		t.Errorf("%d spans wait, at most %d may", n, maxPending)
	}
}

func BenchmarkObserve(b *testing.B) {
	l := New()
	batch := make([]observe.Span, 0, 300)
	for i := range 100 {
		id := fmt.Sprint(i)
		batch = append(batch, call("web", "c"+id, "w"+id, "cart", 0, 40*ms), sp("cart", "s"+id, "c"+id, observe.Server, 5*ms, 30*ms), sp("web", "w"+id, "", observe.Server, 0, 50*ms))
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Observe(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/span")
}
