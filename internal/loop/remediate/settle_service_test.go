package remediate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/store/storetest"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

const restarting = `
r = must(http.once(url = "http://svc/restart"))
must(http.post("http://svc/flush", body = {"known": r}))
resolve("restarted")
`

// lost is a world whose run stopped at its first step: the request arrived or not, and its answer was lost.
func lost(t *testing.T, risk catalog.Risk, text string) *world {
	t.Helper()
	w := newWorld(t, risk, text)
	silent := true
	w.http.answer = func(r remediate.Request) (remediate.Response, error) {
		if silent && strings.HasSuffix(r.URL, "/restart") {
			silent = false
			return remediate.Response{}, remediate.ErrNoAnswer
		}
		return remediate.Response{Status: 200}, nil
	}
	w.named()
	w.ended(remediate.Unknown, "step 1 at book.md:2:19: it is not known whether http.once http://svc/restart happened")
	return w
}

func (w *world) settle(a remediate.Answer) error {
	_, err := w.s.Settle(w.t.Context(), w.run().ID, a, "mira", w.Now())
	return err
}

func TestPersonSaysThatAStepHappened(t *testing.T) {
	w := lost(t, catalog.Low, restarting)
	w.want("incident", w.status(), respond.Identified)
	a := remediate.Answer{Seq: 1, Turn: w.run().Turn, Happened: true, Note: "the console says so", Result: json.RawMessage(`{"pods": 3}`)}
	for range 2 { // the same answer again changes nothing
		if err := w.settle(a); err != nil {
			t.Fatal(err)
		}
	}
	w.want("incident that is worked on again", w.status(), respond.Mitigating)
	w.Settle()
	if err := w.settle(a); err != nil { // not even when the run is over
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.ended(remediate.Succeeded, "restarted")
	w.want("requests", w.http.requests(), []string{"POST /restart", "POST /flush"})
	w.want("what the script was told", w.http.seen[1].Body, map[string]any{"known": map[string]any{"pods": int64(3)}})
	es := w.Facts(remediate.KindSettled)
	if len(es) != 1 || es[0].Actor != "mira" || es[0].Group != "g" || es[0].Text != "step 1, http.once http://svc/restart, happened: the console says so" {
		t.Fatalf("facts %+v", es)
	}
	f, err := event.Decode[remediate.Settled](es[0])
	if err != nil || f.Run != w.run().ID || !f.Happened || f.By != "mira" || f.Note != "the console says so" || f.Seq != 1 {
		t.Errorf("fact %+v, %v", f, err)
	}
	if err := w.settle(remediate.Answer{Seq: 1, Turn: a.Turn}); !errs.Is(err, errs.Conflict) {
		t.Errorf("the other answer afterwards: %v", err)
	}
}

func TestPersonSaysThatAStepDidNotHappen(t *testing.T) {
	w := lost(t, catalog.Low, restarting)
	if err := w.settle(remediate.Answer{Seq: 1, Turn: w.run().Turn}); err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.ended(remediate.Succeeded, "restarted")
	w.want("requests", w.http.requests(), []string{"POST /restart", "POST /restart", "POST /flush"})
	if w.http.seen[0].Key == "" || w.http.seen[0].Key != w.http.seen[1].Key {
		t.Errorf("keys %q and %q", w.http.seen[0].Key, w.http.seen[1].Key)
	}
}

func TestStepThatIsLostTwiceIsAskedAboutTwice(t *testing.T) {
	w := lost(t, catalog.Low, restarting)
	first := remediate.Answer{Seq: 1, Turn: w.run().Turn}
	w.http.answer = func(remediate.Request) (remediate.Response, error) {
		return remediate.Response{}, remediate.ErrNoAnswer
	}
	if err := w.settle(first); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.ended(remediate.Unknown, "it is not known whether")
	// The first answer arrives once more: it must not do the step a third time.
	if err := w.settle(first); err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.ended(remediate.Unknown, "it is not known whether")
	w.want("requests", w.http.requests(), []string{"POST /restart", "POST /restart"})
	if err := w.settle(remediate.Answer{Seq: 1, Turn: w.run().Turn, Happened: true}); err != nil {
		t.Fatal(err)
	}
	w.http.answer = nil
	w.For(time.Hour)
	w.ended(remediate.Succeeded, "restarted")
	w.want("answers", len(w.Facts(remediate.KindSettled)), 2)
}

// The approval that a run got before its step was lost still counts, and one that it did not get is still missing.
func TestSettlingIsNoApproval(t *testing.T) {
	w := lost2(t)
	if err := w.settle(remediate.Answer{Seq: 2, Turn: w.run().Turn}); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.want("run", w.run().State, remediate.Waiting) // for the second approval
	w.want("requests", w.http.requests(), []string{"POST /restart", "POST /restart"})
	if _, err := w.s.Decide(t.Context(), w.run().ID, w.approval().Seq, false, "mira", "no", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.ended(remediate.Failed, "denied by mira")
	w.want("requests", w.http.requests(), []string{"POST /restart", "POST /restart"})
}

// lost2 is a world whose high-risk run was approved and stopped at its second step.
func lost2(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, catalog.High, `
must(approve("restart"))
must(http.once(url = "http://svc/restart"))
must(approve("flush"))
must(http.post("http://svc/flush"))
resolve("restarted")
`)
	silent := true
	w.http.answer = func(remediate.Request) (remediate.Response, error) {
		if silent {
			silent = false
			return remediate.Response{}, remediate.ErrNoAnswer
		}
		return remediate.Response{Status: 200}, nil
	}
	w.named()
	if _, err := w.s.Decide(t.Context(), w.run().ID, w.approval().Seq, true, "mira", "go", w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Settle()
	w.ended(remediate.Unknown, "it is not known whether")
	return w
}

func TestNothingIsSettledWhenTheIncidentIsOver(t *testing.T) {
	for _, happened := range []bool{true, false} {
		w := lost(t, catalog.Low, restarting)
		a := remediate.Answer{Seq: 1, Turn: w.run().Turn, Happened: happened}
		i := respond.Incident{ID: "INC-1", Group: "g", Status: respond.Resolved}
		err := w.DB.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(t.Context(), i) })
		if err != nil {
			t.Fatal(err)
		}
		if err := w.settle(a); !errs.Is(err, errs.Conflict) || !strings.Contains(errs.Message(err), "INC-1 is over") {
			t.Errorf("settled: %v", err)
		}
		w.For(time.Hour)
		w.ended(remediate.Unknown, "it is not known whether")
		w.want("requests", w.http.requests(), []string{"POST /restart"})
		w.want("answers", len(w.Facts(remediate.KindSettled)), 0)
	}
}

// The incident ends between the answer and the continued run: the step is refused like every change.
func TestStepThatDidNotHappenIsNotDoneWhenTheIncidentEndsFirst(t *testing.T) {
	w := lost(t, catalog.Low, restarting)
	if err := w.settle(remediate.Answer{Seq: 1, Turn: w.run().Turn}); err != nil {
		t.Fatal(err)
	}
	i := respond.Incident{ID: "INC-1", Group: "g", Status: respond.Resolved}
	err := w.DB.Update(t.Context(), func(tx *store.Tx) error { return tx.SaveIncident(t.Context(), i) })
	if err != nil {
		t.Fatal(err)
	}
	w.For(time.Hour)
	w.ended(remediate.Failed, "INC-1 is over: nothing is changed any more")
	w.want("requests", w.http.requests(), []string{"POST /restart"})
}

// The process dies before or after the answer is durable, and at every point of the continued run.
func TestAnswerSurvivesADeathAtAnyPoint(t *testing.T) {
	// crashing calls f and reports whether the process died in it.
	crashing := func(f func() error) (died bool, err error) {
		defer func() {
			if p := recover(); p != nil {
				crash, ok := p.(error)
				if !ok || !errors.Is(crash, storetest.ErrCrash) {
					panic(p)
				}
				died = true
			}
		}()
		return false, f()
	}
	play := func(t *testing.T, happened bool, die int) (w *world, points int) {
		w = lost(t, catalog.Low, restarting)
		point := func() {
			if points++; points == die {
				panic(storetest.ErrCrash)
			}
		}
		a := remediate.Answer{Seq: 1, Turn: w.run().Turn, Happened: happened}
		w.cut.before, w.cut.after, w.http.arrived = point, point, point
		died, err := crashing(func() error { return w.settle(a) })
		if err != nil {
			t.Fatal(err)
		}
		if died {
			w.want("answer", len(w.Facts(remediate.KindSettled)), die-1) // before the commit there is none, and after it there is
			if die == 2 {
				w.For(time.Hour) // the job is in the same transaction: the run goes on before anybody asks again
				w.want("run", w.run().State, remediate.Succeeded)
			}
			if err := w.settle(a); err != nil { // the person got no reply and says it again
				t.Fatal(err)
			}
		}
		w.For(time.Hour)
		return w, points
	}
	for _, happened := range []bool{true, false} {
		_, points := play(t, happened, 0)
		if points < 8 {
			t.Fatalf("only %d places to die", points)
		}
		asked := 0
		for die := 1; die <= points; die++ {
			t.Run(fmt.Sprintf("happened %t, death %d", happened, die), func(t *testing.T) {
				w, _ := play(t, happened, die)
				restarts, want := 0, 2
				if happened {
					want = 1
				}
				for _, r := range w.http.requests() {
					if r == "POST /restart" {
						restarts++
					}
				}
				w.want("facts", len(w.Facts(remediate.KindSettled)), 1)
				switch r := w.run(); {
				case r.State == remediate.Succeeded && restarts == want:
				case r.State == remediate.Unknown && !happened && restarts <= want:
					asked++ // its answer was lost once more
				default:
					t.Errorf("run is %s because %q after %d restarts", r.State, r.Reason, restarts)
				}
			})
		}
		// Only between the intent of the step that is done again and its answer can nobody know.
		if !happened && (asked < 1 || asked > 3) {
			t.Errorf("%d of %d deaths left a question", asked, points)
		}
	}
}

func TestHeadersReachTheActionAndNotTheTimeline(t *testing.T) {
	w := newWorld(t, catalog.Low, `
must(http.get("http://svc/health", headers = {"Accept": "text/plain"}))
must(http.post("http://svc/flush", headers = {"Authorization": "Bearer secret:deploy"}))
r = http.put("http://svc/limit", headers = {"N": 1})
resolve(r.error)
`)
	w.named()
	w.ended(remediate.Succeeded, "the header N must be a string")
	w.want("first", w.http.seen[0].Headers, map[string]string{"Accept": "text/plain"})
	w.want("second", w.http.seen[1].Headers, map[string]string{"Authorization": "Bearer secret:deploy"})
	w.want("requests", len(w.http.seen), 2)
	for _, e := range w.Facts(remediate.KindActed) {
		if strings.Contains(e.Text, "deploy") {
			t.Errorf("the timeline says %q", e.Text)
		}
	}
	_, journal, _, err := w.s.Get(t.Context(), w.run().ID)
	if err != nil || journal[1].State != script.Done || !strings.Contains(string(journal[1].Args), "secret:deploy") {
		t.Errorf("the journal names the secret and does not have it: %+v, %v", journal, err)
	}
}
