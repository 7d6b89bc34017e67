package page_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// comesBack is the loopback without a network: what is sent is confirmed at once, while way is open.
type comesBack struct {
	take func(n page.NotificationID) error
	shut bool
	sent int
}

func (c *comesBack) Name() string { return page.Loopback }

func (c *comesBack) Send(_ context.Context, m page.Message) (string, error) {
	if c.shut {
		return "", errs.New(errs.Unavailable, "the way is shut")
	}
	c.sent++
	return "", c.take(m.Notification)
}

// faulty is a store that can be made to refuse.
type faulty struct {
	page.Store
	read, write error
	hang        chan struct{} // not nil: answers when it is closed
}

func (f *faulty) View(ctx context.Context, fn func(page.Tx) error) error {
	if f.hang != nil {
		<-f.hang
	}
	if f.read != nil {
		return f.read
	}
	return f.Store.View(ctx, fn)
}

func (f *faulty) Update(ctx context.Context, fn func(page.Tx) error) error {
	if f.write != nil {
		return f.write
	}
	return f.Store.Update(ctx, fn)
}

// kennel is a server with a watchdog, at a time that the test says.
type kennel struct {
	*world
	dog    *page.Watchdog
	back   *comesBack
	faulty *faulty
	detect *detect.Service
	pings  []time.Time
	pinged error
}

// newKennel has another server on the database of first, when there is one.
func newKennel(t *testing.T, first *kennel) *kennel {
	t.Helper()
	w := newWorld(t)
	if first == nil {
		w.Driver = storetest.NewDriver(t, w.DB, t0)
	} else {
		w = &world{Driver: first.Driver, t: t, cat: first.cat, mail: &recorder{name: "email"}}
	}
	k := &kennel{world: w, back: &comesBack{}, faulty: &faulty{Store: w.DB.Page()}}
	cat := func() *catalog.Catalog { return w.cat }
	quiet := slog.New(slog.DiscardHandler)
	k.detect = detect.New(detect.Config{Store: w.DB.Detect(), Catalog: cat, Log: quiet})
	w.s = page.New(page.Config{Store: k.faulty, Catalog: cat, Channels: []page.Channel{w.mail, k.back}, BaseURL: func() string { return "https://nk.example.org" },
		Key: []byte("key"), Now: w.Now, Log: quiet, Alert: k.detect.Alert, Events: w.DB.Events})
	k.back.take = func(n page.NotificationID) error {
		_, err := w.s.Answer(t.Context(), page.Loopback, page.Answer{Notification: n, Kind: page.AnswerDelivered})
		return err
	}
	k.dog = page.NewWatchdog(w.s, page.WatchdogConfig{Every: 5 * time.Minute, Within: time.Minute, Receive: k.detect.Receive,
		Jitter: func() float64 { return 0.5 }, Ping: func(context.Context) error { k.pings = append(k.pings, w.Now()); return k.pinged }})
	if first == nil {
		storetest.Follow(w.Driver, "page", w.s.Follows())
		storetest.Timers(w.Driver, w.s.Timers())
		w.Driver.Tasks(w.s.Tasks())
	}
	return k
}

// during lets time pass, with a look every few seconds.
func (k *kennel) during(d time.Duration, others ...*kennel) {
	k.t.Helper()
	step := 5 * time.Second
	if d >= 3*time.Minute {
		step = 15 * time.Second
	}
	for range int(d / step) {
		k.For(step)
		for _, x := range append([]*kennel{k}, others...) {
			if err := x.dog.Look(k.t.Context(), k.Now()); err != nil {
				k.t.Fatal(err)
			}
		}
	}
}

func (k *kennel) subjects() (out []string) {
	for _, m := range k.mail.sent {
		out = append(out, m.Person+": "+m.Title)
	}
	return out
}

func TestWatchdogTriesTheWayAndNobodySeesIt(t *testing.T) {
	t.Parallel()
	k := newKennel(t, nil)
	k.cat.AlertRules = map[string]*catalog.AlertRule{}
	k.during(time.Hour)
	h := k.dog.Health()
	if n := k.back.sent; n != 12 || len(k.pings) != n {
		t.Errorf("%d rounds and %d pings in an hour", n, len(k.pings))
	}
	if h.Took < time.Second || h.Took > 3*time.Second || !h.LostAt.IsZero() || k.Now().Sub(h.GoodAt) > 5*time.Minute {
		t.Errorf("%+v", h)
	}
	if len(k.mail.sent) > 0 {
		t.Errorf("people were told %v", k.subjects())
	}
	as, err := k.detect.Search(t.Context(), detect.Filter{}, nil, "")
	if err != nil || len(as.Alerts) > 0 {
		t.Errorf("alerts %+v, %v", as, err)
	}
	all, err := k.detect.Alerts(t.Context(), "", false)
	live, err2 := k.s.Live(t.Context())
	facts, err3 := k.DB.Events(t.Context(), event.Query{})
	if err := errors.Join(err, err2, err3); err != nil || len(all)+len(live)+len(facts) > 0 {
		t.Errorf("alerts %+v, pages %+v, facts %+v, %v", all, live, facts, err)
	}
	// What rounds leave behind does not grow.
	kept, err := k.DB.Events(t.Context(), event.Query{Synthetic: true, Limit: 1000})
	groups := map[string]bool{}
	for _, e := range kept {
		groups[e.Group] = true
	}
	if err != nil || len(groups) == 0 || len(groups) > 4 || len(kept) > 50 {
		t.Errorf("%d facts of %d rounds are kept, %v", len(kept), len(groups), err)
	}
}

func TestBrokenWayIsToldDirectlyAndThatItWorksAgain(t *testing.T) {
	t.Parallel()
	k := newKennel(t, nil)
	k.during(time.Minute)
	if len(k.pings) != 1 {
		t.Fatalf("%d pings", len(k.pings))
	}
	k.back.shut = true
	k.during(7 * time.Minute)
	want := []string{"ines: Nightkeeper may not page anybody", "mira: Nightkeeper may not page anybody", "tomas: Nightkeeper may not page anybody"}
	if got := k.subjects(); !slices.Equal(sorted(got), want) {
		t.Fatalf("told %v", got)
	}
	if m := k.mail.sent[0]; !m.Alarm || m.Answerable() || m.Severity != detect.SEV1 || !strings.Contains(m.Text, "did not arrive within 1m") {
		t.Errorf("%+v", m)
	}
	if h := k.dog.Health(); h.LostAt.IsZero() || len(h.Told) != 3 || len(k.pings) != 1 {
		t.Errorf("%+v, %d pings", h, len(k.pings))
	}
	if len(k.Facts(page.KindLost)) != 1 {
		t.Errorf("facts %+v", k.Facts(page.KindLost))
	}
	k.during(22 * time.Minute)
	k.mail.sent = nil
	k.during(8 * time.Minute)
	if got := k.subjects(); !slices.Equal(sorted(got), want) {
		t.Errorf("told again after half an hour: %v", got)
	}
	k.mail.sent, k.back.shut = nil, false
	k.during(3 * time.Minute)
	if got := k.subjects(); len(got) != 3 || !strings.HasSuffix(got[0], "Nightkeeper pages people again") || len(k.Facts(page.KindFound)) != 1 {
		t.Errorf("told %v, facts %+v", got, k.Facts(page.KindFound))
	}
	if h := k.dog.Health(); !h.LostAt.IsZero() || len(k.pings) < 2 {
		t.Errorf("%+v, %d pings", h, len(k.pings))
	}
	k.mail.sent = nil
	k.during(10 * time.Minute)
	if len(k.mail.sent) > 0 {
		t.Errorf("told %v afterwards", k.subjects())
	}
}

func sorted(in []string) []string { return slices.Sorted(slices.Values(in)) }

func TestWatchdogNeedsNoDatabaseToTell(t *testing.T) {
	t.Parallel()
	away := errs.New(errs.Unavailable, "disk full")
	for _, c := range []struct {
		what  string
		spoil func(*faulty)
	}{
		{"it cannot be written", func(f *faulty) { f.write = away }},
		{"it cannot be read or written", func(f *faulty) { f.read, f.write = away, away }},
	} {
		t.Run(c.what, func(t *testing.T) {
			k := newKennel(t, nil)
			k.during(time.Minute)
			c.spoil(k.faulty)
			k.during(7 * time.Minute)
			if got := k.subjects(); len(got) != 3 || !strings.Contains(k.mail.sent[0].Text, "disk full") {
				t.Fatalf("told %v: %+v", got, k.mail.sent)
			}
			k.faulty.read, k.faulty.write, k.mail.sent = nil, nil, nil
			k.during(3 * time.Minute)
			if got := k.subjects(); len(got) != 3 || !strings.HasSuffix(got[0], "again") {
				t.Errorf("told %v", got)
			}
		})
	}
}

func TestWatchdogIsNotHeldUpByADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	f := &faulty{hang: hang}
	synctest.Test(t, func(t *testing.T) {
		f.hang = make(chan struct{})
		mail := &recorder{name: "email"}
		cat := &catalog.Catalog{People: mailTo("mira")}
		s := page.New(page.Config{Store: f, Catalog: func() *catalog.Catalog { return cat }, Channels: []page.Channel{mail},
			BaseURL: func() string { return "" }, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		dog := page.NewWatchdog(s, page.WatchdogConfig{Every: 5 * time.Minute, Within: time.Minute, Jitter: func() float64 { return 0 }})
		for start := time.Now(); time.Since(start) < 3*time.Minute; time.Sleep(time.Second) {
			before := time.Now()
			if err := dog.Look(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(before); took > 10*time.Second {
				t.Errorf("a look took %s", took)
			}
		}
		if len(mail.sent) != 1 || !strings.Contains(mail.sent[0].Text, "the database has not answered") {
			t.Errorf("told %+v", mail.sent)
		}
		f.read = errors.New("closed")
		close(f.hang)
	})
}

func TestTwoServersHaveOneRoundAndOneAlarm(t *testing.T) {
	t.Parallel()
	a := newKennel(t, nil)
	b := newKennel(t, a)
	a.during(31*time.Minute, b)
	if n := a.back.sent + b.back.sent; n < 6 || n > 7 || len(a.pings)+len(b.pings) != n {
		t.Errorf("%d rounds, %d and %d pings", n, len(a.pings), len(b.pings))
	}
	a.back.shut, b.back.shut = true, true
	a.during(10*time.Minute, b)
	if n := len(a.mail.sent) + len(b.mail.sent); n != 3 {
		t.Errorf("told %v and %v", a.subjects(), b.subjects())
	}
	a.back.shut, b.back.shut = false, false
	a.during(6*time.Minute, b)
	if n := len(a.mail.sent) + len(b.mail.sent); n != 6 {
		t.Errorf("told %v and %v", a.subjects(), b.subjects())
	}
}

func TestRestartIsNoLostRound(t *testing.T) {
	t.Parallel()
	a := newKennel(t, nil)
	a.during(21 * time.Second) // a round is under way
	a.back.shut = true
	a.during(5 * time.Second)
	a.For(time.Hour) // nothing runs
	a.back.shut = false
	b := newKennel(t, a)
	b.mail = a.mail
	b.during(10 * time.Minute)
	if len(a.mail.sent) > 0 || len(b.pings) < 2 {
		t.Errorf("told %v, %d pings", b.subjects(), len(b.pings))
	}
}

func TestPersonWhoCannotBeToldOfTheBrokenWayIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := newKennel(t, nil)
	k.during(time.Minute)
	k.back.shut = true
	failures := 0
	k.mail.fail = func(m page.Message) error {
		if m.Person == "mira" && failures < 3 {
			failures++
			return errs.New(errs.Unavailable, "no answer")
		}
		return nil
	}
	k.during(12 * time.Minute)
	if got := sorted(k.subjects()); len(got) != 3 || failures != 3 || k.dog.Health().Told[1] != "mira" {
		t.Errorf("told %v after %d failures", got, failures)
	}
}

func TestHeartbeatOutsideIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := newKennel(t, nil)
	k.pinged = errs.New(errs.Unavailable, "the heartbeat outside answered 500")
	k.during(time.Minute)
	if len(k.pings) < 2 || k.dog.Health().PingError == "" {
		t.Errorf("%d pings, %+v", len(k.pings), k.dog.Health())
	}
	k.pinged = nil
	k.during(30 * time.Second)
	n := len(k.pings)
	k.during(2 * time.Minute)
	if len(k.pings) != n || k.dog.Health().PingError != "" {
		t.Errorf("%d pings after %d, %+v", len(k.pings), n, k.dog.Health())
	}
}

func TestWatchdogOfAShadowFindsTheWayAndTellsNobody(t *testing.T) {
	t.Parallel()
	k := newKennel(t, nil)
	k.s.Shadow = true
	k.during(7 * time.Minute)
	if h := k.dog.Health(); !h.LostAt.IsZero() || h.GoodAt.IsZero() || k.back.sent == 0 || len(k.pings) != k.back.sent {
		t.Errorf("being a shadow was taken for a loss: %+v, %d came back, %d pings", h, k.back.sent, len(k.pings))
	}
	k.back.shut = true
	k.during(35 * time.Minute)
	h := k.dog.Health()
	if h.LostAt.IsZero() || !strings.Contains(h.Why, "runs as a shadow") || len(h.Told) > 0 {
		t.Errorf("the loss of a shadow is not seen: %+v", h)
	}
	k.back.shut = false
	k.during(5 * time.Minute)
	if h := k.dog.Health(); !h.LostAt.IsZero() {
		t.Errorf("the loss stays: %+v", h)
	}
	if got := k.subjects(); len(got) > 0 {
		t.Errorf("a shadow told %q", got)
	}
}
