package page_test

import (
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// called is another system asking for somebody.
func (w *world) called(c detect.Call) {
	w.t.Helper()
	c.Group = "g"
	w.Append(event.New(detect.KindCalled, w.Now(), "integration:scripts", "al", "", c))
	w.Settle()
}

func TestWhoIsAskedForIsToldAtOnceAndThePolicyGoesOn(t *testing.T) {
	w := newWorld(t)
	w.cat.Teams = map[string]*catalog.Team{"shop": {Members: []string{"ines", "tomas"}}}
	w.called(detect.Call{Person: "ines"}) // there is no page: nobody is to be told
	w.fire("g", detect.SEV1)
	w.For(time.Minute)
	w.called(detect.Call{Person: "ines", Owner: true})
	w.want("asked for", w.told(), []string{"mira+0", "ines+1"})
	if _, err := w.s.Ack(t.Context(), w.only().ID, "ines", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Minute)
	w.called(detect.Call{Team: "shop"})
	told := w.told()
	slices.Sort(told)
	w.want("asked for while somebody has it", told, []string{"ines+1", "ines+2", "mira+0", "tomas+2"})
	if p := w.only(); p.State != page.Acked || p.AckedBy != "ines" {
		t.Errorf("%+v", p)
	}
	w.calm("g")
	w.called(detect.Call{Person: "mira"})
	w.want("when it is over", len(w.told()), 4)
	facts := w.Facts(page.KindEscalated)
	if last := facts[len(facts)-1]; last.Actor != "integration:scripts" {
		t.Errorf("%+v", last)
	}
}

func TestWhoIsAskedForIsToldOfAHeldPageToo(t *testing.T) {
	w := newWorld(t)
	w.fire("g", detect.SEV2)
	w.called(detect.Call{Person: "ines"})
	w.want("told", w.told(), []string{"ines+0"})
	if p := w.only(); p.State != page.Held {
		t.Errorf("%+v", p)
	}
}

func TestAnotherPolicyBeginsAnew(t *testing.T) {
	w := newWorld(t)
	w.cat.Policies["leads"] = &catalog.EscalationPolicy{Meta: catalog.Meta{Name: "leads"}, Loops: 1, Steps: []catalog.Step{{Targets: []catalog.Target{{Person: "ines"}}}, {After: mins(2), Targets: []catalog.Target{{Person: "tomas"}}}}}
	w.fire("g", detect.SEV1)
	w.For(time.Minute)
	if _, err := w.s.Ack(t.Context(), w.only().ID, "mira", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.called(detect.Call{Policy: "leads"})
	w.For(time.Hour)
	w.want("told", w.told(), []string{"mira+0", "ines+1", "tomas+3"})
	if p := w.only(); p.Policy != "leads" || p.State != page.Open {
		t.Errorf("%+v", p)
	}
	w.want("the old policy's steps are gone", len(w.Facts(page.KindExhausted)), 1)
}
