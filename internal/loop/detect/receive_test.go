package detect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// in is an alert of an outside system; labels come in pairs.
func in(key string, labels ...string) detect.Incoming {
	out := detect.Incoming{Source: "alertmanager", Integration: "prom", Key: key, Title: key + " is wrong", Labels: map[string]string{"alertname": "Wrong"}}
	for i := 0; i < len(labels); i += 2 {
		out.Labels[labels[i]] = labels[i+1]
	}
	return out
}

// tellEvery is how often a storm is told of.
const tellEvery = 10 * time.Second

func (w *world) receive(ins ...detect.Incoming) []string {
	w.t.Helper()
	rs, err := w.s.Receive(w.t.Context(), ins, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, r := range rs {
		out = append(out, r.Done)
	}
	return out
}

func (w *world) kinds(kind string) (out []event.Event) {
	w.t.Helper()
	es, err := w.db.Events(w.t.Context(), event.Query{Kinds: []string{kind}})
	if err != nil {
		w.t.Fatal(err)
	}
	return es
}

// A monitor that warned and is critical now has the same key: whoever was not told of the ticket is told of the page.
func TestOutsideAlertThatBecomesWorseIsTold(t *testing.T) {
	w := newWorld(t)
	say := func(key, severity string) detect.Incoming {
		a := in(key)
		a.Severity = severity
		return a
	}
	told := func() (out []string) {
		for _, e := range w.kinds(detect.KindFired) {
			f, err := event.Decode[detect.Fired](e)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprint(f.Alert.Key, " ", f.Alert.Severity))
		}
		return out
	}
	w.receive(say("queue", "info"))
	w.receive(say("queue", "warning"), say("queue", "critical"))
	w.receive(say("queue", "critical"), say("queue", "info"), say("queue", ""))
	if got := fmt.Sprint(told()); got != "[queue SEV4 queue SEV3 queue SEV1]" {
		t.Errorf("told of %s", got)
	}
	as := w.alerts(true)
	if len(as) != 1 || as[0].Severity != detect.SEV1 || as[0].Said != "critical" || as[0].Count != 5 {
		t.Errorf("one alert, as bad as it was: %+v", as)
	}
	w.receive(say("disk", "info"))
	w.receive(say("disk", "")) // who says nothing does not say that it is worse
	if got := len(told()); got != 3 {
		t.Errorf("told of %v", told())
	}
	// One that a silence for warnings mutes is muted no more when it is critical.
	if _, err := w.s.Silence(t.Context(), detect.Silence{Match: []string{`severity="warning"`}, StartsAt: w.now, EndsAt: w.now.Add(time.Hour), CreatedBy: "ada", Comment: "known"}, "ada", w.now); err != nil {
		t.Fatal(err)
	}
	w.receive(in("muted", "severity", "warning", "service", "quiet"))
	if got := len(told()); got != 3 {
		t.Errorf("a silenced alert is told: %v", told())
	}
	w.receive(in("muted", "severity", "critical", "service", "quiet"))
	if got := told(); len(got) != 4 || got[3] != "muted SEV1" {
		t.Errorf("told of %v", got)
	}
}

// A group that was bad and calm again may be woken by a ticket; what comes after it and needs a person is told all the same.
func TestTicketThatWakesAGroupHidesNoPage(t *testing.T) {
	w := newWorld(t)
	say := func(key, severity string) detect.Incoming {
		a := in(key)
		a.Severity = severity
		return a
	}
	over := say("disk", "critical")
	over.EndsAt = w.now
	w.receive(say("disk", "critical"))
	w.receive(over)
	w.receive(say("queue", "info"))
	w.receive(say("pool", "critical"))
	var got []string
	for _, e := range w.kinds(detect.KindFired) {
		f, err := event.Decode[detect.Fired](e)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Alert.Key)
	}
	if fmt.Sprint(got) != "[disk queue pool]" {
		t.Errorf("told of %v", got)
	}
}

func TestOutsideAlertFiresRepeatsAndResolves(t *testing.T) {
	w := newWorld(t)
	a := in("a")
	a.EndsAt = w.now.Add(5 * time.Minute)
	over := a
	over.EndsAt = w.now
	if got := fmt.Sprint(w.receive(a, a, over, over)); got != "[fired repeated resolved ignored]" {
		t.Errorf("in one batch: %s", got)
	}
	if got := fmt.Sprint(w.receive(a)); got != "[fired]" {
		t.Errorf("again: %s", got)
	}
	w.now = w.now.Add(4 * time.Minute)
	a.EndsAt = w.now.Add(5 * time.Minute)
	w.receive(a)
	w.now = w.now.Add(4 * time.Minute)
	w.tick()
	if as := w.alerts(true); len(as) != 1 || as[0].Count != 1 {
		t.Fatalf("%+v", as)
	}
	w.now = w.now.Add(time.Minute)
	w.tick()
	if as := w.alerts(true); len(as) != 0 {
		t.Errorf("nobody repeated it, and it still fires: %+v", as)
	}
	if !slices.ContainsFunc(w.alerts(false), func(a detect.Alert) bool { return strings.Contains(a.Resolution, "has not repeated it since") }) {
		t.Errorf("nobody says why it is over: %+v", w.alerts(false))
	}
	if calm := w.kinds(detect.KindGroupCalm); len(calm) != 2 {
		t.Errorf("%d groups became calm, want 2", len(calm))
	}
}

func TestStormOfOneRuleIsOneGroupAndFewFacts(t *testing.T) {
	w := newWorld(t)
	var storm []detect.Incoming
	for i := range 64 {
		storm = append(storm, in(fmt.Sprint("host-", i), "service", []string{"web", "cart", "db"}[i%3]))
	}
	w.receive(storm...)
	as := w.alerts(true)
	groups := map[detect.GroupID]int{}
	for _, a := range as {
		groups[a.Group]++
	}
	if len(as) != 64 || len(groups) != 1 {
		t.Fatalf("%d alerts in %d groups, want 64 in one", len(as), len(groups))
	}
	if fired, joined := w.kinds(detect.KindFired), w.kinds(detect.KindJoined); len(fired) != 3 || len(joined) != 1 || !strings.Contains(joined[0].Text, "61 more alerts joined") {
		t.Errorf("%d facts of firing and %d of joining: %v", len(fired), len(joined), joined)
	}
	for i := range 100 {
		w.receive(in(fmt.Sprint("later-", i), "service", "web"))
	}
	w.now = w.now.Add(tellEvery - time.Second)
	w.tick()
	if n := len(w.kinds(detect.KindJoined)); n != 1 {
		t.Errorf("told %d times within a few seconds", n)
	}
	w.now = w.now.Add(time.Second)
	w.tick()
	w.tick()
	if joined := w.kinds(detect.KindJoined); len(joined) != 2 || !strings.Contains(joined[1].Text, "100 more alerts joined") {
		t.Errorf("%v", joined)
	}
	for i := range 100 {
		later := in(fmt.Sprint("later-", i), "service", "web")
		later.EndsAt = w.now
		storm = append([]detect.Incoming{later}, storm...)
	}
	for i := range storm {
		storm[i].EndsAt = w.now
	}
	w.receive(storm[:163]...)
	if n := len(w.kinds(detect.KindGroupCalm)); n != 0 {
		t.Error("calm while one fires")
	}
	w.receive(storm[163])
	if n := len(w.kinds(detect.KindGroupCalm)); n != 1 {
		t.Errorf("calm %d times, want once", n)
	}
}

func TestOutsideAlertJoinsTheIncidentOfItsNeighbourhood(t *testing.T) {
	w := newWorld(t, "checkout")
	w.related["cart"] = "checkout"
	w.warm()
	w.broken["checkout"] = true
	w.run(70 * time.Second)
	w.receive(in("a", "service", "cart"))
	w.receive(in("b", "service", "elsewhere", "alertname", "Other"))
	groups := map[string]detect.GroupID{}
	for _, a := range w.alerts(true) {
		groups[a.Service] = a.Group
	}
	if groups["cart"] != groups["checkout"] || groups["elsewhere"] == groups["cart"] {
		t.Errorf("groups %v", groups)
	}
}

func (w *world) silence(until time.Duration, match ...string) detect.Silence {
	w.t.Helper()
	x, err := w.s.Silence(w.t.Context(), detect.Silence{Match: match, StartsAt: w.now, EndsAt: w.now.Add(until), CreatedBy: "mira", Comment: "planned"}, "mira", w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

func TestSilencedAlertStaysWithItsReasonAndIsToldWhenTheSilenceEnds(t *testing.T) {
	w := newWorld(t)
	w.silence(10*time.Minute, `service="web"`)
	w.receive(in("a", "service", "web"), in("b", "service", "db", "alertname", "Other"))
	as := w.alerts(true)
	slices.SortFunc(as, func(a, b detect.Alert) int { return strings.Compare(a.Key, b.Key) })
	if len(as) != 2 || len(as[0].Muted) != 1 || !strings.Contains(as[0].Muted[0], "by mira until") || as[0].Group != "" || len(as[1].Muted) != 0 {
		t.Fatalf("%+v", as)
	}
	if n := len(w.kinds(detect.KindMuted)); n != 1 {
		t.Errorf("%d facts of muting", n)
	}
	w.now = w.now.Add(9 * time.Minute)
	w.tick()
	if n := len(w.kinds(detect.KindFired)); n != 1 {
		t.Fatalf("told %d times while it is muted", n)
	}
	w.now = w.now.Add(time.Minute)
	w.tick()
	w.tick()
	if fired := w.kinds(detect.KindFired); len(fired) != 2 || fired[1].Subject != string(as[0].ID) {
		t.Errorf("after the silence: %v", fired)
	}
	for _, a := range w.alerts(true) {
		if len(a.Muted) != 0 || a.Group == "" {
			t.Errorf("after the silence: %+v", a)
		}
	}
}

func TestSilenceOverWhatFiresCalmsItsGroupAndEndingItTellsAgain(t *testing.T) {
	w := newWorld(t)
	w.receive(in("a", "service", "web"), in("b", "service", "web"))
	x := w.silence(time.Hour, `service="web"`)
	calm := w.kinds(detect.KindGroupCalm)
	if len(calm) != 1 || !strings.Contains(calm[0].Text, "muted: silence") {
		t.Fatalf("%v", calm)
	}
	if err := w.s.Unsilence(w.t.Context(), x.ID, "mira", w.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Unsilence(w.t.Context(), x.ID, "mira", w.now.Add(time.Minute)); !errs.Is(err, errs.Conflict) {
		t.Errorf("ended twice: %v", err)
	}
	if fired := w.kinds(detect.KindFired); len(fired) != 2 {
		t.Errorf("told %d times, want when it fired and when the silence ended", len(fired))
	}
	if facts := w.kinds(detect.KindUnsilenced); len(facts) != 1 || facts[0].Actor != "mira" {
		t.Errorf("%v", facts)
	}
}

func TestAlertOfAnSLOIsSilencedToo(t *testing.T) {
	w := newWorld(t, "checkout")
	w.warm()
	w.silence(time.Hour, `service="checkout"`, `source="slo"`)
	w.broken["checkout"] = true
	w.run(70 * time.Second)
	if as := w.alerts(true); len(as) != 1 || len(as[0].Muted) == 0 {
		t.Fatalf("%+v", as)
	}
	if n := len(w.kinds(detect.KindFired)); n != 0 {
		t.Error("somebody was told")
	}
}

func TestInhibitedAlertIsToldWhenItsInhibitorIsOver(t *testing.T) {
	w := newWorld(t)
	w.cat.Hash += "inhibition"
	rule := &catalog.Inhibition{Equal: []string{"cluster"}}
	var err error
	if rule.SourceMatchers, err = catalog.ParseMatchers([]string{`alertname="ClusterDown"`}); err != nil {
		t.Fatal(err)
	}
	if rule.TargetMatchers, err = catalog.ParseMatchers([]string{`alertname="Wrong"`}); err != nil {
		t.Fatal(err)
	}
	w.cat.Inhibitions = map[string]*catalog.Inhibition{"cluster-down": rule}
	down := in("down", "alertname", "ClusterDown", "cluster", "1")
	w.receive(in("early", "cluster", "1"))
	w.receive(down, in("a", "cluster", "1"), in("b", "cluster", "2"))
	w.tick()
	muted := func() (out []string) {
		for _, a := range w.alerts(true) {
			if len(a.Muted) > 0 {
				out = append(out, a.Key)
			}
		}
		slices.Sort(out)
		return out
	}
	if got := fmt.Sprint(muted()); got != "[a early]" {
		t.Fatalf("muted %s", got)
	}
	down.EndsAt = w.now
	w.receive(down)
	w.tick()
	if got := muted(); len(got) != 0 {
		t.Errorf("still muted: %v", got)
	}
}

func TestWhatWasTakenInSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	x := w.silence(time.Hour, `service="web"`)
	w.receive(in("a", "service", "web"), in("b", "service", "db"))
	w.db.Close()
	w.start()
	if got := fmt.Sprint(w.receive(in("a", "service", "web"), in("c", "service", "web"))); got != "[repeated fired]" {
		t.Errorf("after a restart: %s", got)
	}
	for _, a := range w.alerts(true) {
		if (len(a.Muted) > 0) != (a.Service == "web") {
			t.Errorf("after a restart: %+v", a)
		}
	}
	if got, err := w.s.SilenceOf(w.t.Context(), x.ID); err != nil || got.Comment != "planned" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSearchSelectsByLabelsAndText(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.now = w.now.Add(time.Second)
		w.receive(in(fmt.Sprint("host-", i), "service", []string{"web", "database"}[i%2], "team", "x"))
	}
	f := func(what, want string, filter detect.Filter, match []string, text string) detect.Found {
		t.Helper()
		got, err := w.s.Search(t.Context(), filter, match, text)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, a := range got.Alerts {
			keys = append(keys, strings.TrimPrefix(a.Key, "host-"))
		}
		if s := strings.Join(keys, ""); s != want {
			t.Errorf("%s: %s, want %s", what, s, want)
		}
		return got
	}
	f("all, the newest first", "6543210", detect.Filter{}, nil, "")
	f("by a matcher", "531", detect.Filter{}, []string{`service="database"`}, "")
	f("by text", "4", detect.Filter{}, nil, "HOST-4")
	f("by the value of a label", "531", detect.Filter{}, nil, "database")
	f("by what is shown together", "4", detect.Filter{}, nil, "web: host-4")
	f("a wildcard is none", "", detect.Filter{}, nil, "h_st-4")
	first := f("two of them", "65", detect.Filter{Limit: 2}, nil, "")
	f("those before", "43", detect.Filter{Limit: 2, Before: first.More}, nil, "")
	some := f("two by a matcher", "53", detect.Filter{Limit: 2}, []string{`service="database"`}, "")
	if last := f("the rest", "1", detect.Filter{Limit: 2, Before: some.More}, []string{`service="database"`}, ""); last.More != "" {
		t.Error("more after the last")
	}
	w.receive(in("host-9", "service", "web", "path", `C:\a "b" <ü> 100%_x`))
	f("by a value that JSON writes differently", "9", detect.Filter{}, []string{`path="C:\\a \"b\" <ü> 100%_x"`}, "")
	f("by such text", "9", detect.Filter{}, nil, `"B" <ü> 100%_X`)
	if _, err := w.s.Search(t.Context(), detect.Filter{}, []string{"team~x"}, ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a matcher that is none: %v", err)
	}
}

func TestSilenceThatHasNotBegunMutesNothingYet(t *testing.T) {
	w := newWorld(t)
	_, err := w.s.Silence(t.Context(), detect.Silence{Match: []string{`service="web"`}, StartsAt: w.now.Add(time.Minute), EndsAt: w.now.Add(time.Hour), CreatedBy: "mira", Comment: "planned"}, "mira", w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.receive(in("a", "service", "web"))
	if n := len(w.kinds(detect.KindFired)); n != 1 {
		t.Errorf("told %d times before the silence begins", n)
	}
	w.now = w.now.Add(time.Minute)
	w.tick()
	if as := w.alerts(true); len(as) != 1 || len(as[0].Muted) != 1 {
		t.Errorf("once it has begun: %+v", as)
	}
}
