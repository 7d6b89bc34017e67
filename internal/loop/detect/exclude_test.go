package detect_test

import (
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// attacked is an exclusion of the outage that the world has just had.
func (w *world) attacked(change func(*detect.Exclusion)) detect.Exclusion {
	x := detect.Exclusion{Cause: detect.Attack, Services: []string{"checkout"}, From: w.now.Add(-10 * time.Minute), To: w.now, Reason: "a botnet asked for carts"}
	if change != nil {
		change(&x)
	}
	return x
}

func TestExclusionThatMakesNoSenseIsRefusedWithWhatWouldBeRight(t *testing.T) {
	w := newWorld(t, "checkout")
	for _, c := range []struct {
		change func(*detect.Exclusion)
		want   string
	}{
		{func(x *detect.Exclusion) { x.Cause = "bad luck" }, "it must be maintenance, third_party, attack or rollback"},
		{func(x *detect.Exclusion) { x.Services = nil }, "say whose budget"},
		{func(x *detect.Exclusion) { x.Services = []string{"chekout"} }, `no service named "chekout"`},
		{func(x *detect.Exclusion) { x.SLOs = []string{"x"} }, `no SLO named "x"`},
		{func(x *detect.Exclusion) { x.To = x.From }, "to is after from"},
		{func(x *detect.Exclusion) { x.From = w.now.AddDate(-1, 0, 0) }, "no budget reaches back that far"},
		{func(x *detect.Exclusion) { x.Cause = detect.Maintenance }, "announced before it begins"},
		{func(x *detect.Exclusion) { x.To = w.now.Add(time.Minute) }, "only maintenance is excluded ahead"},
		{func(x *detect.Exclusion) { x.Cause = detect.ThirdParty }, "fallback is missing"},
		{func(x *detect.Exclusion) { x.Cause = detect.Rollback }, "less than 5m, this one took 10m"},
		{func(x *detect.Exclusion) { x.Reason = "oops" }, "10 characters"},
	} {
		_, err := w.s.Exclude(t.Context(), w.attacked(c.change), "mira", w.now)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(errs.Message(err), c.want) {
			t.Errorf("got %v, want invalid with %q", err, c.want)
		}
	}
	for name, change := range map[string]func(*detect.Exclusion){
		"an attack":         nil,
		"a third party":     func(x *detect.Exclusion) { x.Cause, x.Fallback = detect.ThirdParty, "carts were kept for later" },
		"a rollback":        func(x *detect.Exclusion) { x.Cause, x.To = detect.Rollback, x.From.Add(4*time.Minute) },
		"maintenance ahead": func(x *detect.Exclusion) { x.Cause, x.From, x.To = detect.Maintenance, w.now, w.now.Add(time.Hour) },
	} {
		if _, err := w.s.Exclude(t.Context(), w.attacked(change), "mira", w.now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An outage spends the budget until two people agree that it does not count; both figures stay, and it can be taken back.
func TestExclusionNeedsASecondPersonAndDeletesNothing(t *testing.T) {
	w := newWorld(t, "checkout", "cart")
	w.warm()
	w.broken["checkout"] = true
	w.run(5 * time.Minute)
	w.broken["checkout"] = false
	w.run(time.Minute)
	o := w.cat.SLOs["checkout-answers"]
	spent := w.s.Spent(o, w.now)
	if spent.Spent < 0.2 || spent.Excluded.Total != 0 {
		t.Fatalf("%+v", spent)
	}
	x, err := w.s.Exclude(t.Context(), w.attacked(nil), "mira", w.now)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.s.Spent(o, w.now); got != spent {
		t.Errorf("asking alone changed the budget: %+v", got)
	}
	if _, err := w.s.DecideExclusion(t.Context(), x.ID, detect.ExclusionApproved, "", "mira", w.now); !errs.Is(err, errs.Denied) {
		t.Errorf("mira approves what she asked for: %v", err)
	}
	if x, err = w.s.DecideExclusion(t.Context(), x.ID, detect.ExclusionApproved, "seen in the firewall's log", "tomas", w.now); err != nil {
		t.Fatal(err)
	}
	got := w.s.Spent(o, w.now)
	if got.Bad() != 0 || got.Seen != spent.Counts || got.Unspent != spent.Spent || got.Excluded.Bad() != spent.Bad() {
		t.Errorf("approved: %+v", got)
	}
	if other := w.s.Spent(w.cat.SLOs["cart-answers"], w.now); other.Excluded.Total != 0 {
		t.Errorf("cart: %+v", other)
	}
	if err := w.s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.db.Close()
	w.start()
	if again := w.s.Spent(o, w.now); again.Excluded.Bad() != got.Excluded.Bad() {
		t.Errorf("after a restart: %+v", again)
	}
	if _, err := w.s.DecideExclusion(t.Context(), x.ID, detect.ExclusionRefused, "", "amira", w.now); !errs.Is(err, errs.Conflict) {
		t.Errorf("refused after it was approved: %v", err)
	}
	if _, err := w.s.DecideExclusion(t.Context(), x.ID, detect.ExclusionWithdrawn, "it was our own load test", "mira", w.now); err != nil {
		t.Fatal(err)
	}
	if got := w.s.Spent(o, w.now); got.Excluded.Total != 0 || got.Bad() != spent.Bad() {
		t.Errorf("withdrawn: %+v", got)
	}
	if _, err := w.s.DecideExclusion(t.Context(), x.ID, detect.ExclusionApproved, "", "amira", w.now); !errs.Is(err, errs.Conflict) {
		t.Errorf("approved after it was withdrawn: %v", err)
	}
	var told []string
	for _, e := range w.kinds(detect.KindExclusion) {
		told = append(told, e.Actor+": "+e.Text)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"mira: mira asks to take", "tomas: tomas approved", "firewall's log", "mira: mira withdrew"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}
